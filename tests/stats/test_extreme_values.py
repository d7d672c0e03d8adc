"""Whatever a table holds is computed or refused in words: no library's warning escapes."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zoo_analysis.stats import (
    correlation,
    fit_line,
    mixed_line,
    partial_correlation,
    regress,
    robust_z,
    simpson,
    trend,
    usable,
    varies,
)
from zoo_analysis.stats.line import line_band

#: Ordinary values, and those that break what squares, divides or ranks them.
VALUES = st.one_of(
    st.floats(-100, 100),
    st.sampled_from([0.0, 1.0, 1.0, 1.0 + 2e-16, -1e300, 1e300, 1e-300, 5e-324, 1e150, 1e8]),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), 1.7976931348623157e308]),
)
PAIRS = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=9)


@given(PAIRS)
@example([(46.0, 1.0), (5e-324, 5e-324), (5e-324, 0.96), (0.0, -49.0), (0.0, -44.0), (1e150, 1.0)])
@example([(46.0, 1.0), (5e-324, 5e-324), (5e-324, 0.96), (0.0, -49.8), (0.0, -44.4)])
@example([(0.0, 1.0), (5e-324, 3.0), (1.0, 2.0), (2.0, 5.0), (2.0 + 5e-16, 9.0)])
@settings(max_examples=120, deadline=None)
def test_a_regression_of_any_values_warns_of_nothing(pairs: list[tuple[float, float]]) -> None:
    x, y = np.array(pairs).T
    names = ["a" if i % 2 else "b" for i in range(len(x))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = regress(x, y, resamples=9, permutations=19)
        z, flow, both = robust_z(x), trend(x, y), correlation(x, y, "spearman")
        partial = partial_correlation(x, y, np.arange(float(len(x))))
    numbers = [value for value in vars(found).values() if isinstance(value, float)]
    assert not np.isinf(numbers).any()
    assert not any(np.isinf([flow.slope, both.value, partial[0], *z[usable(x)]]))
    told = usable(x) & usable(y)
    assert found.n == told.sum()
    if not varies(x[told]) and found.n > 1:
        assert "constant metric" in found.flags
    if told.all() and varies(x):
        assert np.isfinite(found.slope)
    if found.n >= 2 and varies(x[told]):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            within = simpson(x, y, names)
            if found.n > 2:
                band = line_band(x[told], y[told], x[told])
        assert np.isfinite(within.pooled)
        assert found.n == 2 or np.isfinite(band).all()


@given(st.lists(st.tuples(VALUES, VALUES), min_size=5, max_size=9))
@settings(max_examples=15, deadline=None)
def test_mixed_effects_of_any_values_warn_of_nothing(pairs: list[tuple[float, float]]) -> None:
    x, y = np.array(pairs).T
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = mixed_line(x, y, ["a" if i % 2 else "b" for i in range(len(x))])
    assert not np.isinf([found.slope, found.slope_se, found.p, found.intercept_sd]).any()


@pytest.mark.parametrize("size", [1e-140, 1e-9, 1.0, 1e9, 1e140])
@pytest.mark.parametrize("statistic", ["r2", "kendall_tau", "spearman_rho", "perm_p", "tau_low"])
def test_a_regression_does_not_depend_on_the_units(statistic: str, size: float) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=12)
    y = x + rng.normal(size=12)
    usual, scaled = regress(x, y), regress(size * x, y / size)
    assert getattr(scaled, statistic) == pytest.approx(getattr(usual, statistic), rel=1e-9)
    assert scaled.slope * size**2 == pytest.approx(usual.slope, rel=1e-9)


def test_what_cannot_be_squared_is_left_out_and_said() -> None:
    x = [1.0, 2.0, 3.0, 4.0, 1e300, float("nan")]
    found = regress(x, [1.0, 2.0, 2.5, 4.0, 5.0, 6.0])
    assert found.n == 4
    assert "1 left out (larger than 1e+150)" in found.flags
    assert "1 left out (not a number)" in found.flags


def test_two_models_make_a_line_and_residuals_of_one_size_are_no_unequal_scatter() -> None:
    two = fit_line(np.array([1.0, 3.0]), np.array([5.0, 1.0]))
    assert (two.slope, two.intercept, two.r2) == pytest.approx((-2.0, 7.0, 1.0))
    x = np.array([0.0, 0.0, 1.0, 1.0, 2.0, 2.0])
    assert fit_line(x, x + np.array([1.0, -1.0] * 3)).breusch_pagan_p == 1.0


@pytest.mark.parametrize("told", [correlation, fit_line])
def test_a_range_that_is_rounding_is_constant(told: Callable[..., Any]) -> None:
    x = 1.0 + np.array([0.0, 2.2e-16, 0.0, 4.4e-16, 0.0])
    assert not varies(x)
    found = told(np.arange(5.0), x)
    assert np.isnan(found.value if told is correlation else found.r2)
