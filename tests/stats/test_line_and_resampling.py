"""Leave-one-out, bootstrap, permutation, ranks and flags against brute force, scipy, textbooks."""

import itertools
import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.stats.test_regression import ANSCOMBE
from zoo_analysis.stats import (
    benjamini_hochberg,
    bootstrap_intervals,
    fit_line,
    permutation_p,
    regress,
)
from zoo_analysis.stats.resampling import Resampled

LONGLEY = sm.datasets.longley.load_pandas().data


def sample(n: int, rho: float = 0.7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=n)
    return x, rho * x + np.sqrt(1 - rho**2) * generator.normal(size=n)


@pytest.mark.parametrize("column", ["GNP", "GNPDEFL", "UNEMP", "ARMED", "POP", "YEAR"])
def test_longley_is_statsmodels_and_scipys_and_its_own_leave_one_out(column: str) -> None:
    x, y = LONGLEY[column].to_numpy(), LONGLEY["TOTEMP"].to_numpy()
    fit, line = regress(x, y), stats.linregress(x, y)
    plain = sm.OLS(y, sm.add_constant(x)).fit()
    assert fit.slope == pytest.approx(line.slope, rel=1e-9)
    assert fit.slope_se == pytest.approx(line.stderr, rel=1e-9)
    assert fit.intercept == pytest.approx(line.intercept, rel=1e-6)
    assert fit.r2_adj == pytest.approx(plain.rsquared_adj, rel=1e-6)
    errors = []
    for i in range(len(x)):
        others = stats.linregress(np.delete(x, i), np.delete(y, i))
        errors.append(y[i] - others.intercept - others.slope * x[i])
    assert fit.rmse_loo == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-6)
    assert fit.theil_sen == pytest.approx(stats.theilslopes(y, x).slope)
    assert fit.spearman_rho == pytest.approx(stats.spearmanr(x, y).statistic)
    cook = plain.get_influence().cooks_distance[0]
    assert fit_line(x, y).cook == pytest.approx(cook, rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 12), st.booleans())
def test_what_a_line_is_without_each_point(seed: int, n: int, ties: bool) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=n), generator.normal(size=n)
    if ties:
        x = np.round(x)
    if len(np.unique(x)) < 3:
        return
    slopes = fit_line(x, y).slopes_without
    for i in range(n):
        others = np.delete(x, i)
        if np.ptp(others):
            assert slopes[i] == pytest.approx(np.polyfit(others, np.delete(y, i), 1)[0], abs=1e-7)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.booleans())
def test_r2_and_tau_of_counts_are_those_of_the_resample(seed: int, n: int, ties: bool) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=n), generator.normal(size=n)
    if ties:
        x, y = np.round(x), np.round(y)
    if not np.ptp(x) or not np.ptp(y):
        return
    drawn = generator.integers(n, size=(6, n))
    r2, tau = Resampled(x, y)(drawn)
    for row, one, other in zip(drawn, r2, tau, strict=True):
        a, b = x[row], y[row]
        if np.ptp(a) and np.ptp(b):
            assert one == pytest.approx(stats.pearsonr(a, b).statistic ** 2, abs=1e-9)
            assert other == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)
        else:
            assert (one, other) == (0, 0)


def test_the_bootstrap_is_scipys_on_plain_arrays() -> None:
    x, y = sample(25)
    ours = bootstrap_intervals(x, y, resamples=999, seed=3)
    theirs = stats.bootstrap(
        (x, y),
        lambda a, b: stats.kendalltau(a, b).statistic,
        paired=True,
        vectorized=False,
        n_resamples=999,
        method="BCa",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert (ours.tau_low, ours.tau_high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert bootstrap_intervals(x, y, resamples=999, seed=3) == ours
    assert bootstrap_intervals(x, y, resamples=999, seed=4) != ours


def test_a_perfect_order_has_no_bootstrap_and_says_so() -> None:
    fit = regress(np.arange(8), np.arange(8) ** 2)
    assert fit.kendall_tau == pytest.approx(1)
    assert np.isnan([fit.tau_low, fit.tau_high]).all()
    assert 0 < fit.r2_low < fit.r2_high <= 1
    for y in (np.arange(8) ** 2, -np.arange(8)):
        assert "perfect order (no interval of τ)" in regress(np.arange(8), y).flags
    nearly = regress(np.arange(8), [0, 1, 2, 3, 4, 5, 7, 6])
    assert np.isfinite(nearly.tau_low)
    assert not any("perfect" in flag for flag in nearly.flags)


@pytest.mark.parametrize("n", [4, 7])
def test_spearmans_p_of_a_perfect_order_of_few_models_is_two_orders_of_all(n: int) -> None:
    assert regress(np.arange(n), -(np.arange(n) ** 2)).spearman_p == pytest.approx(
        2 / math.factorial(n)
    )


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_a_permutation_p_is_exact_for_few_models(n: int) -> None:
    x, y = sample(n, seed=n)
    observed = abs(np.corrcoef(x, y)[0, 1])
    every = [abs(np.corrcoef(x, order)[0, 1]) for order in itertools.permutations(y)]
    assert permutation_p(x, y) == pytest.approx(np.mean(np.array(every) >= observed - 1e-9))


def test_a_permutation_p_of_many_models_nears_students() -> None:
    x, y = sample(60, rho=0.25, seed=1)
    assert permutation_p(x, y) == pytest.approx(stats.pearsonr(x, y).pvalue, abs=0.01)


def test_benjamini_and_hochbergs_own_example() -> None:
    """Benjamini & Hochberg 1995, section 3.2: of 15 p-values 4 are called at a rate of 0.05."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    q = benjamini_hochberg(np.array(p))
    assert (q <= 0.05).sum() == 4
    assert q[3] == pytest.approx(0.0095 * 15 / 4)
    withheld = benjamini_hochberg(np.array([np.nan, *p]))
    assert np.isnan(withheld[0])
    assert withheld[1:] == pytest.approx(q)


def test_anscombes_quartet_has_one_r2_and_different_flags() -> None:
    flags = {name: regress(*pair).flags for name, pair in ANSCOMBE.items()}
    assert flags == {
        "I": (),
        "II": ("curved",),
        "III": ("influential (2)",),
        "IV": ("influential (7)",),
    }
    assert np.isnan(regress(*ANSCOMBE["IV"]).rmse_loo), "without model 7 there is no line"


def test_flags_name_the_models() -> None:
    names = ["a", "b", "c", "d", "e", "far"]
    fit = regress([1, 2, 3, 4, 5, 30], [5, 4.1, 3, 2.2, 1, 20], names)
    assert "influential (far)" in fit.flags
    assert "sign flips without far" in fit.flags


def test_a_funnel_is_heteroscedastic() -> None:
    generator = np.random.default_rng(0)
    x = np.linspace(1, 10, 200)
    assert "heteroscedastic" in regress(x, x + x * generator.normal(size=200)).flags
    assert "heteroscedastic" not in regress(x, x + generator.normal(size=200)).flags


@pytest.mark.parametrize("n", [2, 3, 4])
def test_below_five_models_there_is_a_line_and_no_interval(n: int) -> None:
    fit = regress(*sample(n))
    assert np.isfinite([fit.slope, fit.rmse, fit.perm_p]).all()
    assert np.isnan([fit.r2_low, fit.r2_high, fit.tau_low, fit.tau_high]).all()
    assert fit.flags[0] == "n<5 (n too small for intervals)"


def test_bad_columns_are_flagged() -> None:
    assert "constant metric" in regress([2.0] * 6, range(6)).flags
    flat = regress(range(6), [70.0] * 6)
    assert flat.flags == ("constant accuracy",)
    assert flat.slope == pytest.approx(0)
    assert np.isnan([flat.r2, flat.kendall_tau, flat.perm_p]).all()
    assert "2 left out (not a number)" in regress([1, np.nan, 3, 4, np.inf, 6, 7], range(7)).flags
    exact = regress(range(6), range(6))
    assert exact.flags == ("perfect order (no interval of τ)",)
    assert exact.rmse_loo == pytest.approx(0, abs=1e-12)


@given(st.floats(0.01, 1000), st.floats(-1000, 1000), st.booleans())
@settings(max_examples=25, deadline=None)
def test_units_of_the_metric_change_only_the_slope(scale: float, shift: float, flip: bool) -> None:
    x, y = sample(9)
    sign = -1 if flip else 1
    one, other = regress(x, y), regress(sign * scale * x + shift, y)
    for name in ("r2", "r2_adj", "rmse", "rmse_loo", "perm_p", "r2_low", "r2_high"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-5, abs=1e-8), name
    assert other.kendall_tau == pytest.approx(sign * one.kendall_tau)
    assert other.slope * scale == pytest.approx(sign * one.slope, rel=1e-5)
