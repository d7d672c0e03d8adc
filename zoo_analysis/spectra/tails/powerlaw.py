"""The maximum-likelihood power-law fit of a spectrum's tail, exact and without a scan of all pairs.

p(λ) ∝ λ^−α for λ ≥ xmin. For each candidate xmin among the eigenvalues α is the maximum-likelihood
one, and the xmin with the smallest Kolmogorov–Smirnov distance wins (Clauset, Shalizi & Newman
2009), as in the `powerlaw` package.
"""

from dataclasses import dataclass
from math import inf, log, sqrt

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.spectra.tails.truncated_power_law import fit_truncated

#: Ranks, as fractions of a tail, at which every candidate's D is first bounded from below.
_FRACTIONS = (np.arange(8) + 0.5) / 8


@dataclass(frozen=True)
class PowerLawFit:
    """A fitted tail.

    Attributes:
        alpha: exponent of the density.
        xmin: where the tail begins.
        xmax: the largest value fitted.
        D: Kolmogorov–Smirnov distance between the tail and the fit.
        sigma: standard error of alpha, (α − 1)/√n; with an upper cut that of Fisher's information.
        num_pl_spikes: n, the values in the tail.
    """

    alpha: float
    xmin: float
    xmax: float
    D: float
    sigma: float
    num_pl_spikes: int


def fit_power_law(
    evals: NDArray[np.float64],
    *,
    xmin: float | None = None,
    xmax: float | None = None,
    within: tuple[float, float] | None = None,
) -> PowerLawFit:
    """Fit a power law to the upper tail of `evals`.

    Args:
        evals: positive values in any order; at least two distinct ones in the range.
        xmin: begin the tail here, at a value or between two, instead of searching.
        xmax: leave out values above it and fit the law on [xmin, xmax], renormalised there; α may
            then be any number (`truncated_power_law`).
        within: search xmin from the first value to the second alone; not with `xmin` or `xmax`.

    Returns:
        The same xmin, α and D as computing D for every candidate.

    Raises:
        ValueError: fewer than two distinct positive values to fit, an xmin that is not positive, or
            no value within the range.
    """
    if xmin is not None and not xmin > 0:
        raise ValueError(f"xmin is {xmin:g}: a power law begins at a positive value")
    x = np.sort(np.asarray(evals, dtype=np.float64))
    if xmax is not None:
        x = x[x <= xmax]
    if xmin is not None:
        x = x[x >= xmin]
    logs = np.log(x) if len(x) and x[0] > 0 else np.zeros(1)
    if not logs[0] < logs[-1] < inf:  # distinct, and in their logarithms too
        raise ValueError(
            f"a power law needs two distinct positive values; got {len(x)}"
            + (f" from {x[0]:g} to {x[-1]:g}" if len(x) else "")
        )
    if xmax is not None:
        least = None if xmin is None else log(xmin)
        start, alpha, distance, sigma = fit_truncated(logs, least, log(xmax))
        begin = float(x[start]) if xmin is None else float(xmin)
        return PowerLawFit(alpha, begin, float(x[-1]), distance, sigma, len(x) - start)
    start = 0 if xmin is not None else _best_start(logs, _candidates(x, within))
    tail = logs[start:]
    low = float(tail[0]) if xmin is None else log(xmin)
    n = len(tail)
    alpha = 1 + n / float((tail - low).sum())
    return PowerLawFit(
        alpha=alpha,
        xmin=float(x[start]) if xmin is None else float(xmin),
        xmax=float(x[-1]),
        D=ks_distance(tail, alpha, low),
        sigma=(alpha - 1) / sqrt(n),
        num_pl_spikes=n,
    )


def ks_distance(
    log_tail: NDArray[np.float64], alpha: float, log_xmin: float | None = None
) -> float:
    """max |F(x) − F_n(x)| of a power law with exponent `alpha`, over the values of its tail.

    F_n(x) is the fraction below x, as in the `powerlaw` package: repeating every value alike
    changes nothing.

    Args:
        log_tail: (n,) natural logs of the tail, ascending.
        alpha: exponent of the density.
        log_xmin: where the law begins; at the first value where None.
    """
    low = float(log_tail[0]) if log_xmin is None else log_xmin
    gaps = 1 - np.exp((alpha - 1) * (low - log_tail)) - _ranks(log_tail) / len(log_tail)
    return float(np.abs(gaps).max())


def _ranks(ascending: NDArray[np.float64]) -> NDArray[np.intp]:
    """Number of values below each."""
    first = np.diff(ascending, prepend=-inf) > 0
    return np.maximum.accumulate(np.where(first, np.arange(len(ascending)), 0))


def _candidates(
    x: NDArray[np.float64], within: tuple[float, float] | None
) -> NDArray[np.bool_] | None:
    if within is None:
        return None
    inside = (x >= within[0]) & (x <= within[1]) & (x < x[-1])
    if not inside.any():
        raise ValueError(f"no value from {within[0]:g} to {within[1]:g} to begin a tail at")
    return np.asarray(inside)


def _best_start(logs: NDArray[np.float64], admitted: NDArray[np.bool_] | None = None) -> int:
    """Index of the xmin with the smallest D, of all or of those admitted.

    |F − F_n| at any point of a tail bounds its D from below, and the points where neighbouring
    tails attain D nearly coincide. So the most promising candidate's D is computed, the points
    where it is attained bound all others, those above the best D known are dropped, and so on
    until none is left: O(n) a step, and few steps.
    """
    n = len(logs)
    counts = n - np.arange(n)
    ranks = _ranks(logs)
    shifted = logs - logs[-1]  # sums from the top stay small where the tails are short
    spread = np.cumsum(shifted[::-1])[::-1] - counts * shifted
    # The first of equal values stands for them; the largest value is no tail.
    able = (ranks == np.arange(n)) & (logs < logs[-1])
    alive = np.flatnonzero(able if admitted is None else able & admitted)
    slopes = counts[alive] / spread[alive]
    bounds = _lower_bounds(logs, ranks, slopes, alive)
    best, best_d = -1, inf
    while len(alive):
        k = int(np.argmin(bounds))
        i = int(alive[k])
        gaps = 1 - np.exp(slopes[k] * (logs[i] - logs[i:])) - (ranks[i:] - i) / counts[i]
        witnesses = i + np.array([gaps.argmax(), gaps.argmin()])
        d = float(np.abs(gaps).max())
        if d < best_d or (d == best_d and i < best):
            best, best_d = i, d
        bounds[k] = inf
        for j in witnesses:
            before = int(np.searchsorted(alive, j))
            first = alive[:before]
            gap = (
                np.exp(slopes[:before] * (logs[first] - logs[j]))
                + (ranks[j] - first) / counts[first]
            )
            np.maximum(bounds[:before], np.abs(gap - 1), out=bounds[:before])
        keep = bounds <= best_d
        alive, slopes, bounds = alive[keep], slopes[keep], bounds[keep]
    return best


def _lower_bounds(
    logs: NDArray[np.float64],
    ranks: NDArray[np.intp],
    slopes: NDArray[np.float64],
    starts: NDArray[np.intp],
) -> NDArray[np.float64]:
    """The largest |F − F_n| over a few points spread over each candidate's tail."""
    count = len(logs) - starts
    bounds = np.zeros(len(starts))
    for fraction in _FRACTIONS:
        point = starts + (fraction * count).astype(np.intp)
        gap = np.exp(slopes * (logs[starts] - logs[point])) + (ranks[point] - starts) / count
        np.maximum(bounds, np.abs(gap - 1), out=bounds)
    return bounds
