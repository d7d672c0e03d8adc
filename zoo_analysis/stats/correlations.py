"""Intervals of correlations, and tests of the difference of two."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from zoo_analysis.stats.computable import Floats, standardised, unwarned, usable, varies

Kind = Literal["pearson", "spearman"]

_NAN = float("nan")
#: So near to ±1 Fisher's z says nothing: the order is perfect up to rounding.
_PERFECT = 1 - 1e-12


@dataclass(frozen=True)
class Correlation:
    """A correlation coefficient with its interval.

    Attributes:
        n: points it rests on.
        value: the coefficient; NaN below 3 points or where a side is constant.
        low: lower bound; NaN below 5 points and for a perfect correlation, which tells nothing of
            its uncertainty.
        high: upper bound, likewise.
        p_value: two-sided, of no association.
    """

    n: int
    value: float
    low: float
    high: float
    p_value: float


def correlation(
    x: ArrayLike, y: ArrayLike, kind: Kind = "pearson", *, level: float = 0.95
) -> Correlation:
    """Pearson's or Spearman's correlation, with the interval of Fisher's z.

    tanh(atanh r ± z·s) with s² = 1/(n − 3) for Pearson's r (Fisher 1921) and
    (1 + ρ²/2)/(n − 3) for Spearman's ρ (Bonett & Wright 2000). The interval takes the points for
    independent: of pairs of models, which share models, it is too narrow.

    Args:
        x: (n,) values; points with NaN or infinity on either side are left out.
        y: (n,) values.
        kind: which coefficient.
        level: of confidence.

    Returns:
        The coefficient; its p-value is scipy's (Student's t).

    Raises:
        ValueError: arrays of different lengths.
    """
    from scipy.stats import norm, pearsonr, spearmanr

    (a, b), n = _finite(x, y)
    if n < 3 or not (varies(a) and varies(b)):
        return Correlation(n, _NAN, _NAN, _NAN, _NAN)
    with unwarned():
        a, b = standardised(a)[0], standardised(b)[0]
        found = pearsonr(a, b) if kind == "pearson" else spearmanr(a, b)
    r, p_value = float(np.clip(found.statistic, -1, 1)), float(found.pvalue)
    if n < 5 or abs(r) > _PERFECT:
        return Correlation(n, r, _NAN, _NAN, p_value)
    half = float(norm.ppf((1 + level) / 2)) * _error(r, n, kind)
    z = np.arctanh(r)
    return Correlation(n, r, float(np.tanh(z - half)), float(np.tanh(z + half)), p_value)


def fisher_z(r: float) -> float:
    """atanh r (Fisher 1921), finite for full correlations too, so that it can be averaged.

    Args:
        r: a coefficient; NaN gives NaN.
    """
    return float(np.arctanh(np.clip(r, -_PERFECT, _PERFECT)))


@dataclass(frozen=True)
class Difference:
    """The difference of two correlations with one variable, over the same points.

    Attributes:
        n: points it rests on.
        value: first minus second coefficient.
        low: lower bound (Zou 2007); NaN where a coefficient has no interval.
        high: upper bound.
        z: statistic of Meng, Rosenthal & Rubin 1992, standard normal without a difference.
        p_value: its two-sided p-value.
    """

    n: int
    value: float
    low: float
    high: float
    z: float
    p_value: float


def correlation_difference(
    x1: ArrayLike, x2: ArrayLike, y: ArrayLike, kind: Kind = "pearson", *, level: float = 0.95
) -> Difference:
    """Does x₁ go with y more closely than x₂ does, where all three are of the same points?

    The test is that of Meng, Rosenthal & Rubin 1992 for correlations that share a variable; the
    interval is that of Zou 2007, from the two coefficients' own intervals and the correlation of
    their errors. Of ranks both are approximations, good for moderate ρ (Myers & Sirois 2006).
    Like `correlation`, they take the points for independent.

    Args:
        x1: (n,) values; points with NaN or infinity anywhere are left out.
        x2: (n,) values.
        y: (n,) values, of what both are correlated with.
        kind: which coefficients.
        level: of confidence.

    Raises:
        ValueError: arrays of different lengths.
    """
    (a, b, c), _ = _finite(x1, x2, y)
    first, second, between = (correlation(*each, kind) for each in ((a, c), (b, c), (a, b)))
    return difference_of(first.value, second.value, between.value, first.n, kind=kind, level=level)


def difference_of(
    r1: float, r2: float, between: float, n: int, *, kind: Kind = "pearson", level: float = 0.95
) -> Difference:
    """`correlation_difference` from the coefficients themselves.

    Args:
        r1: of x₁ and y.
        r2: of x₂ and y.
        between: of x₁ and x₂.
        n: points.
        kind: which coefficients they are.
        level: of confidence.
    """
    from scipy.stats import norm

    value = r1 - r2
    if n < 5 or not max(abs(r1), abs(r2), abs(between)) <= _PERFECT:
        return Difference(n, value, _NAN, _NAN, _NAN, _NAN)
    z1, z2 = np.arctanh(r1), np.arctanh(r2)
    square = (r1**2 + r2**2) / 2
    f = min((1 - between) / (2 * (1 - square)), 1)
    h = (1 - f * square) / (1 - square)
    z = float((z1 - z2) * np.sqrt((n - 3) / (2 * (1 - between) * h)))
    # Correlation of the errors of r1 and r2 (Olkin & Siotani 1976).
    c = (between - r1 * r2 / 2) * (1 - r1**2 - r2**2 - between**2) + between**3
    c /= (1 - r1**2) * (1 - r2**2)
    half = float(norm.ppf((1 + level) / 2)) * np.array([_error(r1, n, kind), _error(r2, n, kind)])
    down = [r - np.tanh(zr - e) for r, zr, e in zip((r1, r2), (z1, z2), half, strict=True)]
    up = [np.tanh(zr + e) - r for r, zr, e in zip((r1, r2), (z1, z2), half, strict=True)]
    below = np.sqrt(max(down[0] ** 2 + up[1] ** 2 - 2 * c * down[0] * up[1], 0))
    above = np.sqrt(max(up[0] ** 2 + down[1] ** 2 - 2 * c * up[0] * down[1], 0))
    return Difference(
        n, value, float(value - below), float(value + above), z, float(2 * norm.sf(abs(z)))
    )


def _error(r: float, n: int, kind: Kind) -> float:
    """Standard error of atanh r."""
    return float(np.sqrt((1 if kind == "pearson" else 1 + r * r / 2) / (n - 3)))


def _finite(*arrays: ArrayLike) -> tuple[Floats, int]:
    """The points that are `usable`, (arrays, n), and their number."""
    columns = [np.asarray(array, dtype=float).ravel() for array in arrays]
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"arrays of different lengths: {[len(column) for column in columns]}")
    points = np.stack(columns)
    points = points[:, usable(points).all(axis=0)]
    return points, points.shape[1]
