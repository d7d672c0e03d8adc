"""A model on disk is its contents."""

import os
import shutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.limits import within
from zoo_analysis.errors import CheckpointError, SourceError
from zoo_analysis.sources import resolve_revision, resolve_sources


def revision(path) -> str:
    [ref] = resolve_sources([str(path)]).refs
    return resolve_revision(ref).revision


@pytest.fixture
def model(tmp_path):
    directory = tmp_path / "o" / "n"
    directory.mkdir(parents=True)
    (directory / "model.safetensors").write_bytes(bytes(range(256)) * 1000)
    (directory / "config.json").write_text("{}")
    return directory


def test_the_same_contents_have_the_same_revision_wherever_they_lie(model, tmp_path):
    copy = shutil.copytree(model, tmp_path / "elsewhere" / "called" / "otherwise")
    assert revision(model) == revision(copy)
    assert len(revision(model)) == len("sha256-") + 16


@given(position=st.integers(0, 255_999), bit=st.integers(0, 7))
def test_one_bit_makes_another_revision(tmp_path_factory, position, bit):
    directory = tmp_path_factory.mktemp("o") / "n"
    directory.mkdir()
    content = bytearray(bytes(range(256)) * 1000)
    (directory / "model.safetensors").write_bytes(content)
    before = revision(directory)
    content[position] ^= 1 << bit
    (directory / "model.safetensors").write_bytes(content)
    assert revision(directory) != before


def test_the_configuration_counts_and_the_card_does_not(model):
    before = revision(model)
    (model / "README.md").write_text("# a card")
    (model / "optimizer.pt").write_text("x")
    assert revision(model) == before
    (model / "config.json").write_text('{"architecture": "vgg11"}')
    assert revision(model) != before


#: What another file beside the weights makes of the same weights.
DESCRIBING = [
    "config.json",
    "adapter_config.json",
    "model.safetensors.index.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "merges.txt",
    "spiece.model",
]


@pytest.mark.parametrize("name", DESCRIBING)
def test_what_the_numbers_depend_on_counts(model, name):
    before = revision(model)
    (model / name).write_text('{"weight_map": {"a": "model.safetensors"}}')
    added = revision(model)
    (model / name).write_text('{"weight_map": {"b": "model.safetensors"}}')
    assert len({before, added, revision(model)}) == 3


def test_the_configuration_beside_a_file_counts(model):
    before = revision(model / "model.safetensors")
    (model / "config.json").write_text('{"architecture": "vgg11"}')
    changed = revision(model / "model.safetensors")
    (model / "other.safetensors").write_bytes(b"x")
    assert len({before, changed}) == 2
    assert revision(model / "model.safetensors") == changed


def test_what_is_no_regular_file_is_not_waited_for(model):
    (model / "config.json").unlink()
    os.mkfifo(model / "tokenizer.json")  # beside the weights: nothing reads it
    with within(10):
        assert revision(model)
        [ref] = resolve_sources([str(model)]).refs
        for other in (os.mkfifo, lambda path: os.symlink("/dev/zero", path)):
            (model / "model.safetensors").unlink()
            other(model / "model.safetensors")
            with pytest.raises(CheckpointError, match=r"model\.safetensors: a FIFO"):
                resolve_revision(replace(ref, path=str(model / "model.safetensors")))


def test_what_leads_out_of_the_model_is_not_of_its_contents(model, tmp_path):
    before = revision(model)
    (tmp_path / "elsewhere").write_text("{}")
    (model / "tokenizer.json").symlink_to(tmp_path / "elsewhere")
    assert revision(model) == before
    (model / "tokenizer.json").unlink()
    (model / "tokenizer.json").write_text("{}")
    assert revision(model) != before


def test_bytes_do_not_wander_between_shards(tmp_path):
    revisions = set()
    for i, (first, second) in enumerate([(b"ab", b"c"), (b"a", b"bc"), (b"", b"abc")]):
        directory = tmp_path / str(i)
        directory.mkdir()
        (directory / "model-00001-of-00002.safetensors").write_bytes(first)
        (directory / "model-00002-of-00002.safetensors").write_bytes(second)
        revisions.add(revision(directory))
    assert len(revisions) == 3


def test_a_known_revision_stands(model):
    [ref] = resolve_sources([str(model)]).refs
    assert resolve_revision(replace(ref, revision="1.0")).revision == "1.0"


def test_a_file_that_vanished_is_one_line(model):
    [ref] = resolve_sources([str(model / "model.safetensors")]).refs
    (model / "model.safetensors").unlink()
    with pytest.raises(SourceError, match=r"model\.safetensors: cannot be read"):
        resolve_revision(ref)
