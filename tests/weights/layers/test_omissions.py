"""What is no matrix is told by its axes and its neighbours, and what nothing tells is said."""

import time
from typing import get_args

import pytest
import timm
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.support.routes import HeaderOnly
from zoo_analysis.weights import list_layers
from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.layers.kinds import judge
from zoo_analysis.weights.layers.omissions import omission
from zoo_analysis.weights.readers.memory import MemoryCheckpoint
from zoo_analysis.weights.spec import Omission


def infos(**shapes: tuple[int, ...]) -> dict[str, TensorInfo]:
    named = {name.replace("__", "."): shape for name, shape in shapes.items()}
    return {n: TensorInfo(n, s, "float32", 4, (i,)) for i, (n, s) in enumerate(named.items())}


def reasons(model: nn.Module) -> dict[str, str]:
    """Why what is no matrix is none, by names and shapes alone."""
    tensors = HeaderOnly(model).tensors
    matrices = judge(tensors, list(tensors))
    return {n: omission(t, tensors) for n, t in tensors.items() if n not in matrices}


def measured(module: nn.Module) -> list[str]:
    return [spec.tensors[0] for spec in list_layers(MemoryCheckpoint(module.state_dict()))]


def test_a_linear_layer_called_norm_is_a_matrix() -> None:
    for bias in (True, False):
        module = nn.ModuleDict({"norm": nn.Linear(32, 48, bias=bias), "ln_1": nn.Linear(48, 48)})
        assert measured(module) == ["norm.weight", "ln_1.weight"]
    assert measured(nn.ModuleDict({"conv_norm": nn.Conv2d(8, 16, 3)})) == ["conv_norm.weight"]


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(8), nn.LayerNorm((8, 6, 6)), nn.LayerNorm((4, 8))])
def test_a_norm_of_another_name_is_none(norm: nn.Module) -> None:
    """Statistics lie beside it, or a bias of its own shape."""
    assert measured(nn.ModuleDict({"third": norm, "fc": nn.Linear(8, 8)})) == ["fc.weight"]
    told = reasons(nn.ModuleDict({"third": norm}))
    assert told["third.weight"] == told["third.bias"] == "vector"
    assert all(told[name] == "buffer" for name in told.keys() - {"third.weight", "third.bias"})


def test_a_norm_a_head_is_a_vector() -> None:
    """Cohere's queries and keys have a norm of heads × width, as long as their projections."""
    config = transformers.CohereConfig(
        hidden_size=64, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=96, vocab_size=99, use_qk_norm=True,
    )  # fmt: skip
    with torch.device("meta"):
        told = reasons(transformers.CohereForCausalLM(config))
    assert told["model.layers.0.self_attn.q_norm.weight"] == "vector"
    assert told["model.layers.0.self_attn.k_norm.weight"] == "vector"


@pytest.mark.parametrize(
    ("name", "parameter", "reason"),
    [
        ("vit_tiny_patch16_224", "pos_embed", "position-table"),
        ("vit_tiny_patch16_224", "cls_token", "vector"),
        ("vit_tiny_patch16_224", "blocks.0.norm1.weight", "vector"),
        ("cait_xxs24_224", "blocks.0.gamma_1", "vector"),
        ("convnext_atto", "stages.0.blocks.0.gamma", "vector"),
        ("beit_base_patch16_224", "blocks.0.attn.relative_position_bias_table", "position-table"),
        ("levit_128s", "stages.0.blocks.0.attn.attention_biases", "position-table"),
        ("efficientvim_m1", "stages.0.blocks.0.alpha", "vector"),
        ("csatv2", "stem_dct.transform.transform.weights", "buffer"),
        ("resnet18", "bn1.running_var", "buffer"),
        ("resnet18", "bn1.num_batches_tracked", "buffer"),
        ("efficientnet_cc_b0_4e", "blocks.4.2.conv_pw.weight", "not-understood"),
    ],
)
def test_what_architectures_hold_beside_matrices(name: str, parameter: str, reason: str) -> None:
    with torch.device("meta"):
        told = reasons(timm.create_model(name, pretrained=False))
    assert told[parameter] == reason


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "reason"),
    [
        ("attn.causal_mask", (64, 64), "float32", "mask"),
        ("attn.bias", (1, 1, 64, 64), "float32", "mask"),
        ("attn.allowed", (64, 64), "bool", "mask"),
        ("rotary_emb.inv_freq", (32,), "float32", "buffer"),
        ("alibi.slopes", (1, 8, 1), "float32", "vector"),
        ("alibi_slopes", (4, 8), "float32", "position-table"),
        ("pe_layer.positional_encoding_gaussian_matrix", (2, 128), "float32", "position-table"),
        ("logit_scale", (), "float32", "vector"),
        ("visual.register_tokens", (4, 8), "float32", "token"),
        ("resampler.latents", (4, 8), "float32", "token"),
        ("queue", (128, 4096), "float32", "buffer"),
        ("attn.relative_position_index", (49, 49), "int64", "buffer"),
        ("state.exp_avg", (8, 8), "float32", "training-state"),
        ("optimizer.0.weight", (8, 8), "float32", "training-state"),
        ("fc.weight", (0, 8), "float32", "empty"),
        ("experts.down_proj_bias", (8, 16), "float32", "vector"),
        ("layer.absmax", (64,), "float32", "packed"),
        ("layer.qweight", (64, 8), "int32", "packed"),
        ("norm.scale", (64,), "float32", "vector"),
        ("riddle", (8, 16), "float32", "not-understood"),
        ("a.weight", (2, 2, 2, 2, 2, 2), "float32", "not-understood"),
    ],
)
def test_the_reason_of_a_lone_tensor(
    name: str, shape: tuple[int, ...], dtype: str, reason: str
) -> None:
    tensors = {name: TensorInfo(name, shape, dtype, 4, (0,))}
    assert omission(tensors[name], tensors) == reason
    assert not judge(tensors, [name])


def test_a_codebook_is_told_by_its_usage() -> None:
    tensors = infos(vq__embed=(512, 64), vq__cluster_size=(512,), vq__embed_avg=(512, 64))
    assert [omission(t, tensors) for t in tensors.values()] == ["codebook", "buffer", "buffer"]


def test_a_scale_is_packed_beside_codes_alone() -> None:
    tensors = infos(fc__scale=(8,)) | {
        "fc.weight": TensorInfo("fc.weight", (8, 8), "float8_e4m3fn", 64, (9,))
    }
    assert omission(tensors["fc.scale"], tensors) == "packed"


WORDS = (
    "attn experts norm ln_1 router 0 12 weight bias w1 W_Q kernel gate_up_proj running_mean scale "
    "pos_embed embed mask lora_A lora_B hada_w1_a qweight weight_orig weight_mask parametrizations"
)
words = st.sampled_from(WORDS.split())
names = st.lists(words | st.text("ab_.é ", max_size=4), min_size=1, max_size=5).map(".".join)
shapes = st.lists(st.sampled_from([0, 1, 2, 3, 8]), max_size=6).map(tuple)
dtypes = st.sampled_from(["float32", "bfloat16", "float8_e4m3fn", "int8", "int64", "bool"])


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(names, st.tuples(shapes, dtypes), min_size=1, max_size=8))
def test_whatever_a_file_holds_is_a_matrix_or_has_a_reason(
    held: dict[str, tuple[tuple[int, ...], str]],
) -> None:
    tensors = {n: TensorInfo(n, shape, dtype, 4, (0,)) for n, (shape, dtype) in held.items()}
    told = {name: omission(info, tensors) for name, info in tensors.items()}
    assert set(told.values()) <= set(get_args(Omission))
    matrices = judge(tensors, list(tensors))
    assert all(told[name] == "not-understood" for name in matrices)
    assert all(0 not in held[name][0] and len(held[name][0]) > 1 for name in matrices)


def test_a_hundred_thousand_tensors_take_seconds() -> None:
    names = (
        "attn.q_norm.weight",
        "attn.relative_position_bias_table",
        "mlp.fc1.weight",
        "ls1.gamma",
    )
    tensors = infos(**{f"blocks.{i}.{n}": (8, 8) for i in range(25_000) for n in names})
    start = time.process_time()
    for info in tensors.values():
        omission(info, tensors)
    assert time.process_time() - start < 10
