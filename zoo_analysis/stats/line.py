"""An ordinary-least-squares line, and what leaving out each model does to it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: A residual variance below this share of the accuracies' is rounding: the fit is exact.
_EXACT = 1e-20
#: A leverage this near 1: without the model there is no line.
_ALONE = 1 - 1e-9


@dataclass(frozen=True)
class Line:
    """y = intercept + slope · x by least squares; NaN for what n points cannot tell.

    Attributes:
        slope: units of y per unit of x.
        slope_se: its standard error; NaN below 3 points.
        slope_p: chance of so large a |slope| without one (Student's t); NaN below 3 points.
        intercept: y at x = 0.
        r2: share of the variance explained; NaN where y is constant.
        r2_adj: 1 − (1 − R²)(n − 1)/(n − 2); NaN below 3 points.
        rmse: √(mean squared residual), without a degrees-of-freedom correction.
        rmse_loo: √(mean squared error of predicting each point from the others); NaN where the
            others have no line.
        residuals: (n,) y − ŷ.
        cook: (n,) Cook's distance (Cook 1977); infinite for a point without which there is no line.
        slopes_without: (n,) slope when that point is left out.
        breusch_pagan_p: chance of residuals so unequal in spread along x (Breusch & Pagan 1979,
            studentised by Koenker 1981); NaN below 5 points or where the fit is exact.
        curvature_p: chance of so large a quadratic term without one; NaN below 6 points.
    """

    slope: float
    slope_se: float
    slope_p: float
    intercept: float
    r2: float
    r2_adj: float
    rmse: float
    rmse_loo: float
    residuals: Floats
    cook: Floats
    slopes_without: Floats
    breusch_pagan_p: float
    curvature_p: float


def fit_line(x: Floats, y: Floats) -> Line:
    """Fit a line by statsmodels' OLS.

    Args:
        x: (n,) finite values, at least two of them different.
        y: (n,) finite values.
    """
    import statsmodels.api as sm

    n, nan = len(x), float("nan")
    # Centred: the intercept column is then orthogonal to x, whatever its offset.
    centre = x.mean()
    t = x - centre
    fit = sm.OLS(y, np.column_stack([np.ones(n), t])).fit()
    level, slope = (float(p) for p in fit.params)
    residuals = np.asarray(fit.resid, dtype=float)
    spread = float(t @ t)
    leverage = 1 / n + t**2 / spread
    alone = leverage > _ALONE
    noise = float(residuals @ residuals)
    exact = noise <= _EXACT * max(float(y @ y), float(np.var(y)) * n)
    with np.errstate(divide="ignore", invalid="ignore"):
        without = np.where(alone, nan, slope - t * residuals / (spread * (1 - leverage)))
        left_out = np.where(alone, nan, residuals / (1 - leverage))
        cook = residuals**2 * leverage / ((1 - leverage) ** 2 * 2 * noise / (n - 2))
    cook = np.where(alone, np.inf, np.zeros(n) if exact or n < 3 else cook)
    varies = bool(np.ptp(y) > 0)
    return Line(
        slope=slope,
        slope_se=float(fit.bse[1]) if n > 2 else nan,
        slope_p=float(fit.pvalues[1]) if n > 2 and not exact else nan,
        intercept=level - slope * float(centre),
        r2=float(fit.rsquared) if varies else nan,
        r2_adj=float(fit.rsquared_adj) if varies and n > 2 else nan,
        rmse=float(np.sqrt(np.mean(residuals**2))),
        rmse_loo=float(np.sqrt(np.mean(left_out**2))) if n > 2 else nan,
        residuals=residuals,
        cook=cook,
        slopes_without=without,
        breusch_pagan_p=_breusch_pagan(residuals, t) if n >= 5 and not exact else nan,
        curvature_p=_curvature(t, y) if n >= 6 and not exact else nan,
    )


def _breusch_pagan(residuals: Floats, t: Floats) -> float:
    from statsmodels.stats.diagnostic import het_breuschpagan

    return float(het_breuschpagan(residuals, np.column_stack([np.ones(len(t)), t]))[1])


def _curvature(t: Floats, y: Floats) -> float:
    """p-value of the quadratic term; NaN where fewer than 3 values of t tell it from the line."""
    import statsmodels.api as sm

    if len(np.unique(t)) < 3:
        return float("nan")
    scaled = t / np.abs(t).max()
    fit = sm.OLS(y, np.column_stack([np.ones(len(t)), scaled, scaled**2])).fit()
    return float(fit.pvalues[2])


def line_band(x: Floats, y: Floats, at: Floats) -> tuple[Floats, Floats]:
    """The 95 % confidence band of an ordinary-least-squares line (its mean, not new points).

    Args:
        x: (n,) finite values, at least two of them different; n ≥ 3.
        y: (n,) finite values.
        at: (m,) where to tell it.

    Returns:
        (m,) lower and upper ends, in units of y.
    """
    import statsmodels.api as sm

    centre = x.mean()
    fit = sm.OLS(y, np.column_stack([np.ones(len(x)), x - centre])).fit()
    told = fit.get_prediction(np.column_stack([np.ones(len(at)), at - centre]))
    low, high = told.conf_int(alpha=0.05).T
    return low, high
