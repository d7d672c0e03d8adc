"""The power-law fit, against the `powerlaw` package, WeightWatcher and a plain scan."""

import contextlib
import io
import warnings

import numpy as np
import powerlaw
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from weightwatcher.WW_powerlaw import WWFit

from zoo_analysis.spectra import fit_power_law, ks_distance
from zoo_analysis.spectra.tails.small_sample import fit_small_sample

seeds = st.integers(0, 2**32 - 1)


@st.composite
def heavy_tails(draw, low: int = 20, high: int = 400):
    """Values whose upper part is Pareto, the lower uniform, of any scale."""
    n = draw(st.integers(low, high))
    rng = np.random.default_rng(draw(seeds))
    exponent = draw(st.floats(0.3, 6.0))
    body = draw(st.floats(0.0, 0.8))
    tail = 1 + rng.pareto(exponent, n)
    x = np.where(rng.random(n) < body, rng.uniform(0.01, 1, n), tail)
    return x * 10.0 ** draw(st.integers(-12, 12))


@st.composite
def positive_lists(draw):
    """Anything: few values, ties, 600 decades."""
    value = st.one_of(
        st.integers(1, 5).map(float),
        st.floats(0.5, 2.0),
        st.floats(-300, 300).map(lambda e: 10.0**e),
    )
    x = np.array(draw(st.lists(value, min_size=2, max_size=60)))
    assume(np.log(x.min()) < np.log(x.max()))
    return x


def candidates(x):
    """(xmin, α, D) of every distinct value but the largest, straight from the definition."""
    x = np.sort(x)
    rows = []
    for xmin in np.unique(x)[:-1]:
        tail = x[np.searchsorted(x, xmin) :]
        logs = np.log(tail) - np.log(xmin)
        if logs[-1] == 0:
            continue
        alpha = 1 + len(tail) / logs.sum()
        below = np.searchsorted(tail, tail, side="left") / len(tail)
        rows.append((xmin, alpha, np.abs(1 - np.exp((1 - alpha) * logs) - below).max()))
    return np.array(rows)


def assert_same_choice(fit, rows, rel=1e-9):
    """The fit is the best of the candidates; candidates within rounding of it are as good."""
    best = rows[:, 2].min()
    assert_allclose(fit.D, best, rtol=rel, atol=1e-13)
    chosen = rows[rows[:, 0] == fit.xmin]
    assert len(chosen) == 1
    assert fit.alpha == pytest.approx(chosen[0, 1], rel=rel)
    assert chosen[0, 2] <= best + 1e-12


def powerlaw_fit(x, closed_form=True):
    """The package's fit.

    powerlaw 2.0 keeps Clauset's closed form of α (its initial guess) only for 1.5 < α ≤ 3;
    elsewhere a Nelder–Mead search with a tolerance of 1e-4 replaces it, and its default range of
    α, (0, 3), drops candidate tails that Clauset's method admits. `closed_form` keeps it.
    """
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if closed_form:
            patch.setattr(
                powerlaw.Power_Law, "fit", lambda self, data: self.compute_distance_metrics()
            )
        return powerlaw.Fit(x, verbose=0, parameter_ranges={"alpha": [0, None]})


def ww_fit(x, **limits):
    with contextlib.redirect_stdout(io.StringIO()):
        return WWFit(x, **limits)


@settings(deadline=None, max_examples=60)
@given(heavy_tails(high=150))
def test_fit_is_that_of_the_powerlaw_package(x):
    theirs, fit = powerlaw_fit(x), fit_power_law(x)
    assert fit.xmin == pytest.approx(theirs.xmin, rel=1e-9)
    assert fit.alpha == pytest.approx(theirs.alpha, rel=1e-9)
    assert_allclose(fit.D, theirs.D, rtol=1e-9)
    assert fit.num_pl_spikes == theirs.n
    assert fit.sigma == pytest.approx((theirs.alpha - 1) / np.sqrt(theirs.n), rel=1e-9)
    assert fit.xmax == x.max()


def test_fit_with_tied_values_is_that_of_the_powerlaw_package():
    rng = np.random.default_rng(5)
    for decimals in (0, 1, 2):
        x = np.round(1 + rng.pareto(1.4, 300), decimals)
        theirs, fit = powerlaw_fit(x), fit_power_law(x)
        assert (fit.xmin, fit.num_pl_spikes) == (theirs.xmin, theirs.n)
        assert fit.alpha == pytest.approx(theirs.alpha, rel=1e-9)
        assert_allclose(fit.D, theirs.D, rtol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_fit_is_that_of_the_untouched_powerlaw_package_where_it_uses_the_closed_form(seed):
    x = 1 + np.random.default_rng(seed).pareto(1.2, 250)
    theirs, fit = powerlaw_fit(x, closed_form=False), fit_power_law(x)
    assert 1.5 < theirs.alpha <= 3
    assert fit.xmin == pytest.approx(theirs.xmin, rel=1e-9)
    assert fit.alpha == pytest.approx(theirs.alpha, rel=1e-9)
    assert_allclose(fit.D, theirs.D, rtol=1e-9)


@settings(deadline=None, max_examples=40)
@given(heavy_tails())
def test_fit_is_that_of_weightwatcher(x):
    assume(len(np.unique(x)) == len(x))
    theirs, fit = ww_fit(x), fit_power_law(x)
    assert (fit.xmin, fit.xmax) == (theirs.xmin, theirs.xmax)
    assert fit.alpha == pytest.approx(theirs.alpha, rel=1e-9)
    assert_allclose(fit.D, theirs.D, rtol=1e-9)
    assert fit.sigma == pytest.approx(theirs.sigma, rel=1e-9)


@settings(deadline=None, max_examples=200)
@given(positive_lists())
def test_fit_is_the_best_of_all_candidates_whatever_the_values(x):
    assert_same_choice(fit_power_law(x), candidates(x))


@settings(deadline=None, max_examples=60)
@given(heavy_tails(low=2, high=500))
def test_fit_is_the_best_of_all_candidates_on_heavy_tails(x):
    assert_same_choice(fit_power_law(x), candidates(x))


@pytest.mark.parametrize("law", ["gaussian", "uniform", "marchenko-pastur", "two-scales"])
def test_fit_is_the_best_of_all_candidates_where_there_is_no_power_law(law):
    rng = np.random.default_rng(2)
    x = {
        "gaussian": rng.normal(10, 1, 1500),
        "uniform": rng.uniform(0, 1, 1500),
        "marchenko-pastur": np.linalg.svd(rng.normal(size=(1200, 900)), compute_uv=False) ** 2,
        "two-scales": np.concatenate([1 + rng.pareto(3, 800), 1e6 * (1 + rng.pareto(1, 700))]),
    }[law]
    assert_same_choice(fit_power_law(x), candidates(x))


@settings(deadline=None, max_examples=60)
@given(heavy_tails(), st.integers(2, 5))
def test_repeating_every_value_changes_neither_alpha_nor_D(x, times):
    once, repeated = fit_power_law(x), fit_power_law(np.repeat(x, times))
    assert repeated.xmin == pytest.approx(once.xmin)
    assert repeated.alpha == pytest.approx(once.alpha, rel=1e-9)
    assert_allclose(repeated.D, once.D, rtol=1e-9)
    assert repeated.num_pl_spikes == times * once.num_pl_spikes


@settings(deadline=None, max_examples=60)
@given(heavy_tails(), seeds)
def test_order_does_not_matter(x, seed):
    assert fit_power_law(np.random.default_rng(seed).permutation(x)) == fit_power_law(x)


@settings(deadline=None, max_examples=60)
@given(heavy_tails(), st.integers(-250, 250))
def test_alpha_and_D_do_not_depend_on_scale(x, exponent):
    fit, scaled = fit_power_law(x), fit_power_law(x * 10.0**exponent)
    assert scaled.alpha == pytest.approx(fit.alpha, rel=1e-9)
    assert_allclose(scaled.D, fit.D, rtol=1e-9)
    assert scaled.xmin == pytest.approx(fit.xmin * 10.0**exponent, rel=1e-12)


@pytest.mark.parametrize("alpha", [1.5, 2.0, 3.5, 5.0])
def test_alpha_of_a_pareto_sample_is_found(alpha):
    x = 1 + np.random.default_rng(3).pareto(alpha - 1, 20_000)
    assert fit_power_law(x, xmin=1.0).alpha == pytest.approx(alpha, rel=0.03)
    assert fit_power_law(x).alpha == pytest.approx(alpha, rel=0.1)


@settings(deadline=None, max_examples=30)
@given(heavy_tails(), st.floats(0.0, 0.9))
def test_a_given_xmin_is_kept_and_the_fit_is_that_of_the_powerlaw_package(x, quantile):
    xmin = float(np.quantile(x, quantile)) * 0.999  # between two values
    tail = x[x >= xmin]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = powerlaw.Power_Law(xmin=xmin, data=tail, verbose=0)
    fit = fit_power_law(x, xmin=xmin)
    assert (fit.xmin, fit.num_pl_spikes) == (xmin, len(tail))
    assert fit.alpha == pytest.approx(1 + len(tail) / np.log(tail / xmin).sum(), rel=1e-9)
    if 1.5 < fit.alpha <= 3:
        assert fit.alpha == pytest.approx(theirs.alpha, rel=1e-9)
        assert_allclose(fit.D, theirs.D, rtol=1e-9)


@settings(deadline=None, max_examples=30)
@given(heavy_tails(), st.floats(0.3, 1.0))
def test_a_fit_of_what_is_left_below_xmax_is_that_of_weightwatcher(x, quantile):
    xmax = float(np.quantile(x, quantile, method="nearest"))
    assume((x <= xmax).sum() >= 20 and len(np.unique(x)) == len(x))
    fit, theirs = fit_power_law(x[x <= xmax]), ww_fit(x, xmax=xmax)
    assert fit.xmax == xmax == theirs.xmax
    assert fit.alpha == pytest.approx(theirs.alpha, rel=1e-9)
    assert_allclose(fit.D, theirs.D, rtol=1e-9)


@settings(deadline=None, max_examples=150)
@given(heavy_tails(low=3, high=19))
def test_small_samples_are_fitted_as_weightwatcher_fits_them(x):
    assume(len(np.unique(x)) == len(x))
    theirs, fit = ww_fit(x), fit_small_sample(x)
    assert fit.xmin == theirs.xmin
    assert fit.alpha == pytest.approx(theirs.alpha, rel=1e-9)
    assert_allclose(fit.D, theirs.D, rtol=1e-9)
    if len(x) >= 8:  # below, theirs is that of α = 0
        assert fit.sigma == pytest.approx(theirs.sigma, rel=1e-9)


def test_distance_of_two_values_is_that_of_the_exponential_law():
    # α = 1 + 2/ln r whatever the ratio r, so F at the larger value is 1 − e^−2 and F_n is 1/2.
    for ratio in (1.001, 2.0, 1e200):
        fit = fit_power_law(np.array([1.0, ratio]))
        assert pytest.approx(1 + 2 / np.log(ratio)) == fit.alpha
        assert pytest.approx(0.5 - np.exp(-2)) == fit.D
        assert ks_distance(np.log([1.0, ratio]), fit.alpha) == fit.D


@pytest.mark.parametrize("fit", [fit_power_law, fit_small_sample])
@pytest.mark.parametrize(
    "x", [[], [1.0], [2.0, 2.0, 2.0], [0.0, 1.0, 2.0], [-1.0, 1.0], [float("nan"), 1.0]]
)
def test_values_that_have_no_power_law_are_refused(fit, x):
    with pytest.raises(ValueError, match="two distinct positive values"):
        fit(np.array(x))


def test_values_that_differ_by_less_than_the_rounding_of_a_logarithm_are_refused():
    with pytest.raises(ValueError, match="two distinct positive values"):
        fit_power_law(np.array([1e300, np.nextafter(1e300, np.inf)]))


@pytest.mark.parametrize("xmin", [0.0, -1.0, float("nan")])
def test_an_xmin_that_is_not_positive_is_refused(xmin):
    with pytest.raises(ValueError, match="xmin is"):
        fit_power_law(np.array([1.0, 2.0, 3.0]), xmin=xmin)
