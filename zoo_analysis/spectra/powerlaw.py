"""The maximum-likelihood power-law fit of a spectrum's tail, exact and without a scan of all pairs.

p(λ) ∝ λ^−α for λ ≥ xmin. For each candidate xmin among the eigenvalues α is the maximum-likelihood
one, and the xmin with the smallest Kolmogorov–Smirnov distance wins (Clauset, Shalizi & Newman
2009), as in the `powerlaw` package.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
        sigma: standard error of alpha, (α − 1)/√n.
        num_pl_spikes: n, the values in the tail.
    """

    alpha: float
    xmin: float
    xmax: float
    D: float
    sigma: float
    num_pl_spikes: int


def fit_power_law(
    evals: NDArray[np.float64], *, xmin: float | None = None, xmax: float | None = None
) -> PowerLawFit:
    """Fit a power law to the upper tail of `evals`.

    Args:
        evals: positive values in any order; at least two distinct ones in the range.
        xmin: begin the tail here instead of searching.
        xmax: leave out values above it (they are dropped; the law is not renormalised).

    Returns:
        The same xmin, α and D as computing D for every candidate.

    Raises:
        ValueError: fewer than two distinct positive values to fit.
    """
    x = np.sort(np.asarray(evals, dtype=np.float64))
    if xmax is not None:
        x = x[x <= xmax]
    if xmin is not None:
        x = x[x >= xmin]
    if len(x) < 2 or not x[0] > 0 or x[0] == x[-1]:
        raise ValueError(
            f"a power law needs two distinct positive values; got {len(x)}"
            + (f" from {x[0]:g} to {x[-1]:g}" if len(x) else "")
        )
    logs = np.log(x)
    start = 0 if xmin is not None else _best_start(logs)
    tail = logs[start:]
    n = len(tail)
    alpha = 1 + n / float((tail - tail[0]).sum())
    return PowerLawFit(
        alpha=alpha,
        xmin=float(x[start]) if xmin is None else float(xmin),
        xmax=float(x[-1]),
        D=ks_distance(tail, alpha),
        sigma=(alpha - 1) / np.sqrt(n),
        num_pl_spikes=n,
    )


def ks_distance(log_tail: NDArray[np.float64], alpha: float) -> float:
    """max_j |F(x_j) − j/n| of a power law with exponent `alpha` beginning at the first value.

    Args:
        log_tail: (n,) natural logs of the tail, ascending.
    """
    return float(np.abs(_gaps(log_tail, alpha - 1)).max())


def _gaps(log_tail: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
    n = len(log_tail)
    return np.asarray(1 - np.exp(slope * (log_tail[0] - log_tail)) - np.arange(n) / n)


def _best_start(logs: NDArray[np.float64]) -> int:
    """Index of the xmin with the smallest D.

    |F − j/n| at any point of a tail bounds its D from below, and the points where neighbouring
    tails attain D nearly coincide. So the most promising candidate's D is computed, the points
    where it is attained bound all others, those above the best D known are dropped, and so on
    until none is left: O(n) a step, and few steps.
    """
    n = len(logs)
    counts = n - np.arange(n)
    shifted = logs - logs[-1]  # sums from the top stay small where the tails are short
    spread = np.cumsum(shifted[::-1])[::-1] - counts * shifted
    # The first of equal values stands for them; the largest value is no tail.
    alive = np.flatnonzero((np.diff(logs, prepend=-np.inf) > 0) & (logs < logs[-1]))
    slopes = counts[alive] / spread[alive]
    bounds = _lower_bounds(logs, slopes, alive)
    best, best_d = -1, np.inf
    while len(alive):
        k = int(np.argmin(bounds))
        i = int(alive[k])
        gaps = _gaps(logs[i:], slopes[k])
        witnesses = i + np.array([gaps.argmax(), gaps.argmin()])
        d = float(np.abs(gaps).max())
        if d < best_d or (d == best_d and i < best):
            best, best_d = i, d
        bounds[k] = np.inf
        for j in witnesses:
            before = int(np.searchsorted(alive, j))
            first = alive[:before]
            gap = np.exp(slopes[:before] * (logs[first] - logs[j])) + (j - first) / counts[first]
            np.maximum(bounds[:before], np.abs(gap - 1), out=bounds[:before])
        keep = bounds <= best_d
        alive, slopes, bounds = alive[keep], slopes[keep], bounds[keep]
    return best


def _lower_bounds(
    logs: NDArray[np.float64], slopes: NDArray[np.float64], starts: NDArray[np.intp]
) -> NDArray[np.float64]:
    """The largest |F − j/n| over a few ranks spread over each candidate's tail."""
    count = len(logs) - starts
    bounds = np.zeros(len(starts))
    for fraction in _FRACTIONS:
        rank = (fraction * count).astype(np.intp)
        gap = np.exp(slopes * (logs[starts] - logs[starts + rank])) + rank / count
        np.maximum(bounds, np.abs(gap - 1), out=bounds)
    return bounds
