"""Intervals cover what they claim, and p-values are uniform where nothing is to be found."""

import numpy as np
import pytest
from scipy import stats

from zoo_analysis.stats import (
    bootstrap_intervals,
    fit_line,
    permutation_p,
    r2_interval,
    simpson,
)

RHO = 0.7
#: Data sets of the default run, and of the exhaustive one.
SIMULATIONS = [300, pytest.param(2000, marks=pytest.mark.exhaustive)]


def simulated(count: int, n: int, rho: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, n) bivariate normal pairs."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, n))
    return x, rho * x + np.sqrt(1 - rho**2) * generator.normal(size=(count, n))


def allowed(count: int) -> tuple[float, float]:
    """93 to 97 %, widened where few data sets could miss it by chance (1 in 1,000 a side)."""
    chance = 3.1 * np.sqrt(0.95 * 0.05 / count)
    return min(0.93, 0.95 - chance), max(0.97, 0.95 + chance)


@pytest.mark.parametrize("count", SIMULATIONS)
def test_bootstrap_intervals_cover_r2_and_tau(count: int) -> None:
    """For bivariate normal data R² = ρ² and τ = 2/π · arcsin ρ."""
    n, tau = 80, 2 / np.pi * np.arcsin(RHO)
    held = np.zeros(2)
    for seed, (x, y) in enumerate(zip(*simulated(count, n, RHO, 1), strict=True)):
        sure = bootstrap_intervals(x, y, resamples=999, seed=seed)
        held += sure.r2_bca_low <= RHO**2 <= sure.r2_bca_high, sure.tau_low <= tau <= sure.tau_high
    low, high = allowed(count)
    assert low <= held[0] / count <= high, "R²"
    assert low <= held[1] / count <= high, "τ"


@pytest.mark.parametrize("count", SIMULATIONS)
@pytest.mark.parametrize("rho", [0.5, 0.9])
@pytest.mark.parametrize("n", [6, 8, 12, 20])
def test_the_interval_of_r2_covers_for_a_few_models(count: int, n: int, rho: float) -> None:
    held = 0
    for x, y in zip(*simulated(count, n, rho, n), strict=True):
        low, high = r2_interval(float(np.corrcoef(x, y)[0, 1] ** 2), n)
        held += low <= rho**2 <= high
    low, high = allowed(count)
    assert low <= held / count <= high


@pytest.mark.parametrize(("r2", "n"), [(0.5, 6), (0.9, 8), (0.2, 20), (0.8, 12)])
def test_the_bounds_of_r2_leave_two_and_a_half_percent_on_each_side(r2: float, n: int) -> None:
    """R² of samples drawn under each bound."""
    low, high = r2_interval(r2, n)
    count, generator = 100_000, np.random.default_rng(n)
    for bound, side in ((low, np.greater_equal), (high, np.less_equal)):
        if bound == 0:
            continue
        x, y = generator.normal(size=(2, count, n))
        y = np.sqrt(bound) * x + np.sqrt(1 - bound) * y
        x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
        drawn = (x * y).sum(1) ** 2 / ((x * x).sum(1) * (y * y).sum(1))
        assert np.mean(side(drawn, r2)) == pytest.approx(0.025, abs=0.0025)


@pytest.mark.parametrize("count", SIMULATIONS)
def test_simpsons_paradox_is_rarely_announced_where_there_is_none(count: int) -> None:
    """Levels without a slope within series, and pure noise."""
    generator = np.random.default_rng(3)
    series = np.repeat(list("abcd"), 8)
    for levels in (3.0, 0.0):
        told = 0
        for _ in range(count):
            level = levels * np.repeat(np.arange(4.0), 8)
            x, y = level + generator.normal(size=32), level + generator.normal(size=32)
            told += simpson(x, y, list(series)).paradox
        assert told / count <= 0.05


@pytest.mark.parametrize("count", SIMULATIONS)
def test_the_interval_of_the_slope_covers_at_any_n(count: int) -> None:
    for n in (5, 12):
        held = 0
        for x, y in zip(*simulated(count, n, RHO, n), strict=True):
            line = fit_line(x, y)
            held += abs(line.slope - RHO) <= stats.t.ppf(0.975, n - 2) * line.slope_se
        low, high = allowed(count)
        assert low <= held / count <= high, n


@pytest.mark.parametrize("count", SIMULATIONS)
@pytest.mark.parametrize("n", [6, 20])
def test_permutation_p_values_are_uniform_under_the_null(count: int, n: int) -> None:
    p = [
        permutation_p(x, y, permutations=999, seed=seed)
        for seed, (x, y) in enumerate(zip(*simulated(count, n, 0.0, n), strict=True))
    ]
    # Exact p-values are multiples of 1/720 and random ones of 1/1000: near enough to continuous.
    assert stats.kstest(p, "uniform").pvalue > 0.001
    for level in (0.01, 0.05, 0.2):
        chance = 3.5 * np.sqrt(level * (1 - level) / count)
        assert abs(np.mean(np.array(p) <= level) - level) < chance + 1 / 720
