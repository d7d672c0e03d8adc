"""The independence test: its null is exact, and relatives are found."""

from math import exp, factorial, log

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from zoo_analysis.pairwise.lineage.matched_units import combined_test as together
from zoo_analysis.pairwise.lineage.matched_units import match_units


def _gaussian(rows: int, columns: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def test_under_the_null_every_level_holds_exactly() -> None:
    # Whatever the other layer is, and though all units share a direction as trained ones do.
    other = _gaussian(24, 10, 0) + 2
    found = [match_units(_gaussian(24, 10, seed) + 2, other) for seed in range(1, 1001)]
    in_place = np.array([match.in_place for match in found])
    log_p = np.array([match.log_p for match in found])
    assert abs(in_place.mean() - 1) < 4 / np.sqrt(1000)  # the mean of fixed points is 1, so is σ²
    for level in (0.5, 0.1, 0.02):
        share = (log_p <= log(level)).mean()
        assert share <= level + 3 * np.sqrt(level / 1000)
    p = np.array([exp(together(found[i : i + 4]).log_p) for i in range(0, 1000, 4)])
    for level in (0.2, 0.05):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level / 250)


def test_a_layer_with_noise_is_found_and_its_chance_is_that_of_one_permutation() -> None:
    base = _gaussian(32, 40, 0)
    match = match_units(base, base + 0.3 * _gaussian(32, 40, 1))
    assert match.in_place == 32
    assert match.spearman == 1
    assert match.log_p == pytest.approx(-log(factorial(32)))


def test_spearman_is_scipys() -> None:
    base = _gaussian(32, 8, 0)
    order = torch.randperm(32, generator=torch.Generator().manual_seed(1))
    match = match_units(base, base[order])
    places = np.argsort(order.numpy())
    assert match.spearman == pytest.approx(spearmanr(places, np.arange(32)).statistic)
    assert match.in_place == int((places == np.arange(32)).sum())


def test_scales_of_units_do_not_matter_however_extreme() -> None:
    base, other = _gaussian(16, 8, 0), _gaussian(16, 8, 1).double()
    scales = torch.logspace(-300, 300, 16, dtype=torch.float64)[:, None]
    assert match_units(base, other) == match_units(base, other * scales)


def test_units_that_are_zero_favour_no_place() -> None:
    # In the order of the assignment's own ties all would be in place: a false alarm.
    found = match_units(torch.zeros(64, 8), torch.zeros(64, 8))
    assert found.in_place < 8
    half = _gaussian(64, 8, 0), _gaussian(64, 8, 1)
    for each in half:
        each[::2] = 0
    assert match_units(*half).log_p > log(0.001)
