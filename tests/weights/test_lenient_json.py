"""Configurations as people leave them."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from zoo_analysis.sources.metadata import read_architecture
from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.layers.listing import list_layers
from zoo_analysis.weights.lenient_json import lenient_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(st.text(), inner, min_size=1),
    max_leaves=9,
)


@given(VALUES)
def test_json_means_what_it_means(value):
    assert lenient_json(json.dumps(value)) == value


@given(VALUES)
def test_a_byte_order_mark_and_commas_at_the_end_change_nothing(value):
    assert lenient_json('\ufeff{"a": [' + json.dumps(value) + " , ],}") == {"a": [value]}


@pytest.mark.parametrize("text", ["", "{", "{,}x", "[" * 100_000])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        lenient_json(text)


@pytest.mark.parametrize(
    ("raw", "series"),
    [
        (b'\xef\xbb\xbf{"model_type": "gpt2"}', "gpt2"),
        (b'{"model_type": "gpt2",}', "gpt2"),
        ('{"author": "Jos\xe9", "model_type": "gpt2"}'.encode("latin-1"), "gpt2"),
        (b"{", None),
        (b"[]", None),
        (b'\xff\xfe{"a": 1}', None),
    ],
)
def test_a_configuration_costs_its_metadata_at_most(tmp_path, raw, series):
    (tmp_path / "config.json").write_bytes(raw)
    save_file({"h.0.mlp.c_fc.weight": torch.randn(32, 128)}, tmp_path / "model.safetensors")
    assert read_architecture(tmp_path).series == series
    with open_checkpoint(tmp_path) as checkpoint:
        assert len(list_layers(checkpoint)) == 1
