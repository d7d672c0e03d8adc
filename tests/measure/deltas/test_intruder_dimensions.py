"""Intruder dimensions against numpy's singular vectors, and where they are known."""

import numpy as np
import pytest
import torch

from zoo_analysis.measure.deltas.intruder_dimensions import intruder_dimensions


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
