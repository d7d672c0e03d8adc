"""Attention's products of one model: as transformers and torch keep it, beside formed products."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf

from zoo_analysis import attention_products
from zoo_analysis.errors import CheckpointError

torch.set_num_threads(1)

Matrices = tuple[torch.Tensor, ...]
TEXT = {"vocab_size": 50, "num_hidden_layers": 2, "intermediate_size": 32}


def linear(block: torch.nn.Module, *names: str) -> Matrices:
    return tuple(block.get_submodule(name).weight for name in names)


def gpt2() -> tuple[torch.nn.Module, str, Matrices, int]:
    config = hf.GPT2Config(vocab_size=50, n_positions=16, n_embd=48, n_layer=2, n_head=3)
    net = hf.GPT2Model(config)
    attention = net.h[1].attn
    q, k, v = attention.c_attn.weight.T.chunk(3)  # fused, stored as (in, out)
    return net, "h.1.attn", (q, k, v, attention.c_proj.weight.T), 3


def llama() -> tuple[torch.nn.Module, str, Matrices, int]:
    config = hf.LlamaConfig(
        hidden_size=64, num_attention_heads=4, num_key_value_heads=2, head_dim=12, **TEXT
    )
    net = hf.LlamaModel(config)
    names = ("q_proj", "k_proj", "v_proj", "o_proj")
    return net, "layers.1.self_attn", linear(net.layers[1].self_attn, *names), 4


def mixtral() -> tuple[torch.nn.Module, str, Matrices, int]:
    config = hf.MixtralConfig(
        hidden_size=64, num_attention_heads=8, num_key_value_heads=2, num_local_experts=4, **TEXT
    )
    net = hf.MixtralModel(config)
    names = ("q_proj", "k_proj", "v_proj", "o_proj")
    return net, "layers.1.self_attn", linear(net.layers[1].self_attn, *names), 8


def bert() -> tuple[torch.nn.Module, str, Matrices, int]:
    net = hf.BertModel(hf.BertConfig(hidden_size=48, num_attention_heads=3, **TEXT))
    block = net.encoder.layer[1].attention  # in two modules
    names = ("self.query", "self.key", "self.value", "output.dense")
    return net, "encoder.layer.1.attention", linear(block, *names), 3


def vit() -> tuple[torch.nn.Module, str, Matrices, int]:
    config = hf.ViTConfig(
        hidden_size=48,
        num_attention_heads=4,
        num_hidden_layers=2,
        intermediate_size=32,
        image_size=16,
        patch_size=8,
    )
    net = hf.ViTModel(config)
    names = ("q_proj", "k_proj", "v_proj", "o_proj")  # the file has those of earlier versions
    return net, "encoder.layer.1.attention", linear(net.layers[1].attention, *names), 4


@pytest.mark.parametrize("make", [gpt2, llama, mixtral, bert, vit])
def test_spectra_are_those_of_the_products_that_are_formed(
    make: Callable[[], tuple[torch.nn.Module, str, Matrices, int]], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    net, block, (q, k, v, o), heads = make()
    net.save_pretrained(tmp_path)
    rows = {row["layer"]: row for row in attention_products(tmp_path).to_pylist()}
    assert len(rows) == 2 * 2 * heads
    width = len(q) // heads
    groups = heads // (len(k) // width)
    for head in range(heads):
        mine = slice(head * width, (head + 1) * width)
        served = slice(head // groups * width, (head // groups + 1) * width)
        for role, product in (("qk", q[mine].T @ k[served]), ("ov", o[:, mine] @ v[served])):
            formed = product.detach().double().numpy()
            squared = np.linalg.svd(formed, compute_uv=False)[:width] ** 2
            row = rows[f"{block}[{role},{head}]"]
            assert (row["role"], row["kind"], row["part_of"]) == (role, "product", None)
            assert (row["N"], row["M"], row["num_evals"]) == (formed.shape[0], width, width)
            assert row["lambda_max"] == pytest.approx(squared[0], rel=1e-6)
            assert row["log_norm"] == pytest.approx(np.log10(squared.sum()), abs=1e-6)
            shares = squared / squared.sum()
            rank = np.exp(-(shares * np.log(shares)).sum())
            assert row["effective_rank"] == pytest.approx(rank, rel=1e-5)
            assert row["shape"] == list(formed.shape)


def test_a_fused_projection_of_torch_says_its_heads_itself() -> None:
    attention = torch.nn.ModuleDict({"attn": torch.nn.MultiheadAttention(48, 3)})
    rows = attention_products(attention).to_pylist()
    q, k, _ = attention["attn"].in_proj_weight.detach().double().chunk(3)
    assert len(rows) == 6
    expected = np.linalg.norm((q[:16].T @ k[:16]).numpy(), 2) ** 2
    assert rows[0]["lambda_max"] == pytest.approx(expected, rel=1e-6)


def test_weights_alone_are_told_their_heads() -> None:
    state = torch.nn.ModuleDict({"attn": torch.nn.MultiheadAttention(48, 3)}).state_dict()
    with pytest.raises(CheckpointError, match="tells how many heads"):
        attention_products(state)
    assert attention_products(state, heads=4).num_rows == 8
    with pytest.raises(CheckpointError, match="does not fit the sides"):
        attention_products(state, heads=5)


def test_a_network_without_attention_has_none() -> None:
    assert attention_products(torch.nn.Linear(4, 3)).num_rows == 0
