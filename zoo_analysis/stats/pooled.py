"""Across series: mixed effects, partial correlations, and Simpson's paradox."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from zoo_analysis.stats.computable import Floats, standardised, unwarned, usable, varies
from zoo_analysis.stats.line import fit_line

_NAN = float("nan")
#: A series needs this many models to have a sign of its own.
_MIN_SERIES = 3


@dataclass(frozen=True)
class Mixed:
    """A mixed-effects line: one slope for all series, and each series' own departure from it.

    Attributes:
        slope: fixed effect of x.
        slope_se: its standard error.
        p: chance of so large a |slope| without one (Wald).
        random: ``intercepts and slopes``, ``intercepts``, or empty where there is no fit.
        intercept_sd: standard deviation of the series' intercepts at the mean x.
        slope_sd: standard deviation of the series' slopes; NaN without random slopes.
    """

    slope: float = _NAN
    slope_se: float = _NAN
    p: float = _NAN
    random: str = ""
    intercept_sd: float = _NAN
    slope_sd: float = _NAN


def mixed_line(x: ArrayLike, y: ArrayLike, series: Sequence[str]) -> Mixed:
    """Fit y = a + b·x + (aₛ + bₛ·x) by statsmodels' MixedLM (restricted maximum likelihood).

    Slopes vary by series where that can be estimated (at least two series of four or more
    distinct values, convergence, a covariance that is not on the boundary), else intercepts only.

    Args:
        x: (n,) finite values.
        y: (n,) finite values.
        series: (n,) group of each.

    Returns:
        The fit; NaN below two series or where nothing converges.
    """
    a, b, groups = _arrays(x, y, series)
    names = np.unique(groups)
    if len(names) < 2 or not (varies(a) and varies(b)) or len(a) < len(names) + 2:
        return Mixed()
    (t, _, scale), (v, _, unit) = standardised(a), standardised(b)
    scale, unit = scale * float(t.std()), unit * float(v.std())
    t, v = t / t.std(), v / v.std()
    plain = _fit_mixed(t, v, groups, slopes=False)
    sizes = [len(np.unique(a[groups == name])) for name in names]
    rich = _fit_mixed(t, v, groups, slopes=True) if sum(n >= 4 for n in sizes) >= 2 else None
    # The richer model can do no worse: where it does, its optimiser stopped short.
    if rich is not None and plain is not None and rich[1] < plain[1] - 1e-6:
        rich = None
    best = rich or plain
    if best is None:
        return Mixed()
    found, by = best[0], float(unit / scale)
    return replace(
        found,
        slope=found.slope * by,
        slope_se=found.slope_se * by,
        intercept_sd=found.intercept_sd * float(unit),
        slope_sd=found.slope_sd * by,
    )


def _fit_mixed(
    t: Floats, v: Floats, groups: np.ndarray, slopes: bool
) -> tuple[Mixed, float] | None:
    """The fit of standardised data and its log-likelihood; None where it cannot be trusted."""
    import statsmodels.api as sm

    design = np.column_stack([np.ones(len(t)), t])
    with unwarned():  # what they say is checked below
        try:
            model = sm.MixedLM(v, design, groups, exog_re=design if slopes else design[:, :1])
            fit = model.fit(reml=True, method=["powell", "lbfgs"])
            covariance = np.atleast_2d(np.asarray(fit.cov_re, dtype=float))
            slope, error = float(fit.fe_params[1]), float(fit.bse_fe[1])
            p = float(fit.pvalues[1])
        except (np.linalg.LinAlgError, ValueError, ZeroDivisionError):
            return None
    if not (fit.converged and np.isfinite([slope, error]).all() and error > 0):
        return None
    if slopes and np.linalg.eigvalsh(covariance)[0] < 1e-6:
        return None
    spread = np.sqrt(np.maximum(np.diag(covariance), 0))
    found = Mixed(
        slope,
        error,
        p,
        "intercepts and slopes" if slopes else "intercepts",
        float(spread[0]),
        float(spread[1]) if slopes else _NAN,
    )
    return found, float(fit.llf)


def partial_correlation(x: ArrayLike, y: ArrayLike, given: ArrayLike) -> tuple[float, float, int]:
    """Pearson correlation of what `given` leaves unexplained of x and y.

    Args:
        x: (n,) values; rows with a NaN or infinity anywhere are left out.
        y: (n,) values.
        given: (n,) or (n, k) covariates.

    Returns:
        r, its two-sided p-value (Student's t with n − 2 − k degrees of freedom) and n; NaN where
        there are too few rows, or the covariates explain a side wholly.
    """
    from scipy.stats import t as student

    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    z = np.asarray(given, dtype=float).reshape(len(a), -1)
    whole = usable(np.column_stack([a, b, z])).all(axis=1)
    a, b, z = a[whole], b[whole], z[whole]
    n, k = z.shape
    freedom = n - 2 - k
    if freedom < 1 or not (varies(a) and varies(b)):
        return _NAN, _NAN, n
    a, b = standardised(a)[0], standardised(b)[0]
    given = [standardised(column)[0] for column in z.T]
    design = np.column_stack([np.ones(n), *given])
    left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (a, b)]
    norms = [float(np.linalg.norm(v)) for v in left]
    if any(norm <= 1e-10 * np.linalg.norm(v) for norm, v in zip(norms, (a, b), strict=True)):
        return _NAN, _NAN, n
    r = float(np.clip(left[0] @ left[1] / (norms[0] * norms[1]), -1, 1))
    statistic = abs(r) * np.sqrt(freedom / max(1 - r * r, 1e-300))
    return r, float(2 * student.sf(statistic, freedom)), n


@dataclass(frozen=True)
class Within:
    """Pooled against within series.

    Attributes:
        pooled: slope over all points, series ignored.
        within: slope that all series share when each keeps its own level (fixed effects).
        within_low, within_high: its 95 % interval (Student's t of n − series − 1 degrees).
        slopes: each series' own slope, of those that have one.
        against: the series whose slope has the sign opposite to the pooled one.
        opposite: whether `within` has the sign opposite to the pooled one.
        paradox: whether it has, and the intervals of both exclude zero (Simpson 1951).
    """

    pooled: float
    within: float
    within_low: float
    within_high: float
    slopes: dict[str, float]
    against: tuple[str, ...]
    opposite: bool
    paradox: bool


def simpson(x: ArrayLike, y: ArrayLike, series: Sequence[str]) -> Within:
    """Compare the sign of the pooled slope with the signs within the series.

    Args:
        x: (n,) values that vary; points with a NaN, or a size beyond 1e150, are left out.
        y: (n,) values.
        series: (n,) group of each; groups of fewer than 3 points or with constant x have no slope.
    """
    from scipy.stats import t as student

    a, b, groups = _arrays(x, y, series)
    line = fit_line(a, b)
    (a, _, unit), (b, _, scale) = standardised(a), standardised(b)
    by = scale / unit
    slopes: dict[str, float] = {}
    inner = np.zeros((2, len(a)))
    told = np.zeros(len(a), dtype=bool)
    for name in sorted(set(groups)):
        inside = groups == name
        t, v = a[inside], b[inside]
        if not varies(t):
            continue
        told |= inside
        inner[:, inside] = t - t.mean(), v - v.mean()
        if len(t) >= _MIN_SERIES:
            slopes[str(name)] = fit_line(t, v).slope * by
    t, v = inner
    spread = float(t @ t)
    shared = float(t @ v) / spread if spread else _NAN
    within = shared * by
    freedom = int(told.sum()) - len(set(groups[told])) - 1
    error = (
        float(np.sqrt(np.sum((v - shared * t) ** 2) / freedom / spread)) if freedom > 0 else _NAN
    )
    half = float(student.ppf(0.975, freedom)) * error * by if freedom > 0 else _NAN
    opposite = within * line.slope < 0
    sure = abs(within) > half and line.slope_p < 0.05
    return Within(
        line.slope,
        within,
        within - half,
        within + half,
        slopes,
        tuple(name for name, slope in slopes.items() if slope * line.slope < 0),
        opposite,
        opposite and sure,
    )


def _arrays(x: ArrayLike, y: ArrayLike, series: Sequence[str]) -> tuple[Floats, Floats, np.ndarray]:
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    groups = np.asarray(series, dtype=str)
    if not a.shape == b.shape == groups.shape:
        raise ValueError(f"x, y and series have shapes {a.shape}, {b.shape}, {groups.shape}")
    whole = usable(a) & usable(b)
    return a[whole], b[whole], groups[whole]
