"""Intruder dimensions against numpy's singular vectors, and where they are known."""

import numpy as np
import pytest
import torch

from zoo_analysis.measure.deltas import intruder_dimensions as dimensions
from zoo_analysis.measure.deltas import shared_directions
from zoo_analysis.measure.deltas.intruder_dimensions import intruder_dimensions
from zoo_analysis.measure.deltas.shared_directions import has_direction, leading_directions


def _by_numpy(tuned: np.ndarray, base: np.ndarray) -> int:
    ours = np.linalg.svd(tuned, full_matrices=False)[0][:, :10]
    theirs = np.linalg.svd(base, full_matrices=False)[0]
    return int((np.abs(ours.T @ theirs).max(1) < 0.5).sum())


@pytest.mark.parametrize("shape", [(60, 40), (40, 60), (50, 50), (200, 6)])
@pytest.mark.parametrize("rank", [1, 4, 12])
def test_they_are_those_of_numpys_vectors(shape: tuple[int, int], rank: int) -> None:
    draw = np.random.default_rng(rank)
    base = draw.normal(size=shape)
    tuned = base + 4 * draw.normal(size=(shape[0], rank)) @ draw.normal(size=(rank, shape[1]))
    found = intruder_dimensions(torch.from_numpy(tuned), torch.from_numpy(base))
    assert found == _by_numpy(tuned, base)


def test_a_small_change_brings_none_and_each_strong_new_direction_one() -> None:
    draw = np.random.default_rng(0)
    base = np.diag(np.arange(1.0, 101))  # every direction is an axis
    small = base + 0.01 * draw.normal(size=(100, 100))
    assert intruder_dimensions(torch.from_numpy(small), torch.from_numpy(base)) == 0
    for count in (1, 3):
        new = np.linalg.qr(draw.normal(size=(100, count)))[0]  # of all axes a little
        tuned = torch.from_numpy(base + 1000 * new @ new.T)
        assert intruder_dimensions(tuned, torch.from_numpy(base)) == count


def test_of_a_base_of_zeros_all_are_new_and_scale_does_not_matter() -> None:
    w = torch.randn(20, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert intruder_dimensions(w, torch.zeros(20, 12)) == 10
    assert intruder_dimensions(1e-200 * w, 1e200 * w) == 0


@pytest.mark.parametrize("shape", [(60, 40), (40, 60), (90, 90)])
@pytest.mark.parametrize("rank", [0, 3])
def test_those_of_large_matrices_are_numpys_too(
    shape: tuple[int, int], rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dimensions, "LARGEST", 30)
    draw = np.random.default_rng(rank)
    base = draw.normal(size=shape)
    update = 4 * draw.normal(size=(shape[0], rank)) @ draw.normal(size=(rank, shape[1]))
    tuned = base + update + 0.01 * draw.normal(size=shape)
    for kind in (torch.float64, torch.float32):
        found = intruder_dimensions(torch.tensor(tuned, dtype=kind), torch.tensor(base, dtype=kind))
        assert found == _by_numpy(tuned, base)


def test_a_grouped_matrix_is_block_diagonal() -> None:
    draw = np.random.default_rng(1)
    base = draw.normal(size=(4, 12, 9)) * np.array([1, 3, 1, 2])[:, None, None]
    tuned = base + 3 * draw.normal(size=(4, 12, 1)) @ draw.normal(size=(4, 1, 9))
    whole = [np.zeros((48, 36)) for _ in range(2)]
    for matrix, groups in zip(whole, (tuned, base), strict=True):
        for i, block in enumerate(groups):
            matrix[12 * i : 12 * i + 12, 9 * i : 9 * i + 9] = block
    found = intruder_dimensions(torch.from_numpy(tuned), torch.from_numpy(base))
    assert found == _by_numpy(*whole)
    assert 0 < found < 10


def test_a_direction_is_found_where_it_is_one_and_not_told_where_steps_do_not_suffice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(2)
    w = draw.normal(size=(120, 100))
    left, sigma, _ = np.linalg.svd(w, full_matrices=True)
    values, vectors = leading_directions(torch.from_numpy(w), 5) or (np.empty(0), np.empty(0))
    assert values == pytest.approx(sigma[:5] ** 2, rel=1e-4)
    assert np.abs((vectors * left[:, :5].T).sum(1)) == pytest.approx(np.ones(5), abs=1e-3)
    matrix = torch.from_numpy(w)
    for angle, known in ((0.45, False), (0.55, True)):  # of a vector amid the spectrum
        rest = left[:, [3, 20, 40, 60, 80]].sum(1) / np.sqrt(5)
        x = angle * left[:, 50] + np.sqrt(1 - angle**2) * rest
        assert has_direction(matrix, x, 0.5) is known
    assert has_direction(matrix, left[:, 110], 0.5) is False  # what it does not reach is none
    monkeypatch.setattr(shared_directions, "_STEPS", 4)
    assert has_direction(matrix, left[:, :60].sum(1) / np.sqrt(60), 0.5) is None
