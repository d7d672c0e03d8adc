"""Correlations with Fisher-z intervals, and the difference of two that share a variable."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from zoo_analysis.stats import correlation, correlation_difference, difference_of


def normal(n: int, covariance: list[list[float]], seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.multivariate_normal(np.zeros(len(covariance)), covariance, size=n).T


def test_pearsons_interval_is_scipys() -> None:
    x, y = normal(25, [[1, 0.6], [0.6, 1]], seed=0)
    found, reference = correlation(x, y), stats.pearsonr(x, y)
    interval = reference.confidence_interval(0.95)
    assert (found.value, found.p_value) == pytest.approx((reference.statistic, reference.pvalue))
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_spearmans_interval_covers_the_true_rank_correlation_as_often_as_it_says() -> None:
    r = 0.7
    true = 6 / math.pi * math.asin(r / 2)  # of a bivariate normal (Pearson 1907)
    covered = 0
    for seed in range(400):
        found = correlation(*normal(60, [[1, r], [r, 1]], seed), kind="spearman")
        covered += found.low <= true <= found.high
    assert covered / 400 == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(
    ("r1", "r2", "between", "n", "z", "places"),
    [
        (0.63, -0.03, -0.19, 15, 1.68, 2),  # Meng, Rosenthal & Rubin 1992, their own example
        (0.3, 0.4, 0.5, 100, -1.0707, 4),  # Silver, Hittner & May 2006
        (0.5, 0.2, 0.0, 50, 1.62, 2),  # May & Hittner 1997, table 1
        (0.5, 0.2, 0.4, 50, 2.06, 2),
        (0.5, 0.2, 0.8, 50, 3.50, 2),
        (0.7, 0.4, 0.8, 50, 4.05, 2),
    ],
)
def test_the_statistic_is_the_published_one(
    r1: float, r2: float, between: float, n: int, z: float, places: int
) -> None:
    assert round(difference_of(r1, r2, between, n).z, places) == z


def test_zous_interval_is_the_published_one() -> None:
    found = difference_of(0.396, 0.179, 0.088, 66)  # Zou 2007, p. 409
    assert (round(found.low, 3), round(found.high, 3)) == (-0.093, 0.517)


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_equally_good_predictors_differ_as_often_as_the_level_says(kind: str) -> None:
    covariance = [[1, 0.6, 0.5], [0.6, 1, 0.5], [0.5, 0.5, 1]]
    p, covered = [], 0
    for seed in range(400):
        found = correlation_difference(*normal(60, covariance, seed), kind=kind)
        p.append(found.p_value)
        covered += found.low <= 0 <= found.high
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.03)
    assert covered / 400 == pytest.approx(0.95, abs=0.03)


def test_a_better_predictor_is_found() -> None:
    covariance = [[1, 0.3, 0.8], [0.3, 1, 0.3], [0.8, 0.3, 1]]
    found = correlation_difference(*normal(80, covariance, seed=1))
    assert found.low > 0
    assert found.p_value < 0.001


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-5, 5))
def test_units_do_not_matter_and_the_sides_are_symmetric(
    seed: int, scale: float, shift: float
) -> None:
    x1, x2, y = np.random.default_rng(seed).normal(size=(3, 12))
    first = correlation_difference(x1, x2, y)
    again = correlation_difference(scale * x1 + shift, x2, y)
    swapped = correlation_difference(x2, x1, y)
    assert (again.value, again.low, again.z) == pytest.approx((first.value, first.low, first.z))
    assert (swapped.z, swapped.low, swapped.p_value) == pytest.approx(
        (-first.z, -first.high, first.p_value)
    )


def test_points_with_a_gap_are_left_out() -> None:
    x, y = normal(30, [[1, 0.5], [0.5, 1]], seed=2)
    gap = correlation(np.append(x, [np.nan, 1]), np.append(y, [1, np.inf]))
    assert gap == correlation(x, y)


def test_what_cannot_be_told_is_nan() -> None:
    assert math.isnan(correlation([1, 1, 1, 1], [1, 2, 3, 4]).value)
    assert math.isnan(correlation([1, 2], [1, 2]).value)
    perfect = correlation(range(6), range(6))
    assert perfect.value == pytest.approx(1)
    assert math.isnan(perfect.low)
    assert math.isnan(correlation_difference(range(6), [3, 1, 2, 5, 4, 6], range(6)).p_value)


def test_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[3, 4\]"):
        correlation([1, 2, 3], [1, 2, 3, 4])
