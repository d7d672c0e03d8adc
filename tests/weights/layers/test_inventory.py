"""Every element of a checkpoint is measured or left out for a reason."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations, prune

from zoo_analysis.weights.layers.inventory import VECTORS, Inventory, LeftOut
from zoo_analysis.weights.layers.listing import inventory_by, take_inventory
from zoo_analysis.weights.readers.memory import MemoryCheckpoint
from zoo_analysis.weights.readers.open import open_checkpoint

PARTS = st.sampled_from(
    [
        "weight",
        "bias",
        "norm",
        "layers",
        "0",
        "17",
        "attn",
        "qkv",
        "running_mean",
        "weight_v",
        "weight_g",
        "weight_orig",
        "weight_mask",
        "lora_A",
        "lora_B",
        "ema",
        "module",
        "experts",
        "gate_up_proj",
        "scale",
        "scales",
        "qweight",
        "embed",
        "pos_embed",
        "base_layer",
        "original_module",
        "parametrizations",
        "original0",
        "num_batches_tracked",
        "running_var",
        "head",
        "²",
        "émb",
    ]
)
NAMES = st.lists(PARTS, min_size=1, max_size=5).map(".".join)
SHAPES = st.lists(st.integers(0, 6), max_size=5).map(tuple)
DTYPES = st.sampled_from(
    [
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.float8_e4m3fn,
        torch.complex64,
        torch.int64,
        torch.int32,
        torch.uint8,
        torch.int8,
        torch.bool,
    ]
)
FLOATING = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn)


def balanced(inventory: Inventory) -> bool:
    left = sum(row.elements for row in inventory.left_out)
    return inventory.total == inventory.measured + left


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, st.tuples(SHAPES, DTYPES), min_size=1, max_size=12))
def test_the_books_of_any_state_dict_balance(
    invented: dict[str, tuple[tuple[int, ...], torch.dtype]],
) -> None:
    state = {name: torch.zeros(shape, dtype=dtype) for name, (shape, dtype) in invented.items()}
    inventory = inventory_by(None, MemoryCheckpoint(state), {})
    assert balanced(inventory)
    used = {name for spec in inventory.layers for name in spec.tensors}
    floating = {name for name, tensor in state.items() if tensor.dtype in FLOATING}
    outside = sum(row.count for row in inventory.left_out if row.reason != "packed")
    packed = sum(row.count for row in inventory.left_out if row.reason == "packed")
    assert len(floating - used) <= outside + packed
    assert inventory.total >= sum(state[name].numel() for name in floating)


def test_tied_tensors_count_once() -> None:
    net = nn.Sequential(nn.Embedding(50, 16), nn.Linear(16, 50, bias=False))
    net[1].weight = net[0].weight
    inventory = inventory_by(None, MemoryCheckpoint(net.state_dict()), {})
    assert (inventory.total, inventory.measured, inventory.left_out) == (800, 800, ())


def test_vectors_are_one_row_and_names_that_differ_by_numbers_another() -> None:
    state = {f"blocks.{i}.{name}": torch.ones(4) for i in range(3) for name in ("bias", "norm")}
    state |= {f"blocks.{i}.mystery": torch.ones(2, 3, 4, 5, 6, 7) for i in range(3)}
    inventory = inventory_by(None, MemoryCheckpoint(state), {})
    assert set(inventory.left_out) == {
        LeftOut(VECTORS, 6, 24, "vector"),
        LeftOut("blocks.*.mystery", 3, 3 * math.factorial(7), "not-understood"),
    }
    assert inventory.coverage == 0


def test_a_reparametrised_layer_is_made_of_all_its_tensors() -> None:
    net = nn.Sequential(
        parametrizations.weight_norm(nn.Linear(8, 6)),
        parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)),
    )
    prune.l1_unstructured(pruned := nn.Linear(8, 6, bias=False), "weight", amount=0.5)
    state = net.state_dict() | {f"pruned.{k}": v for k, v in pruned.state_dict().items()}
    inventory = inventory_by(None, MemoryCheckpoint(state), {})
    assert inventory.total == sum(tensor.numel() for tensor in state.values())
    assert inventory.left_out == (LeftOut(VECTORS, 2, 6 + 4, "vector"),)


def test_what_a_training_script_keeps_beside_the_weights_has_a_reason(tmp_path: Path) -> None:
    net = nn.Linear(8, 6)
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 8)).sum().backward()
    optimiser.step()
    content = {
        "state_dict": net.state_dict(),
        "model_ema": {name: value.clone() for name, value in net.state_dict().items()},
        "optimizer": optimiser.state_dict(),
        "critic": {"weight": torch.ones(5, 5)},
        "sparse": torch.eye(4).to_sparse(),
        "epoch": 3,
    }
    torch.save(content, tmp_path / "last.ckpt")
    with open_checkpoint(tmp_path / "last.ckpt") as checkpoint:
        inventory = take_inventory(checkpoint, {})
    elements = {(row.tensor, row.reason): row.elements for row in inventory.left_out}
    moments = 2 * (48 + 6) + 2  # of Adam, and its counts of steps
    assert sum(n for (_, reason), n in elements.items() if reason == "training-state") == moments
    assert sum(n for (_, reason), n in elements.items() if reason == "copy") == 54
    assert elements["critic.weight", "not-understood"] == 25
    assert elements["sparse", "not-understood"] == 4  # of its sixteen, those that are stored
    assert inventory.measured == 48
    assert balanced(inventory)


def test_packed_integers_that_nobody_reads_are_on_the_books(tmp_path: Path) -> None:
    state = {
        "fc.qweight": torch.zeros(8, 64, dtype=torch.int32),
        "fc.scales": torch.ones(2, 64, dtype=torch.float16),
        "table": torch.zeros(49, 49, dtype=torch.int64),
    }
    save_file(state, tmp_path / "model.safetensors")
    with open_checkpoint(tmp_path) as checkpoint:
        inventory = take_inventory(checkpoint)
    assert inventory.coverage == 0
    assert {row.reason for row in inventory.left_out} == {"packed"}


@pytest.mark.parametrize(
    ("prefix", "reason"), [("ema", "copy"), ("base_model.model.fc.original_module", "copy")]
)
def test_copies_are_left_out_as_such(prefix: str, reason: str) -> None:
    weight = torch.randn(12, 12)
    state = {"fc.weight": weight, f"{prefix}.fc.weight": weight.clone()}
    if "original" in prefix:
        state = {
            "base_model.model.fc.modules_to_save.default.weight": weight,
            "base_model.model.fc.original_module.weight": weight.clone(),
            "base_model.model.q.lora_A.weight": torch.ones(2, 12),
            "base_model.model.q.lora_B.weight": torch.ones(12, 2),
        }
    inventory = inventory_by(None, MemoryCheckpoint(state), {})
    assert [(row.elements, row.reason) for row in inventory.left_out] == [(144, reason)]
    assert inventory.coverage == 1


@pytest.mark.parametrize(
    ("key", "stray"),
    [("anchors", torch.ones(9, 2)), ("mean.x", torch.ones(3)), ("w", torch.ones(1, 10))],
)
def test_a_stray_tensor_beside_the_model_costs_nothing(
    tmp_path: Path, key: str, stray: torch.Tensor
) -> None:
    torch.save({"model": nn.Linear(16, 32).state_dict(), key: stray}, tmp_path / "a.pt")
    with open_checkpoint(tmp_path / "a.pt") as checkpoint:
        inventory = take_inventory(checkpoint)
    assert inventory.measured == 16 * 32
    assert inventory.total == 16 * 32 + 32 + stray.numel()


def test_a_teacher_of_another_shape_is_no_copy(tmp_path: Path) -> None:
    state = {"model": {"a.weight": torch.ones(12, 12)}, "teacher": {"b.weight": torch.ones(13, 13)}}
    torch.save(state, tmp_path / "a.pt")
    with open_checkpoint(tmp_path / "a.pt") as checkpoint:
        (left,) = take_inventory(checkpoint).left_out
    assert (left.elements, left.reason) == (169, "not-understood")


def test_complex_weights_are_not_understood() -> None:
    state = {"fc.weight": torch.ones(12, 12), "spec.weight": torch.ones(8, 8, dtype=torch.cfloat)}
    (left,) = inventory_by(None, MemoryCheckpoint(state), {}).left_out
    assert (left.elements, left.reason) == (64, "not-understood")
