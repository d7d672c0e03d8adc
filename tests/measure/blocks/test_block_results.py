"""Blocks measured: experts beside plain singular value decompositions, and what must not matter."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis import analyze, attention_products, method
from zoo_analysis.measure.blocks.block_results import LEADING

torch.set_num_threads(1)

BLOCKS = method(of="blocks")


def experts(matrices: list[torch.Tensor]) -> list[dict[str, object]]:
    state = {f"mlp.experts.{i}.w1.weight": w for i, w in enumerate(matrices)}
    return analyze(state, BLOCKS).to_pylist()


def leading(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    u, _, vt = np.linalg.svd(w)
    return u[:, :LEADING], vt[:LEADING].T


def test_experts_of_a_mixture_share_what_their_leading_singular_vectors_span(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    config = hf.MixtralConfig(
        vocab_size=50,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        num_local_experts=3,
    )
    net = hf.MixtralModel(config)
    net.save_pretrained(tmp_path)
    rows = {row["layer"]: row for row in analyze(tmp_path, BLOCKS).to_pylist()}
    downs = {name: row for name, row in rows.items() if row["shape"][-2:] == [24, 32]}
    stored = {row["layer"]: row for row in analyze(tmp_path).to_pylist()}
    assert len(downs) == 3
    assert downs.keys() <= stored.keys()  # called as their rows in a scan of layers
    (stack,) = (w for name, w in net.named_parameters() if "down_proj" in name or "w2" in name)
    bases = [leading(w) for w in stack.detach().double().numpy()]
    for number, row in enumerate(downs.values()):
        others = [base for i, base in enumerate(bases) if i != number]
        for side, column in enumerate(("overlap_out", "overlap_in")):
            shared = [
                np.linalg.norm(bases[number][side].T @ other[side]) ** 2 / LEADING
                for other in others
            ]
            assert row[column] == pytest.approx(np.mean(shared), rel=1e-4)
        assert (row["role"], row["status"], row["alpha"]) == ("expert", "subspace", None)


def test_unrelated_experts_overlap_by_chance_and_copies_altogether() -> None:
    generator = torch.Generator().manual_seed(1)
    apart = experts([torch.randn(120, 80, generator=generator) for _ in range(12)])
    assert np.mean([row["overlap_out"] for row in apart]) == pytest.approx(10 / 120, rel=0.1)
    assert np.mean([row["overlap_in"] for row in apart]) == pytest.approx(10 / 80, rel=0.1)
    w = torch.randn(40, 30, generator=generator)
    turned = torch.linalg.qr(torch.randn(40, 40, generator=generator)).Q
    both = experts([w, turned @ w])  # other outputs of the same inputs
    assert [row["overlap_in"] for row in both] == pytest.approx([1, 1], abs=1e-4)
    assert both[0]["overlap_out"] < 0.5


def test_an_expert_that_cannot_be_compared_leaves_the_others_alone() -> None:
    generator = torch.Generator().manual_seed(2)
    w = [torch.randn(30, 30, generator=generator) for _ in range(4)]
    broken = w[1].clone()
    broken[0, 0] = float("nan")
    rows = experts([w[0], broken, torch.zeros(30, 30), w[3]])
    told = [row["status"] for row in rows]
    assert told == ["subspace", "non-finite", "all-zero", "subspace"]
    pair = experts([w[0], w[3]])
    assert rows[0]["overlap_in"] == pytest.approx(pair[0]["overlap_in"])
    assert rows[1]["overlap_in"] is None


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(2, 5), st.integers(0, 10**6))
def test_no_change_of_basis_within_a_head_alters_its_numbers(
    heads: int, width: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    d = 12
    q, k, v, o = (random(heads, width, d) for _ in range(4))
    scales = torch.linspace(0.5, 3, width, dtype=torch.float64)
    basis = [torch.linalg.qr(random(width, width)).Q * scales for _ in range(2 * heads)]
    other = [torch.linalg.inv(b).mT for b in basis]
    turned = (
        torch.stack([b @ x for b, x in zip(by, matrix, strict=True)])
        for by, matrix in (
            (basis[:heads], q),
            (other[:heads], k),
            (basis[heads:], v),
            (other[heads:], o),
        )
    )
    told = []
    for q_, k_, v_, o_ in ((q, k, v, o), tuple(turned)):
        state = {
            "attn.q_proj.weight": q_.flatten(0, 1),
            "attn.k_proj.weight": k_.flatten(0, 1),
            "attn.v_proj.weight": v_.flatten(0, 1),
            "attn.out_proj.weight": o_.flatten(0, 1).mT.contiguous(),
        }
        told.append(products(state, heads))
    for before, after in zip(*told, strict=True):
        for name in ("lambda_max", "log_norm", "effective_rank", "stable_rank"):
            assert after[name] == pytest.approx(before[name], rel=1e-6)


def products(state: dict[str, torch.Tensor], heads: int) -> list[dict[str, float]]:
    return attention_products(state, heads=heads).to_pylist()


def test_a_head_with_what_is_not_finite_has_no_numbers() -> None:
    state = torch.nn.ModuleDict({"attn": torch.nn.MultiheadAttention(24, 2)}).state_dict()
    state["attn.out_proj.weight"] = torch.full((24, 24), float("inf"))
    assert {row["status"] for row in products(state, 2)} == {"non-finite"}
    state["attn.out_proj.weight"] = torch.zeros(24, 24)
    told = [row["status"] for row in products(state, 2)]
    assert told == ["success", "all-zero", "success", "all-zero"]
