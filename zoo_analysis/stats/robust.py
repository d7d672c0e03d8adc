"""Outliers and trends that a few wild values cannot feign."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from zoo_analysis.stats.computable import Floats, told_apart, unwarned, usable, varies

#: 1/Φ⁻¹(3/4): makes the median absolute deviation a standard deviation of normal data.
_MAD = 1.4826022185056018


def spread(values: ArrayLike) -> float:
    """The median absolute deviation, scaled to be a standard deviation of normal data."""
    v = np.asarray(values, dtype=float)
    return float(_MAD * np.median(np.abs(v - np.median(v)))) if len(v) else float("nan")


def robust_z(values: ArrayLike) -> Floats:
    """(v − median) / `spread` (Iglewicz & Hoaglin 1993 call |z| > 3.5 an outlier).

    Args:
        values: (n,); of NaN, and of what is larger than 1e150, z is NaN.

    Returns:
        (n,) z; 0 where all values agree. Where more than half agree, the spread is 1.2533 times
        the mean absolute deviation instead.
    """
    v = np.asarray(values, dtype=float)
    told = usable(v)
    z = np.full(len(v), np.nan)
    if not told.any():
        return z
    centre = np.median(v[told])
    scale = spread(v[told])
    if not varies(np.array([centre, centre + scale])):
        scale = 1.2533141373155003 * float(np.mean(np.abs(v[told] - centre)))
    z[told] = (v[told] - centre) / scale if varies(v[told]) else 0.0
    return z


@dataclass(frozen=True)
class Trend:
    """Level, slope and scatter of a quantity over depth.

    Attributes:
        n: values.
        median: of them.
        slope: Theil–Sen slope per unit of position.
        slope_low, slope_high: its 95 % interval (Sen 1968).
        tau: Kendall's τ of value and position.
        p: chance of so large a |τ| without a trend (Mann 1945).
        scatter: robust standard deviation about the Theil–Sen line.
        intercept: level of that line at position 0.
    """

    n: int
    median: float
    slope: float
    slope_low: float
    slope_high: float
    tau: float
    p: float
    scatter: float
    intercept: float


def trend(position: ArrayLike, values: ArrayLike) -> Trend:
    """Level, trend and scatter of values along a position.

    Args:
        position: (n,) such as relative depth, 0 to 1.
        values: (n,); pairs with a NaN, or a size beyond 1e150, are left out.

    Returns:
        The trend; NaN below 3 positions that differ by more than rounding.
    """
    from scipy.stats import kendalltau, theilslopes

    x, y = np.asarray(position, dtype=float), np.asarray(values, dtype=float)
    told = usable(x) & usable(y)
    x, y = told_apart(x[told]), y[told]
    nan = float("nan")
    level = float(np.median(y)) if len(y) else nan
    if len(np.unique(x)) < 3:
        return Trend(len(x), level, nan, nan, nan, nan, nan, nan, nan)
    if not varies(y):
        return Trend(len(x), level, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, level)
    with unwarned():
        line, tau = theilslopes(y, x), kendalltau(x, y)
    return Trend(
        n=len(x),
        median=level,
        slope=float(line.slope),
        slope_low=float(line.low_slope),
        slope_high=float(line.high_slope),
        tau=float(tau.statistic),
        p=float(tau.pvalue),
        scatter=spread(y - line.slope * x),
        intercept=float(line.intercept),
    )
