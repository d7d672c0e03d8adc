"""An ordinary-least-squares line, and what leaving out each model does to it."""

from dataclasses import dataclass

import numpy as np

from zoo_analysis.stats.computable import Floats, standardised, unwarned, varies

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
        x: (n,) finite values of at most 1e150 that vary by more than rounding.
        y: (n,) finite values of at most 1e150.
    """
    import statsmodels.api as sm

    n, nan = len(x), float("nan")
    # Centred, the intercept column is orthogonal to x; in units of the spread nothing overflows.
    t, centre, unit = standardised(x)
    v, level, scale = standardised(y)
    spread = float(t @ t)
    with unwarned():
        fit = sm.OLS(v, np.column_stack([np.ones(n), t])).fit()
        errors, chances = fit.bse, fit.pvalues
        adjusted = float(fit.rsquared_adj) if n > 2 else nan
        rise, by = float(fit.params[1]), scale / unit
        residuals = np.asarray(fit.resid, dtype=float)
        leverage = 1 / n + t**2 / spread
        alone = leverage > _ALONE
        noise = float(residuals @ residuals)
        exact = noise <= _EXACT * max(float((y / scale) @ (y / scale)), float(v @ v))
        without = np.where(alone, nan, rise - t * residuals / (spread * (1 - leverage)))
        left_out = np.where(alone, nan, residuals / (1 - leverage))
        cook = residuals**2 * leverage / ((1 - leverage) ** 2 * 2 * noise / (n - 2))
    cook = np.where(alone, np.inf, np.zeros(n) if exact or n < 3 else cook)
    told = varies(y)
    return Line(
        slope=rise * by,
        slope_se=float(errors[1]) * by if n > 2 else nan,
        slope_p=float(chances[1]) if n > 2 and not exact else nan,
        intercept=level + scale * (float(fit.params[0]) - rise * (centre / unit)),
        r2=float(fit.rsquared) if told else nan,
        r2_adj=adjusted if told else nan,
        rmse=scale * float(np.sqrt(np.mean(residuals**2))),
        rmse_loo=scale * float(np.sqrt(np.mean(left_out**2))) if n > 2 else nan,
        residuals=scale * residuals,
        cook=cook,
        slopes_without=without * by,
        breusch_pagan_p=_breusch_pagan(residuals, t) if n >= 5 and not exact else nan,
        curvature_p=_curvature(t, v) if n >= 6 and not exact else nan,
    )


def _breusch_pagan(residuals: Floats, t: Floats) -> float:
    """p-value of unequal scatter; 1 where all residuals are of one size."""
    from statsmodels.stats.diagnostic import het_breuschpagan

    if not varies(residuals**2):
        return 1.0
    with unwarned():
        return float(het_breuschpagan(residuals, np.column_stack([np.ones(len(t)), t]))[1])


def _curvature(t: Floats, y: Floats) -> float:
    """p-value of the quadratic term; NaN where fewer than 3 values of t tell it from the line."""
    import statsmodels.api as sm

    if len(np.unique(t)) < 3:
        return float("nan")
    with unwarned():
        fit = sm.OLS(y, np.column_stack([np.ones(len(t)), t, t**2])).fit()
        return float(fit.pvalues[2])


def line_band(x: Floats, y: Floats, at: Floats) -> tuple[Floats, Floats]:
    """The 95 % confidence band of an ordinary-least-squares line (its mean, not new points).

    Args:
        x: (n,) finite values of at most 1e150 that vary by more than rounding; n ≥ 3.
        y: (n,) finite values of at most 1e150.
        at: (m,) where to tell it.

    Returns:
        (m,) lower and upper ends, in units of y.
    """
    import statsmodels.api as sm

    t, centre, unit = standardised(x)
    v, level, scale = standardised(y)
    with unwarned():
        fit = sm.OLS(v, np.column_stack([np.ones(len(t)), t])).fit()
        told = fit.get_prediction(np.column_stack([np.ones(len(at)), (at - centre) / unit]))
        low, high = level + scale * told.conf_int(alpha=0.05).T
    return low, high
