"""Simpson's paradox, mixed effects, partial correlations, outliers and trends."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from zoo_analysis.stats import mixed_line, partial_correlation, robust_z, simpson, trend


@pytest.mark.parametrize("times", [1, 10])
def test_kidney_stones_are_simpsons_paradox(times: int) -> None:
    """Charig et al. 1986: open surgery does better on small and on large stones, worse pooled.

    Of 700 patients neither difference can be told from zero (p = 0.23 pooled); of ten times as many
    both can.
    """
    cured = {  # treatment (0 open surgery, 1 puncture), stones: (cured, all)
        (0, "small"): (81, 87),
        (0, "large"): (192, 263),
        (1, "small"): (234, 270),
        (1, "large"): (55, 80),
    }
    x, y, stones = [], [], []
    for (treatment, size), (well, everyone) in cured.items():
        x += [treatment] * everyone * times
        y += [100.0] * well * times + [0.0] * (everyone - well) * times
        stones += [size] * everyone * times
    found = simpson(x, y, stones)
    assert found.pooled == pytest.approx(100 * (289 / 350 - 273 / 350))
    assert found.slopes == {
        "small": pytest.approx(100 * (234 / 270 - 81 / 87)),
        "large": pytest.approx(100 * (55 / 80 - 192 / 263)),
    }
    assert found.opposite
    assert found.paradox == (times == 10)
    assert set(found.against) == {"small", "large"}


def groups(seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Four series whose levels rise with x while each falls with slope −1."""
    generator = np.random.default_rng(seed)
    series = np.repeat(list("abcd"), 10)
    level = np.repeat([0.0, 2.0, 4.0, 6.0], 10)
    t = generator.normal(size=40)
    return level + t, 3 * level - t + 0.2 * generator.normal(size=40), list(series)


def test_one_series_against_the_rest_is_no_paradox() -> None:
    x = np.tile(np.arange(5.0), 3)
    y = np.concatenate([np.arange(5.0), np.arange(5.0), -0.5 * np.arange(5.0)])
    found = simpson(x, y, ["a"] * 5 + ["b"] * 5 + ["c"] * 5)
    assert (found.against, found.paradox) == (("c",), False)


def test_the_shared_slope_is_that_of_a_regression_with_a_level_for_each_series() -> None:
    x, y, series = groups()
    dummies = np.column_stack([np.array(series) == name for name in "abcd"]).astype(float)
    fit = sm.OLS(y, np.column_stack([x, dummies])).fit()
    found = simpson(x, y, series)
    assert found.within == pytest.approx(fit.params[0])
    assert (found.within_low, found.within_high) == pytest.approx(tuple(fit.conf_int()[0]))


def test_a_mixed_model_finds_the_slope_that_all_series_share() -> None:
    x, y, series = groups()
    found = mixed_line(x, y, series)
    assert found.random == "intercepts and slopes"
    assert found.slope == pytest.approx(-1, abs=0.15)
    assert found.slope_sd < 0.2, "all series have one slope"
    assert found.p < 1e-6
    assert found.intercept_sd > 1


def test_random_intercepts_are_statsmodels_own() -> None:
    x, y, series = groups()
    few = [i for i in range(40) if i % 10 < 3]  # too few a series for slopes of their own
    x, y, series = x[few], y[few], [series[i] for i in few]
    found = mixed_line(x, y, series)
    fit = sm.MixedLM(y, sm.add_constant(x), series).fit(reml=True)
    assert found.random == "intercepts"
    assert found.slope == pytest.approx(fit.fe_params[1], rel=1e-3)
    assert found.slope_se == pytest.approx(fit.bse_fe[1], rel=1e-2)


@pytest.mark.parametrize("count", [0, 3])
def test_one_series_or_nothing_has_no_mixed_model(count: int) -> None:
    found = mixed_line(np.arange(count), np.arange(count), ["a"] * count)
    assert found.random == ""
    assert np.isnan(found.slope)


def test_a_partial_correlation_is_the_t_test_of_the_regression_with_the_covariate() -> None:
    generator = np.random.default_rng(2)
    z = generator.normal(size=30)
    x, y = z + generator.normal(size=30), 2 * z + generator.normal(size=30)
    r, p, n = partial_correlation(x, y, z)
    fit = sm.OLS(y, sm.add_constant(np.column_stack([x, z]))).fit()
    assert n == 30
    assert r == pytest.approx(fit.tvalues[1] / np.sqrt(fit.tvalues[1] ** 2 + 27))
    assert p == pytest.approx(fit.pvalues[1])


def test_rows_without_a_covariate_do_not_count() -> None:
    z = [1.0, 2.0, np.nan, 4.0, 7.0, 5.0]
    x, y = [3.0, 1.0, 9.0, 2.0, 5.0, 5.5], [1.0, 4.0, 4.0, 2.0, 6.0, 3.0]
    assert partial_correlation(x, y, z)[2] == 5
    assert np.isnan(partial_correlation(x[:3], y[:3], z[:3])[0])
    assert np.isnan(partial_correlation(x, y, x)[0]), "nothing is left of x given x"


def test_robust_z_is_scipys_and_stands_outliers() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 1000.0])
    scale = stats.median_abs_deviation(values, scale="normal")
    assert robust_z(values) == pytest.approx((values - 3) / scale)
    assert robust_z([5.0, 5.0, 5.0]).tolist() == [0, 0, 0]
    assert robust_z([5.0, 5.0, 5.0, 9.0])[3] > 3
    assert np.isnan(robust_z([1.0, np.nan])[1])


def test_a_trend_is_theils_line_and_manns_test() -> None:
    depth = np.linspace(0, 1, 12)
    found = trend(depth, 3 + 2 * depth)
    assert (found.median, found.slope, found.tau) == pytest.approx((4, 2, 1))
    assert found.scatter == pytest.approx(0, abs=1e-12)
    assert found.p < 1e-6
    assert trend(depth, np.full(12, 3.0)).p == 1
    assert np.isnan(trend([0, 1], [2, 3]).p)
