"""Layers load in canonical shape: what a framework's own layer computes from them is the judge."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import (
    Checkpoint,
    LayerSpec,
    kernel_dims,
    list_layers,
    load_kernel,
    open_checkpoint,
)

quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def stored(folder: Path, state: dict[str, torch.Tensor]) -> Checkpoint:
    save_file({k: v.detach().contiguous() for k, v in state.items()}, folder / "w.safetensors")
    return open_checkpoint(folder / "w.safetensors")


def by_name(checkpoint: Checkpoint, **options: Any) -> dict[str, LayerSpec]:
    return {spec.layer: spec for spec in list_layers(checkpoint, **{"config": {}, **options})}


def kernel(checkpoint: Checkpoint, spec: LayerSpec) -> torch.Tensor:
    """The kernel, after its shape has been held against what the header said it would be."""
    loaded = load_kernel(checkpoint, spec)
    groups, out, into, elements = kernel_dims(spec)
    assert loaded.shape[:3] == (groups, out, into)
    assert math.prod(loaded.shape[3:]) == elements
    assert loaded.dtype in (torch.float32, torch.float64)
    return loaded


def spec_of(module: nn.Module, kind: str, **fields: Any) -> LayerSpec:
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    return LayerSpec("m", ("m.weight",), kind, "other", 0, tuple(weight.shape), "float32", **fields)


def test_a_linear_layer_is_a_view_of_the_file(tmp_path: Path) -> None:
    layer = nn.Linear(8, 5)
    checkpoint = stored(tmp_path, {"fc.weight": layer.weight})
    loaded = kernel(checkpoint, by_name(checkpoint)["fc"])
    assert loaded.shape == (1, 5, 8)
    assert loaded[0].equal(layer.weight)
    assert loaded.untyped_storage().nbytes() < 2**20
    assert loaded._base is not None


@quick
@given(
    groups=st.integers(1, 4),
    out=st.integers(1, 4),
    into=st.integers(1, 4),
    size=st.integers(1, 3),
    dims=st.integers(1, 3),
)
def test_a_grouped_convolution_is_one_convolution_a_group(
    tmp_path: Path, groups: int, out: int, into: int, size: int, dims: int
) -> None:
    layer = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1](
        groups * into, groups * out, size, groups=groups, bias=False
    )
    checkpoint = stored(tmp_path, {"m.weight": layer.weight})
    loaded = kernel(checkpoint, spec_of(layer, f"conv{dims}d", groups=groups))
    image = torch.randn(2, groups * into, *(5,) * dims)
    convolve = (F.conv1d, F.conv2d, F.conv3d)[dims - 1]
    apart = [
        convolve(part, weight) for part, weight in zip(image.chunk(groups, 1), loaded, strict=True)
    ]
    torch.testing.assert_close(torch.cat(apart, 1), layer(image))


def test_a_grouped_convolution_is_a_product_with_the_unfolded_image(tmp_path: Path) -> None:
    layer = nn.Conv2d(6, 9, 3, groups=3, bias=False)
    checkpoint = stored(tmp_path, {"m.weight": layer.weight})
    loaded = kernel(checkpoint, spec_of(layer, "conv2d", groups=3))
    image = torch.randn(1, 6, 7, 7)
    columns = F.unfold(image, 3).reshape(3, 2 * 9, 25)
    product = torch.bmm(loaded.flatten(2), columns).reshape(1, 9, 5, 5)
    torch.testing.assert_close(product, layer(image))


@quick
@given(
    groups=st.integers(1, 3),
    out=st.integers(1, 3),
    into=st.integers(1, 3),
    dims=st.integers(1, 3),
)
def test_a_transposed_convolution_is_the_adjoint_of_its_kernel(
    tmp_path: Path, groups: int, out: int, into: int, dims: int
) -> None:
    layer = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[dims - 1](
        groups * into, groups * out, 1, groups=groups, bias=False
    )
    checkpoint = stored(tmp_path, {"m.weight": layer.weight})
    spec = spec_of(layer, f"conv_transpose{dims}d", groups=groups, transposed=True)
    loaded = kernel(checkpoint, spec)
    pixel = torch.randn(groups * into)  # with a kernel of one element it is a matrix a group
    whole = layer(pixel.reshape(1, -1, *(1,) * dims)).flatten()
    product = torch.bmm(loaded.flatten(2), pixel.reshape(groups, into, 1)).flatten()
    torch.testing.assert_close(product, whole)


def test_gpt2_stores_its_matrices_as_in_by_out(tmp_path: Path) -> None:
    layer = Conv1D(12, 4)
    nn.init.normal_(layer.bias)
    name = "transformer.h.0.attn.c_attn"
    checkpoint = stored(tmp_path, {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias})
    layers = by_name(checkpoint, split_qkv=True)
    assert layers[name].kind == "linear"
    assert layers[name].transposed
    loaded = kernel(checkpoint, layers[name])
    x = torch.randn(3, 4)
    torch.testing.assert_close(F.linear(x, loaded[0], layer.bias), layer(x))
    for part, expected in zip("qkv", layer.weight.split(4, dim=1), strict=True):
        spec = layers[f"{name}[{part}]"]
        assert spec.part_of == name
        assert kernel(checkpoint, spec)[0].equal(expected.T)


@pytest.mark.parametrize("name", ["blocks.0.attn.qkv.weight", "mha.in_proj_weight"])
def test_fused_thirds_split_into_q_k_v(tmp_path: Path, name: str) -> None:
    weight = torch.randn(12, 4)
    checkpoint = stored(tmp_path, {name: weight})
    whole, *parts = by_name(checkpoint, split_qkv=True).values()
    assert [part.role for part in parts] == ["q", "k", "v"]
    assert {part.part_of for part in parts} == {whole.layer}
    assert {part.depth for part in parts} == {whole.depth}
    assert torch.cat([kernel(checkpoint, part)[0] for part in parts]).equal(weight)
    assert len(by_name(checkpoint)) == 1


def test_the_parts_of_multihead_attention_are_its_own(tmp_path: Path) -> None:
    attention = nn.MultiheadAttention(8, 2, bias=False)
    checkpoint = stored(tmp_path, {f"attn.{k}": v for k, v in attention.state_dict().items()})
    layers = by_name(checkpoint, split_qkv=True)
    assert set(layers) == {
        "attn.in_proj",
        "attn.in_proj[q]",
        "attn.in_proj[k]",
        "attn.in_proj[v]",
        "attn.out_proj",
    }
    q = kernel(checkpoint, layers["attn.in_proj[q]"])[0]
    assert q.equal(attention.in_proj_weight[:8])


def test_grouped_query_attention_takes_its_sizes_from_the_config(tmp_path: Path) -> None:
    config = {
        "model_type": "no-such-type",
        "hidden_size": 8,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 2,
    }
    weight = torch.randn(8 + 4 + 4, 8)
    checkpoint = stored(tmp_path, {"model.layers.0.self_attn.qkv_proj.weight": weight})
    parts = list(by_name(checkpoint, split_qkv=True, config=config).values())[1:]
    assert [part.rows for part in parts] == [(0, 8), (8, 12), (12, 16)]
    assert list(by_name(checkpoint, split_qkv=True)) == ["model.layers.0.self_attn.qkv_proj"]


@pytest.mark.parametrize(
    ("name", "model_type"),
    [
        ("gpt_neox.layers.0.attention.query_key_value.weight", "gpt_neox"),
        ("h.0.self_attention.query_key_value.weight", "bloom"),
        ("transformer.h.0.attn.qkv_proj.weight", "codegen"),
    ],
)
def test_interleaved_heads_are_left_whole(tmp_path: Path, name: str, model_type: str) -> None:
    checkpoint = stored(tmp_path, {name: torch.randn(12, 4)})
    config = {"model_type": model_type, "hidden_size": "never built"}
    assert len(by_name(checkpoint, split_qkv=True, config=config)) == 1


@pytest.mark.parametrize("transposed", [False, True], ids=["out-in", "in-out"])
def test_a_stack_of_experts_is_one_matrix_an_expert(tmp_path: Path, transposed: bool) -> None:
    gate_up, down = torch.randn(3, 12, 4), torch.randn(3, 4, 6)
    if transposed:  # as gpt-oss and llama 4 store them
        gate_up, down = gate_up.mT, down.mT
    prefix = "model.layers.0.mlp.experts"
    state = {f"{prefix}.gate_up_proj": gate_up, f"{prefix}.down_proj": down}
    checkpoint = stored(tmp_path, state)
    layers = by_name(checkpoint)
    assert len(layers) == 6
    for index in range(3):
        spec = layers[f"{prefix}.down_proj[{index}]"]
        assert spec.index == index
        assert spec.role == "expert"
        assert kernel_dims(spec) == (1, 4, 6, 1)
        expected = down[index].T if transposed else down[index]
        assert kernel(checkpoint, spec)[0].equal(expected)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
)
def test_narrow_floats_are_upcast_exactly(tmp_path: Path, dtype: torch.dtype) -> None:
    weight = torch.randn(16, 8).to(dtype)
    checkpoint = stored(tmp_path, {"fc.weight": weight})
    loaded = kernel(checkpoint, by_name(checkpoint)["fc"])
    assert loaded.dtype == torch.float32
    assert loaded[0].equal(weight.float())


def test_double_precision_stays(tmp_path: Path) -> None:
    checkpoint = stored(tmp_path, {"fc.weight": torch.randn(4, 4, dtype=torch.float64)})
    assert kernel(checkpoint, by_name(checkpoint)["fc"]).dtype == torch.float64


@pytest.mark.parametrize("old", [True, False], ids=["weight_g", "parametrizations"])
def test_weight_normalised_convolutions_are_put_together(tmp_path: Path, old: bool) -> None:
    plain = nn.Conv1d(8, 16, 5, groups=2)
    norm = nn.utils.weight_norm if old else nn.utils.parametrizations.weight_norm
    layer = norm(plain, dim=2)
    with torch.no_grad():
        lengths = layer.weight_g if old else layer.parametrizations.weight.original0
        lengths.mul_(torch.rand_like(lengths))
    layer(torch.randn(1, 8, 9))  # the old way renews the weight in a forward pass
    checkpoint = stored(tmp_path, {f"pos.conv.{k}": v for k, v in layer.state_dict().items()})
    (spec,) = list_layers(checkpoint, config={})
    assert (spec.layer, spec.kind) == ("pos.conv", "conv1d")
    loaded = load_kernel(checkpoint, spec).reshape(layer.weight.shape)
    torch.testing.assert_close(loaded, layer.weight.detach())


def test_tied_tensors_count_once(tmp_path: Path) -> None:
    table = torch.randn(9, 4)
    state = {"model.embed_tokens.weight": table, "lm_head.weight": table}
    torch.save(state, tmp_path / "w.pt")
    assert list(by_name(open_checkpoint(tmp_path / "w.pt"))) == ["model.embed_tokens"]
    checkpoint = stored(tmp_path, {name: tensor.clone() for name, tensor in state.items()})
    assert len(by_name(checkpoint)) == 2
    config = {"tie_word_embeddings": True}
    assert list(by_name(checkpoint, config=config)) == ["model.embed_tokens"]


def test_recurrent_matrices_are_linear(tmp_path: Path) -> None:
    lstm = nn.LSTM(3, 5, bidirectional=True)
    checkpoint = stored(tmp_path, {f"rnn.{k}": v for k, v in lstm.state_dict().items()})
    layers = by_name(checkpoint)
    assert set(layers) == {
        "rnn.weight_ih_l0",
        "rnn.weight_hh_l0",
        "rnn.weight_ih_l0_reverse",
        "rnn.weight_hh_l0_reverse",
    }
    assert kernel(checkpoint, layers["rnn.weight_ih_l0"])[0].equal(lstm.weight_ih_l0)


def test_vectors_tables_and_buffers_are_no_layers(tmp_path: Path) -> None:
    state = {
        "fc.weight": torch.randn(3, 2),
        "fc.bias": torch.randn(3),
        "norm.weight": torch.randn(3),
        "grn.weight": torch.randn(1, 1, 1, 3),
        "ls1.gamma": torch.randn(3, 1, 1),
        "pos_embed": torch.randn(1, 5, 4),
        "cls_token": torch.randn(1, 1, 4),
        "attn.relative_position_bias_table": torch.randn(9, 2),
        "attn.relative_position_index": torch.zeros(4, 4, dtype=torch.int64),
        "attn.bias": torch.ones(1, 1, 4, 4, dtype=torch.bool),
        "bn.running_mean": torch.randn(3),
    }
    assert list(by_name(stored(tmp_path, state))) == ["fc"]


def test_a_spec_of_another_checkpoint_is_refused(tmp_path: Path) -> None:
    checkpoint = stored(tmp_path, {"m.weight": torch.randn(3, 2)})
    spec = spec_of(nn.Linear(3, 3), "linear")
    with pytest.raises(CheckpointError, match=r"has shape \(3, 2\), not \(3, 3\)"):
        load_kernel(checkpoint, spec)
