"""A reported accuracy regressed on one metric."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Regression:
    """An ordinary-least-squares line and how well it holds.

    Attributes:
        n: models.
        slope: accuracy units per unit of the metric.
        slope_se: standard error of the slope.
        intercept: accuracy at metric 0.
        r2: share of the variance explained.
        rmse: √(mean squared residual), without a degrees-of-freedom correction, as published
            (Martin, Peng & Mahoney 2021).
        kendall_tau: Kendall's τ-b of metric and accuracy.
        kendall_p: chance of so large a |τ| without association.
    """

    n: int
    slope: float
    slope_se: float
    intercept: float
    r2: float
    rmse: float
    kendall_tau: float
    kendall_p: float


def regress(metric: ArrayLike, accuracy: ArrayLike) -> Regression:
    """Fit accuracy = intercept + slope · metric by statsmodels' OLS.

    Args:
        metric: (n,) values; pairs with a NaN or infinity are left out.
        accuracy: (n,) values in any one unit.

    Returns:
        The fit; NaN for what n models cannot tell: everything below 2 distinct metric values,
        the standard error below 3 models.

    Raises:
        ValueError: different lengths.
    """
    import statsmodels.api as sm
    from scipy.stats import kendalltau

    x, y = np.asarray(metric, dtype=float), np.asarray(accuracy, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"metric has shape {x.shape} and accuracy {y.shape}: need two equal (n,)")
    paired = np.isfinite(x) & np.isfinite(y)
    x, y = x[paired], y[paired]
    n = len(x)
    if n < 2 or np.ptp(x) == 0:
        nan = float("nan")
        return Regression(n, nan, nan, nan, nan, nan, nan, nan)
    # Centred: the intercept column is then orthogonal to the metric, whatever its offset.
    centre = x.mean()
    fit = sm.OLS(y, np.column_stack([np.ones(n), x - centre])).fit()
    level, slope = (float(p) for p in fit.params)
    tau = kendalltau(x, y)
    return Regression(
        n=n,
        slope=slope,
        slope_se=float(fit.bse[1]) if n > 2 else float("nan"),
        intercept=level - slope * float(centre),
        r2=float(fit.rsquared) if np.ptp(y) > 0 else float("nan"),
        rmse=float(np.sqrt(np.mean(fit.resid**2))),
        kendall_tau=float(tau.statistic),
        kendall_p=float(tau.pvalue),
    )
