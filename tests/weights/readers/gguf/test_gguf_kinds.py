"""What the tensors of llama.cpp's models are, by its names for them."""

from pathlib import Path

import numpy as np
import pytest
from gguf.constants import TENSOR_NAMES

from tests.support.gguf_files import gaussian, small_llama, write_gguf
from zoo_analysis.weights import LayerSpec, list_layers, open_checkpoint


def listed(file: Path) -> dict[str, LayerSpec]:
    with open_checkpoint(file) as checkpoint:
        return {spec.layer: spec for spec in list_layers(checkpoint)}


def test_a_language_models_matrices_come_in_the_order_of_the_network(tmp_path: Path) -> None:
    """Whatever the order of the file, and blocks by their numbers: 10 after 2."""
    specs = listed(write_gguf(tmp_path / "m.gguf", small_llama(blocks=11)))
    parts = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
    blocks = [f"blk.{n}.{part}" for n in range(11) for part in parts]
    assert list(specs) == ["token_embd", *blocks, "output"]
    assert [spec.depth for spec in specs.values()] == list(range(len(specs)))
    roles = [specs[layer].role for layer in ("token_embd", *blocks[:7], "output")]
    assert roles == ["embedding", "q", "k", "v", "attention", "mlp", "mlp", "mlp", "head"]
    assert specs["token_embd"].kind == "embedding"


def test_outputs_come_first(tmp_path: Path) -> None:
    specs = listed(write_gguf(tmp_path / "m.gguf", small_llama()))
    assert specs["blk.0.ffn_down"].shape == (64, 128)
    assert specs["blk.0.attn_k"].shape == (32, 64)


def test_experts_are_matrices_of_a_stack_and_the_router_is_one(tmp_path: Path) -> None:
    specs = listed(write_gguf(tmp_path / "m.gguf", small_llama(blocks=1, experts=4)))
    experts = [f"blk.0.ffn_{part}_exps[{i}]" for part in ("gate", "up", "down") for i in range(4)]
    assert [layer for layer, spec in specs.items() if spec.role == "expert"] == experts
    assert specs[experts[0]].index == 0
    assert specs["blk.0.ffn_gate_inp"].role == "router"


def test_an_output_that_is_the_embedding_is_not_in_the_file(tmp_path: Path) -> None:
    tied = {name: w for name, w in small_llama().items() if name != "output.weight"}
    specs = listed(write_gguf(tmp_path / "m.gguf", tied))
    assert "token_embd" in specs
    assert not [spec for spec in specs.values() if spec.role == "head"]


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [
        ("position_embd.weight", (32, 16), "embedding"),
        ("token_types.weight", (2, 16), "embedding"),
        ("per_layer_token_embd.weight", (32, 16), "embedding"),
        ("dec.blk.0.attn_rel_b.weight", (32, 8), "embedding"),
        ("v.patch_embd.weight", (16, 3, 14, 14), "conv2d"),
        ("blk.0.attn_k_b.weight", (4, 16, 8), "linear"),
        ("blk.0.ssm_in.weight", (64, 16), "linear"),
        ("blk.0.ssm_conv1d.weight", (64, 4), None),  # depthwise, without its axis of length 1
        ("blk.0.shortconv.conv.weight", (64, 3), None),
        ("blk.0.ssm_a", (64, 16), None),
        ("blk.0.time_mix_decay_w1.weight", (64, 16), "linear"),
        ("blk.0.time_mix_lerp_fused.weight", (5, 1, 1, 64), None),
        ("blk.0.time_mix_first.weight", (4, 16), None),
        ("blk.0.attn_q_norm.weight", (4, 16), None),
        ("blk.0.ffn_gate_exps.bias", (4, 16), None),
    ],
)
def test_names_say_what_shapes_do_not(
    tmp_path: Path, name: str, shape: tuple[int, ...], kind: str | None
) -> None:
    tensors = {name: gaussian(*shape), "blk.9.ffn_up.weight": gaussian(24, 16)}
    specs = listed(write_gguf(tmp_path / "m.gguf", tensors))
    kinds = {spec.kind for spec in specs.values() if spec.tensors[0] == name}
    assert kinds == ({kind} if kind else set())


def test_every_kind_of_attention_and_feed_forward_that_llama_cpp_names_has_its_role(
    tmp_path: Path,
) -> None:
    names = [name.format(bid=0) for name in TENSOR_NAMES.values() if name.startswith("blk.")]
    own = [n for n in names if ".attn_" in n or ".ffn_" in n]
    tensors = {f"{name}.weight": gaussian(24, 16) for name in own if "norm" not in name}
    tensors = {
        name: np.stack([w, w]) if name.endswith("exps.weight") else w for name, w in tensors.items()
    }
    specs = listed(write_gguf(tmp_path / "m.gguf", tensors))
    assert len({spec.tensors[0] for spec in specs.values()}) == len(tensors)
    assert not {layer for layer, spec in specs.items() if spec.role == "other"}
