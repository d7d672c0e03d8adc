"""Intervals cover what they claim, and p-values are uniform where nothing is to be found."""

import numpy as np
import pytest
from scipy import stats

from zoo_analysis.stats import bootstrap_intervals, fit_line, permutation_p

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
        held += sure.r2_low <= RHO**2 <= sure.r2_high, sure.tau_low <= tau <= sure.tau_high
    low, high = allowed(count)
    assert low <= held[0] / count <= high, "R²"
    assert low <= held[1] / count <= high, "τ"


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
