"""What the tensors of llama.cpp's models are, by its names for them."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from gguf.constants import TENSOR_NAMES

from tests.support.gguf_files import gaussian, small_llama, write_gguf
from zoo_analysis.weights import LayerSpec, list_layers, load_kernel, open_checkpoint
from zoo_analysis.weights.layers.listing import take_inventory


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
        ("blk.0.ssm_conv1d.weight", (64, 4), "conv1d"),
        ("blk.0.ssm_conv1d_q.weight", (64, 4), "conv1d"),
        ("blk.0.shortconv.conv.weight", (64, 3), "conv1d"),
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


#: transformers' names of the parts of a Mamba block, by llama.cpp's.
MAMBA = {"conv1d": "ssm_conv1d", "in_proj": "ssm_in", "x_proj": "ssm_x", "dt_proj": "ssm_dt",
         "out_proj": "ssm_out"}  # fmt: skip


def converted(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """The tensors of transformers' Mamba as llama.cpp's converter names and shapes them.

    ssm_a is −exp(A_log), and the depthwise kernel loses its axis of length 1.
    """
    out = {}
    for name, tensor in model.state_dict().items():
        path = (
            name.removeprefix("backbone.").replace("mixer.norm", "ssm_norm").replace(".mixer", "")
        )
        path = path.replace("layers.", "blk.").replace("embeddings.", "token_embd.")
        path = path.replace("norm_f.", "output_norm.").replace(".norm.", ".attn_norm.")
        for theirs, own in MAMBA.items():
            path = path.replace(f".{theirs}.", f".{own}.")
        path = path.replace("A_log", "ssm_a").removesuffix(".D")
        path += ".ssm_d" if name.endswith(".D") else ""
        value = -tensor.exp() if name.endswith("A_log") else tensor
        value = value.reshape(2, -1) if "ssm_norm" in path else value
        if path != "lm_head.weight":
            out[path] = value.squeeze(1).numpy() if "conv1d.weight" in name else value.numpy()
    return out


@pytest.mark.parametrize("version", [1, 2])
def test_a_state_spaces_layers_are_those_of_the_same_model_in_safetensors(
    tmp_path: Path, version: int
) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 11, "vocab_size": 99, "state_size": 8}
    sizes["tie_word_embeddings"] = True
    if version == 1:
        model = transformers.MambaForCausalLM(transformers.MambaConfig(**sizes))
    else:
        heads = {"num_heads": 8, "head_dim": 8, "n_groups": 2}
        model = transformers.Mamba2ForCausalLM(transformers.Mamba2Config(**sizes, **heads))
    model.save_pretrained(tmp_path / "hf")
    file = write_gguf(tmp_path / "m.gguf", converted(model.float()), architecture="mamba")
    with open_checkpoint(tmp_path / "hf") as hub, open_checkpoint(file) as gguf:
        theirs, own = take_inventory(hub), take_inventory(gguf)
        for one, other in zip(theirs.layers, own.layers, strict=True):
            assert (one.kind, one.shape, one.groups) == (other.kind, other.shape, other.groups)
            a, b = load_kernel(hub, one), load_kernel(gguf, other)
            assert torch.equal(torch.as_tensor(a), torch.as_tensor(b))
    assert {row.reason for row in own.left_out} == {"vector"}
    assert (own.total, own.coverage) == (theirs.total, 1.0)


def test_norms_and_decays_of_a_state_space_are_vectors(tmp_path: Path) -> None:
    """Mamba 2 has one a head, and norms by groups, each (groups, width)."""
    tensors = {
        "blk.0.ssm_in.weight": gaussian(64, 16), "blk.0.ssm_a": gaussian(8, 1),
        "blk.0.ssm_d": gaussian(8, 1), "blk.0.ssm_norm.weight": gaussian(2, 16),
        "blk.1.ssm_a": gaussian(16, 8), "blk.0.ssm_dt.bias": gaussian(8),
    }  # fmt: skip
    with open_checkpoint(write_gguf(tmp_path / "m.gguf", tensors)) as checkpoint:
        found = take_inventory(checkpoint)
    assert [spec.layer for spec in found.layers] == ["blk.0.ssm_in"]
    assert [(row.tensor, row.count, row.reason) for row in found.left_out] == [("*", 5, "vector")]
