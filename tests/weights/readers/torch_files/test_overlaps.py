"""Tensors that show numbers of one another in memory count once."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.layers.inventory import Inventory
from zoo_analysis.weights.layers.listing import take_inventory
from zoo_analysis.weights.readers.memory import MemoryCheckpoint
from zoo_analysis.weights.readers.torch_files import overlaps
from zoo_analysis.weights.readers.torch_files.overlaps import views

State = dict[str, torch.Tensor]


def books(state: State, file: Path, zipped: bool = True) -> Inventory:
    """Of the state saved by torch, which are those of the state in memory."""
    torch.save(state, file, _use_new_zipfile_serialization=zipped)
    with open_checkpoint(file) as checkpoint:
        saved = take_inventory(checkpoint, config={})
    held = take_inventory(MemoryCheckpoint(state), config={})
    assert [spec.layer for spec in held.layers] == [spec.layer for spec in saved.layers]
    assert set(held.left_out) == set(saved.left_out)
    assert saved.total == saved.measured + sum(row.elements for row in saved.left_out)
    return saved


def layers(inventory: Inventory) -> list[str]:
    return [spec.layer for spec in inventory.layers]


BASE = torch.randn(60, 40)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "show",
    [
        lambda base: base[:30],
        lambda base: base[7:, ::2],
        lambda base: base.T,
        lambda base: base.T[3:9],
        lambda base: base.reshape(40, 60),
        lambda base: base.flatten(),
        lambda base: base.view(2, 30, 40)[1],
    ],
)
def test_parts_and_transposes_of_a_matrix_are_views(
    tmp_path: Path, show: Callable[[torch.Tensor], torch.Tensor], dtype: torch.dtype, zipped: bool
) -> None:
    base = BASE.to(dtype)
    found = books({"b.weight": show(base), "a.weight": base}, tmp_path / "m.pt", zipped)
    whole = show(base).shape == (40, 60)  # as large: the first one stays
    assert layers(found) == (["b"] if whole else ["a"])
    assert found.total == found.measured == 2400
    (row,) = found.left_out
    assert (row.tensor, row.count, row.elements, row.reason) == (
        "a.weight" if whole else "b.weight", 1, 0, "view",
    )  # fmt: skip


def test_of_overlapping_slices_the_largest_stays_and_the_rest_adds_what_is_new(
    tmp_path: Path,
) -> None:
    base = torch.randn(100, 8)
    state = {"a.weight": base[:50], "b.weight": base[40:100], "c.weight": base[:20]}
    found = books(state, tmp_path / "m.pt")
    assert layers(found) == ["b", "c"]  # a overlaps b by 10 rows, and holds c
    assert found.measured == 80 * 8
    assert [(r.tensor, r.elements, r.reason) for r in found.left_out] == [
        ("a.weight", 20 * 8, "view")
    ]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_fused_projection_split_into_views_is_three_layers(tmp_path: Path, axis: int) -> None:
    """Along columns their places in memory interleave, without one in common."""
    q, k, v = torch.randn(48, 48).chunk(3, axis)
    found = books({"q.weight": q, "k.weight": k, "v.weight": v}, tmp_path / "m.pt")
    assert layers(found) == ["q", "k", "v"]
    assert not found.left_out


def test_parts_beside_their_fused_projection_are_views(tmp_path: Path) -> None:
    qkv = torch.randn(48, 16)
    parts = dict(zip(("q.weight", "k.weight", "v.weight"), qkv.chunk(3), strict=True))
    found = books({**parts, "qkv.weight": qkv}, tmp_path / "m.pt")
    assert layers(found) == ["qkv"]
    assert [(row.count, row.reason) for row in found.left_out] == [(1, "view")] * 3


def test_a_flat_parameter_goes_before_the_matrices_in_it(tmp_path: Path) -> None:
    """As FSDP keeps it: all parameters of a block, and padding, in one vector."""
    shapes = {"fc1.weight": (16, 8), "fc1.bias": (16,), "fc2.weight": (8, 16), "fc2.bias": (8,)}
    sizes = [math.prod(shape) for shape in shapes.values()]
    flat = torch.randn(sum(sizes) + 24)
    parts = flat.split([*sizes, 24])
    state = {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts)}  # noqa: B905
    alone = books(state, tmp_path / "m.pt")
    assert layers(alone) == ["fc1", "fc2"]
    assert {row.reason for row in alone.left_out} == {"vector"}
    both = books({"_flat_param": flat, **state}, tmp_path / "m.pt")
    assert layers(both) == ["fc1", "fc2"]
    assert (both.total, both.measured) == (flat.numel(), alone.measured)


def test_recurrent_weights_in_one_buffer_and_tied_tensors_stay_as_they_are(tmp_path: Path) -> None:
    lstm = nn.LSTM(6, 5, num_layers=2)
    flat = torch.cat([parameter.detach().flatten() for parameter in lstm.parameters()])
    parts = flat.split([parameter.numel() for parameter in lstm.parameters()])
    state = {
        name: part.view(parameter.shape)
        for (name, parameter), part in zip(lstm.named_parameters(), parts, strict=True)
    }
    table = torch.randn(30, 6)
    found = books(
        {"embed.weight": table, **state, "head.weight": table, "cut.weight": table[:9]},
        tmp_path / "m.pt",
    )
    assert len(found.layers) == 5
    assert {row.reason for row in found.left_out} == {"vector", "view"}


#: Rows, columns, the steps between them (either may be the longer), and the first number.
SLICES = st.tuples(
    *[st.integers(1, 9)] * 2, st.integers(1, 14), st.integers(1, 14), st.integers(0, 60)
)


@settings(max_examples=300)
@given(st.lists(SLICES, min_size=2, max_size=6, unique=True))
def test_what_stays_shares_no_number_and_the_rest_adds_what_is_new(
    slices: list[tuple[int, int, int, int, int]],
) -> None:
    storage = torch.zeros(300)
    state, numbers = {}, {}
    for rows, columns, down, right, first in slices:
        held = {first + i * down + j * right for i in range(rows) for j in range(columns)}
        if len(held) == rows * columns:  # none of its own twice
            name = str(len(state))
            state[name] = torch.as_strided(storage, (rows, columns), (down, right), first)
            numbers[name] = held
    shown = views(state, {})
    same = {tuple(sorted(held)): held for name, held in numbers.items() if name not in shown}
    kept: set[int] = set().union(*same.values())
    assert len(kept) == sum(map(len, same.values()))
    told = {tuple(sorted(numbers[name])): n for name, n in shown.items() if n}
    for held, outside in told.items():
        assert outside == len(set(held) - kept)


def test_thousands_of_columns_and_blocks_are_told_apart() -> None:
    matrix = torch.zeros(2000, 2000)
    assert views({str(i): matrix[:, i] for i in range(2000)}, {}) == {}
    blocks = {str(i): matrix.view(-1)[i * 200 : i * 200 + 200] for i in range(20_000)}
    assert len(views(blocks | {"whole": matrix}, {})) == 20_000
    halves = {"a": matrix[:, :1200], "b": matrix[:, 800:]}
    assert views(halves, {}) == {"b": 2000 * 800}


def test_what_is_too_far_apart_to_be_compared_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sides of a matrix, of which one is strided, and a matrix by itself."""
    whole = torch.randn(40, 30)
    state = {"all": whole, "part": whole[:, :20], "other": torch.randn(40, 30)}
    torch.save(state, tmp_path / "w.pt")
    with open_checkpoint(tmp_path / "w.pt") as checkpoint:
        assert checkpoint.remarks == {}
        assert {*checkpoint.tensors} == {"all", "other"}
    monkeypatch.setattr(overlaps, "_MOST_PLACES", 1199)
    with open_checkpoint(tmp_path / "w.pt") as checkpoint:
        (told,) = checkpoint.remarks
        assert {*checkpoint.tensors} == {"all", "part", "other"}
    assert "part, all lie in one piece of memory of more than 1,199 places" in told
