"""One metric, one accuracy: OLS against closed forms, textbook data and the published table."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.support.reference import VGG_2020
from zoo_analysis.stats import regress

X1 = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
ANSCOMBE = {
    "I": (X1, [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]),
    "II": (X1, [9.14, 8.14, 8.74, 8.77, 9.26, 8.10, 6.13, 3.10, 9.13, 7.26, 4.74]),
    "III": (X1, [7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73]),
    "IV": (
        [8, 8, 8, 8, 8, 8, 8, 19, 8, 8, 8],
        [6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.50, 5.56, 7.91, 6.89],
    ),
}


@pytest.mark.parametrize("name", ANSCOMBE)
def test_anscombes_quartet_has_one_line(name: str) -> None:
    """Anscombe 1973: slope 0.5, intercept 3, R² 0.67, standard error of the slope 0.118."""
    fit = regress(*ANSCOMBE[name])
    assert fit.slope == pytest.approx(0.5, abs=5e-4)
    assert fit.intercept == pytest.approx(3.0, abs=5e-3)
    assert fit.r2 == pytest.approx(0.67, abs=5e-3)
    assert fit.slope_se == pytest.approx(0.118, abs=5e-4)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000)), min_size=3, max_size=40
    ).filter(lambda pairs: len({x for x, _ in pairs}) > 1 and len({y for _, y in pairs}) > 1)
)
def test_any_line_is_scipys(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=float).T
    fit, line = regress(x, y), stats.linregress(x, y)
    assert fit.slope == pytest.approx(line.slope, rel=1e-9, abs=1e-9)
    assert fit.intercept == pytest.approx(line.intercept, rel=1e-9, abs=1e-7)
    assert fit.r2 == pytest.approx(line.rvalue**2, abs=1e-9)
    residuals = y - line.intercept - line.slope * x
    assert fit.rmse == pytest.approx(np.sqrt(np.mean(residuals**2)), rel=1e-9, abs=1e-7)
    assert fit.kendall_tau == pytest.approx(stats.kendalltau(x, y).statistic)


def test_two_models_have_a_line_and_no_standard_error() -> None:
    fit = regress([1.0, 2.0], [70.0, 75.0])
    assert (fit.n, fit.slope, fit.rmse) == (2, pytest.approx(5), pytest.approx(0))
    assert np.isnan(fit.slope_se)


@pytest.mark.parametrize("metric", [[1.0], [2.0, 2.0, 2.0], []])
def test_no_line_through_less_than_two_metric_values(metric: list[float]) -> None:
    fit = regress(metric, [70.0] * len(metric))
    assert fit.n == len(metric)
    assert np.isnan([fit.slope, fit.r2, fit.rmse, fit.kendall_tau]).all()


def test_pairs_with_a_missing_value_do_not_count() -> None:
    fit = regress([1, 2, np.nan, 3, np.inf], [1, 2, 3, np.nan, 5])
    assert (fit.n, fit.slope) == (2, pytest.approx(1))


def test_different_lengths_are_refused_with_both_named() -> None:
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        regress([1, 2, 3], [1, 2])


@pytest.mark.skipif(not VGG_2020.exists(), reason="no reference figures here")
@pytest.mark.parametrize(
    ("metric", "rmse", "r2", "tau"),
    [
        ("log_norm", 0.56, 0.88, -0.79),
        ("log_spectral_norm", 0.23, 0.98, -0.93),
        ("alpha_weighted", 0.48, 0.92, -0.93),
        ("log_alpha_norm", 0.34, 0.96, -0.93),
    ],
)
def test_the_published_regression_of_the_vgg_series(
    metric: str, rmse: float, r2: float, tau: float
) -> None:
    """Table 1 of Martin, Peng & Mahoney 2021, from the averages published with it."""
    with VGG_2020.open() as file:
        rows = list(csv.DictReader(file))
    fit = regress(
        [float(row[metric]) for row in rows], [100 - float(row["top1_error"]) for row in rows]
    )
    assert fit.n == 8
    assert round(fit.rmse, 2) == rmse
    assert round(fit.r2, 2) == r2
    assert round(fit.kendall_tau, 2) == tau
