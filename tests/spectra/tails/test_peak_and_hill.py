"""The estimators of a tail that papers use beside the fit, against their programs' rules."""

import contextlib
import io

import numpy as np
import powerlaw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.spectra import fit_peak, hill_alpha, hill_as_counted


def spectrum(n: int, seed: int, scale: float = 1.0) -> np.ndarray:
    """A bulk and a Pareto tail."""
    rng = np.random.default_rng(seed)
    bulk, tail = rng.uniform(0.3, 1, n), 1 + rng.pareto(2, n)
    return scale * np.sort(np.where(rng.random(n) < 0.6, bulk, tail))


def in_a_loop(evals: np.ndarray) -> tuple[float, float] | None:
    """(α, xmin) by the rule of WeightWatcher and AlphaPruning, candidate by candidate."""
    counts, edges = np.histogram(np.log10(evals), bins=100)
    peak = 10 ** edges[counts.argmax()]
    best = None
    for i, xmin in enumerate(evals[:-1]):
        if np.log10(0.95 * peak) <= xmin <= 1.5 * peak:
            n = len(evals) - i
            alpha = 1 + n / np.log(evals[i:] / xmin).sum()
            d = np.abs(1 - (evals[i:] / xmin) ** (1 - alpha) - np.arange(n) / n).max()
            if best is None or d < best[0]:
                best = d, alpha, xmin
    return None if best is None else best[1:]


@settings(deadline=None, max_examples=60)
@given(st.integers(10, 300), st.integers(0, 10**6), st.integers(-6, 6))
def test_the_peak_s_fit_is_the_best_of_the_candidates_around_it(n, seed, decades):
    evals = spectrum(n, seed, 10.0**decades)
    found, expected = fit_peak(evals), in_a_loop(evals)
    if expected is None:
        assert found is None
    else:
        assert (found.alpha, found.xmin) == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(4))
def test_the_peak_s_fit_is_that_of_the_package_within_weightwatcher_s_range(seed):
    evals = spectrum(400, seed, 20.0)
    counts, edges = np.histogram(np.log10(evals), bins=100)
    peak = 10 ** edges[counts.argmax()]
    end = evals[(evals <= 1.5 * peak).sum() + 1]  # the package leaves the last two of a range out
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = powerlaw.Fit(
            evals,
            xmin=(np.log10(0.95 * peak), end),
            verbose=False,
            parameter_ranges={"alpha": [1, None]},  # else α above 3 is refused
        )
    found = fit_peak(evals)
    assert (found.alpha, found.xmin) == pytest.approx((theirs.alpha, theirs.xmin), rel=1e-9)


def test_without_a_value_below_the_largest_in_the_range_there_is_none():
    evals = np.array([1e-9, 1e-9, 1e-9, 1e300])  # log₁₀ of 0.95 P is below all, 1.5 P above three
    assert fit_peak(evals).xmin == 1e-9
    assert fit_peak(np.array([1.0, 1e200, 1e200, 1e200])) is None  # the peak is the maximum


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 200), st.integers(0, 10**6), st.integers(-250, 250))
def test_hill_as_counted_takes_xmin_for_one_of_the_values_above_it(n, seed, decades):
    evals = np.sort(1 + np.random.default_rng(seed).pareto(1.5, n)) * 10.0**decades
    upper = evals[n // 2 :]
    if len(upper) < 2:
        assert np.isnan(hill_as_counted(evals))
        return
    k = len(upper) - 1
    assert hill_as_counted(evals) == pytest.approx(1 + (hill_alpha(evals, k) - 1) * (1 + 1 / k))


def test_of_an_even_number_the_paper_takes_one_value_more_than_the_program():
    evals = np.array([1.0, 2.0, 4.0, 8.0])
    assert hill_alpha(evals) == pytest.approx(1 + 2 / np.log(2 * 4))
    assert hill_as_counted(evals) == pytest.approx(1 + 2 / np.log(2))
