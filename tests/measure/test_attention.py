"""Attention's products of networks as transformers and torch keep them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, LlamaConfig, LlamaModel

from zoo_analysis import attention_products
from zoo_analysis.errors import CheckpointError

torch.set_num_threads(1)


def norm(product: torch.Tensor) -> float:
    return float(np.log10(float((product.double() ** 2).sum())))


def test_grouped_queries_as_llama_has_them(tmp_path: Path):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=64,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    net = LlamaModel(config)
    net.save_pretrained(tmp_path)
    rows = attention_products(tmp_path).to_pylist()
    assert [(row["layer"][:8], row["product"], row["head"]) for row in rows] == [
        (f"layers.{layer}", product, head)
        for layer in range(2)
        for product in ("qk", "ov")
        for head in range(4)
    ]
    attention = net.layers[1].self_attn
    q, k, v, o = (
        getattr(attention, f"{name}_proj").weight.detach() for name in ("q", "k", "v", "o")
    )
    told = {
        (row["product"], row["head"]): row for row in rows if row["layer"].startswith("layers.1")
    }
    for head in range(4):
        mine, shared = (
            slice(16 * head, 16 * head + 16),
            slice(16 * (head // 2), 16 * (head // 2) + 16),
        )
        assert told["qk", head]["log_norm"] == pytest.approx(norm(q[mine].T @ k[shared]), rel=1e-6)
        assert told["ov", head]["log_norm"] == pytest.approx(norm(o[:, mine] @ v[shared]), rel=1e-6)
        assert (told["qk", head]["N"], told["qk", head]["M"]) == (64, 16)
        assert told["qk", head]["status"] == "success"


def test_projections_that_lie_in_two_modules_as_bert_s(tmp_path: Path):
    config = BertConfig(
        vocab_size=40,
        hidden_size=48,
        num_hidden_layers=1,
        num_attention_heads=3,
        intermediate_size=24,
    )
    net = BertModel(config)
    net.save_pretrained(tmp_path)
    rows = attention_products(tmp_path).to_pylist()
    assert [row["layer"] for row in rows] == ["encoder.layer.0.attention"] * 6
    block = net.encoder.layer[0].attention
    value, output = block.self.value.weight.detach(), block.output.dense.weight.detach()
    expected = norm(output[:, 32:] @ value[32:])
    assert rows[-1]["log_norm"] == pytest.approx(expected, rel=1e-6)


def test_a_fused_projection_of_torch_is_told_its_heads():
    attention = torch.nn.ModuleDict({"attn": torch.nn.MultiheadAttention(48, 3)})
    with pytest.raises(CheckpointError, match="give heads"):
        attention_products(attention)
    rows = attention_products(attention, heads=3).to_pylist()
    q, k, _ = attention["attn"].in_proj_weight.detach().chunk(3)
    assert len(rows) == 6
    assert rows[0]["log_norm"] == pytest.approx(norm(q[:16].T @ k[:16]), rel=1e-6)
    with pytest.raises(CheckpointError, match="do not fit the sides"):
        attention_products(attention, heads=5)


def test_a_network_without_attention_has_none():
    assert attention_products(torch.nn.Linear(4, 3)).num_rows == 0
