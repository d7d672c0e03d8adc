"""Trees trained here: no false alarm of strangers beyond the level, relatives and directions found.

The numbers of docs/lineage.md are those that this file prints with ``-s``.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from tests.support import family_tree as family
from zoo_analysis.pairwise.lineage.fingerprint import Fingerprint
from zoo_analysis.pairwise.lineage.kinship import KIN_BY_INPUTS, KIN_BY_WORDS, kinship
from zoo_analysis.pairwise.lineage.relatives import kinship_rows
from zoo_analysis.sources import ModelRef

pytestmark = pytest.mark.exhaustive

_PAIRS = 1000
_NETWORKS = 46  # 1,035 pairs
_TREES = 8


def test_strangers_of_one_task_raise_no_more_alarms_than_the_level() -> None:
    x, y = family.digits()
    prints = [
        family.print_of(family.trained(family.stack(i), x, y, 150, i)) for i in range(_NETWORKS)
    ]
    _no_more_alarms_than_the_level(prints, "digits", KIN_BY_INPUTS)


def test_strange_transformers_raise_no_more_alarms_than_the_level() -> None:
    prints = [family.print_of(_taught(_llama(i), i, 30)) for i in range(_NETWORKS)]
    _no_more_alarms_than_the_level(prints, "llama", KIN_BY_WORDS)


def _no_more_alarms_than_the_level(prints: list[Fingerprint], what: str, kin: float) -> None:
    found = [kinship(a, b) for a, b in combinations(prints, 2)]
    assert len(found) >= _PAIRS
    p = np.exp([each.test.log_p for each in found if each.test])
    aligned = np.array([each.aligned for each in found])
    for level in (0.1, 0.05, 0.01):
        share = float((p <= level).mean())
        _tell(f"{what}: p <= {level}: {share:.4f} of {len(p)} pairs")
        # Each network is in 45 pairs, whose p-values are pairwise independent all the same.
        assert share <= level + 3 * np.sqrt(level * (1 - level) / len(p))
    _tell(f"{what}: aligned CKA {aligned.mean():.3f}, at most {aligned.max():.3f}")
    assert aligned.max() < kin


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")


@dataclass
class Score:
    """What was found of some trees."""

    related: int = 0
    pairs: int = 0
    right: int = 0
    steps: int = 0
    joined: int = 0
    alarms: int = 0
    strangers: int = 0
    wrong: list[str] = field(default_factory=list)


def test_relatives_are_found_and_directions_are_right() -> None:
    score = Score()
    for seed in range(_TREES):
        _judge(dict(_digits_tree(seed)), score)
        _judge(dict(_llama_tree(seed)), score)
    _tell(str(score))
    assert score.related == score.pairs
    assert score.alarms == 0
    assert score.right >= 0.9 * score.steps


def _judge(tree: dict[str, tuple[Fingerprint, str | None]], score: Score) -> None:
    """Count what is found of a tree: name → fingerprint and parent; ``stranger`` is none of it."""
    names = sorted(tree)
    refs = [ModelRef(name, "r", "", "local", 0) for name in names]
    parents = {name: tree[name][1] for name in names}
    for row in kinship_rows(refs, [tree[name][0] for name in names]):
        if row.measure != "kinship":
            continue
        a, b = row.repo_id_a, row.repo_id_b
        if "stranger" in (a, b):
            score.strangers += 1
            score.alarms += bool(row.related)
            continue
        score.pairs += 1
        score.related += bool(row.related)
        if not row.related:
            score.wrong.append(f"{a} and {b} not kin")
        truth = a if parents[b] == a else b if parents[a] == b else None
        if truth is None or "order" in (a, b):  # a copy in another order tells no direction
            continue
        score.steps += 1
        score.joined += bool(row.step)
        score.right += row.parent == truth
        if row.parent != truth:
            score.wrong.append(f"{a} and {b}: parent {row.parent}, not {truth}")


def _digits_tree(seed: int) -> Iterator[tuple[str, tuple[Fingerprint, str | None]]]:
    x, y = family.digits()
    base = family.trained(family.stack(seed), x[:900], y[:900], 300, seed)
    tuned = family.trained(base, x[900:], y[900:], 100, seed, lr=1e-3)
    moved = family.trained(base, x[900:], (y[900:] + 3) % 10, 100, seed + 1, lr=1e-3)
    again = family.trained(moved, x[900:].flip(1), y[900:], 100, seed + 2, lr=1e-3)
    yield "base", (family.print_of(base), None)
    yield "tuned", (family.print_of(tuned), "base")
    yield "moved", (family.print_of(moved), "base")
    yield "again", (family.print_of(again), "moved")
    yield "pruned", (family.print_of(family.pruned(base)), "base")
    yield "int8", (family.print_of(family.quantised(tuned)), "tuned")
    yield "order", (family.print_of(family.permuted(moved, seed, rescaled=True)), "moved")
    other = family.trained(family.stack(100 + seed), x[:900], y[:900], 300, seed)
    yield "stranger", (family.print_of(other), None)


def _llama(seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=64,
        max_position_embeddings=32,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config)


def _taught(model: nn.Module, seed: int, steps: int, task: int = 0, lr: float = 2e-3) -> nn.Module:
    """A model trained, in place, to continue sequences that step through the words."""
    draw = torch.Generator().manual_seed(seed)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=lr)
    for _ in range(steps):
        start = torch.randint(0, 64, (16, 1), generator=draw)
        stride = torch.randint(1, 4, (16, 1), generator=draw) + 3 * task
        words = (start + stride * torch.arange(16)) % 64
        loss = model(input_ids=words, labels=words).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def _llama_tree(seed: int) -> Iterator[tuple[str, tuple[Fingerprint, str | None]]]:
    base = _taught(_llama(seed), seed, 200)
    yield "base", (family.print_of(base), None)
    state = {name: tensor.clone() for name, tensor in base.state_dict().items()}

    def copy() -> LlamaForCausalLM:
        model = _llama(seed)
        model.load_state_dict(state)
        return model

    tuned = _taught(copy(), seed + 1, 60, task=1, lr=5e-4)
    yield "tuned", (family.print_of(tuned), "base")
    moved = _taught(copy(), seed + 2, 60, task=2, lr=5e-4)
    yield "moved", (family.print_of(moved), "base")
    again = _taught(moved, seed + 3, 60, task=3, lr=5e-4)  # in place: moved's print is made
    yield "again", (family.print_of(again), "moved")
    lora = LoraConfig(
        r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "up_proj", "down_proj"]
    )
    adapted = _taught(get_peft_model(copy(), lora), seed + 4, 60, task=1, lr=2e-3)
    yield "lora", (family.print_of(adapted.merge_and_unload()), "base")
    half = copy()
    half.load_state_dict({k: v.bfloat16().float() for k, v in tuned.state_dict().items()})
    yield "half", (family.print_of(half), "tuned")
    order = copy()
    _reorder(order, seed)
    yield "order", (family.print_of(order), "base")
    yield "stranger", (family.print_of(_taught(_llama(100 + seed), seed, 200)), None)


@torch.no_grad()
def _reorder(model: LlamaForCausalLM, seed: int) -> None:
    """The same function with its stream and the units of its MLPs in another order."""
    draw = torch.Generator().manual_seed(seed)
    stream = torch.randperm(model.config.hidden_size, generator=draw)
    body = model.model
    body.embed_tokens.weight.copy_(body.embed_tokens.weight[:, stream])
    body.norm.weight.copy_(body.norm.weight[stream])
    model.lm_head.weight.copy_(model.lm_head.weight[:, stream])
    for layer in body.layers:
        units = torch.randperm(model.config.intermediate_size, generator=draw)
        attention, mlp = layer.self_attn, layer.mlp
        for name in ("q_proj", "k_proj", "v_proj"):
            weight = getattr(attention, name).weight
            weight.copy_(weight[:, stream])
        attention.o_proj.weight.copy_(attention.o_proj.weight[stream])
        for each in (mlp.gate_proj, mlp.up_proj):
            each.weight.copy_(each.weight[units][:, stream])
        mlp.down_proj.weight.copy_(mlp.down_proj.weight[stream][:, units])
        for norm in (layer.input_layernorm, layer.post_attention_layernorm):
            norm.weight.copy_(norm.weight[stream])
