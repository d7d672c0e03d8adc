"""Conformal intervals hold what they promise, and are those of the definition."""

import numpy as np
import pytest

from zoo_analysis.stats import groups_needed, jackknife_plus
from zoo_analysis.stats.percent_scale import logit, percents


def test_with_one_prediction_for_all_it_is_the_conformal_interval_of_lei_et_al() -> None:
    # The ⌈(n + 1)·level⌉-th smallest residual on both sides.
    residuals = np.arange(1.0, 20.0)  # n = 19: the 18th
    each = np.arange(19)
    low, high = jackknife_plus(np.full((19, 1), 50.0), residuals, each, each, 0.9)
    assert (low[0], high[0]) == (32.0, 68.0)


def test_it_is_the_jackknife_plus_of_barber_et_al() -> None:
    rng = np.random.default_rng(0)
    centres, residuals = rng.normal(size=(24, 3)), rng.exponential(size=24)
    each = np.arange(24)
    low, high = jackknife_plus(centres, residuals, each, each, 0.8)
    # Their definition: the ⌊(n + 1)(1 − level)⌋-th smallest, and the ⌈(n + 1)·level⌉-th.
    below = np.sort(centres - residuals[:, None], axis=0)[5 - 1]
    above = np.sort(centres + residuals[:, None], axis=0)[20 - 1]
    np.testing.assert_allclose(low, below)
    np.testing.assert_allclose(high, above)


def test_members_of_large_groups_weigh_less() -> None:
    # Nine groups of one member miss by 1, one of 91 by 100: 9 of 11 shares of weight are at 1.
    groups = np.repeat(np.arange(10), [1] * 9 + [91])
    residuals = np.where(groups == 9, 100.0, 1.0)
    for level, radius in ((0.8, 1.0), (0.9, 100.0), (0.92, np.inf)):
        _, high = jackknife_plus(np.zeros((10, 1)), residuals, groups, groups, level)
        assert high[0] == radius


@pytest.mark.parametrize(("level", "needed"), [(0.8, 4), (0.9, 9), (0.95, 19), (0.5, 1)])
def test_too_few_groups_have_no_interval(level: float, needed: int) -> None:
    assert groups_needed(level) == needed
    for n, finite in ((needed, True), (needed - 1, False)):
        each = np.arange(n)
        _, high = jackknife_plus(np.zeros((max(n, 1), 1)), np.ones(n), each, each, level)
        assert np.isfinite(high[0]) == finite


def test_residuals_that_are_not_there_do_not_count() -> None:
    each = np.arange(10)
    residuals = np.array([*range(1, 10), np.nan], dtype=float)
    _, high = jackknife_plus(np.zeros((10, 1)), residuals, each, each, 0.9)
    assert high[0] == 9


def test_a_new_group_is_held_as_often_as_promised() -> None:
    # Groups differ much more from each other than within: by chance of models alone it were 60 %.
    rng = np.random.default_rng(1)
    held = []
    for _ in range(2000):
        sizes = rng.integers(1, 12, 21)
        groups = np.repeat(np.arange(21), sizes)
        residuals = np.abs(rng.normal(0, 3, 21)[groups] + rng.normal(0, 0.5, len(groups)))
        known = groups < 20
        centre = np.zeros((20, 1))
        _, high = jackknife_plus(centre, residuals[known], groups[known], groups[known], 0.9)
        held.append((residuals[~known] <= high[0]).mean())
    # At least the level, and at most the weight of one group more (Lee, Barber & Willett 2023).
    error = np.std(held) / np.sqrt(len(held))
    assert 0.9 - 3 * error < np.mean(held) < 0.9 + 1 / 21 + 3 * error


def test_log_odds_of_percents_and_back() -> None:
    share = np.array([0.0, 1e-3, 50.0, 99.9, 100.0])
    np.testing.assert_allclose(percents(logit(share)), share, atol=1e-9)
    assert logit(np.array([50.0]))[0] == 0
    np.testing.assert_allclose(percents(np.array([-np.inf, -50.0, 50.0, np.inf])), [0, 0, 100, 100])
