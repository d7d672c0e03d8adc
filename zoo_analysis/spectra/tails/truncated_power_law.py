"""The power law on a bounded range: p(λ) ∝ λ^−α for xmin ≤ λ ≤ xmax, renormalised there.

Maximum likelihood of Aban, Meerschaert & Panorska 2006 (“Parameter estimation for the truncated
Pareto distribution”); xmin by the smallest Kolmogorov–Smirnov distance (Deluca & Corral 2013).
"""

import numpy as np
from numpy.typing import NDArray


def fit_truncated(
    logs: NDArray[np.float64], low: float | None, high: float
) -> tuple[int, float, float, float]:
    """The likeliest law of a tail whose upper end is known.

    y = ln(λ/xmin) is exponential with rate α − 1, of either sign, cut at ln(xmax/xmin).

    Args:
        logs: (n,) natural logs, ascending, not all equal.
        low: ln xmin, at most the first; None is one of the values, all candidates tried.
        high: ln xmax, at least the last.

    Returns:
        Where the tail starts, α, its Kolmogorov–Smirnov distance, and the standard error of α
        (from Fisher's information).
    """
    first = np.diff(logs, prepend=-np.inf) > 0
    ranks = np.maximum.accumulate(np.where(first, np.arange(len(logs)), 0))
    starts = np.flatnonzero(first & (logs < logs[-1])) if low is None else np.zeros(1, dtype=int)
    lows = logs[starts] if low is None else np.array([low])
    counts = len(logs) - starts
    ends = high - lows
    means = np.array([(logs[i:] - at).mean() for i, at in zip(starts, lows, strict=True)])
    rates = _rate(means / ends)
    distances = [
        np.abs(_cdf((logs[i:] - at) / end, t) - (ranks[i:] - i) / n).max()
        for i, at, end, t, n in zip(starts, lows, ends, rates, counts, strict=True)
    ]
    best = int(np.argmin(distances))
    t, end = float(rates[best]), float(ends[best])
    error = 1 / (end * np.sqrt(counts[best] * _variance(t)))
    return int(starts[best]), 1 + t / end, float(distances[best]), float(error)


def _rate(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """The t with 1/t − 1/(eᵗ − 1) = mean, in (0, 1), of an exponential cut to [0, 1]."""
    share = np.minimum(mean, 1 - mean)  # t(1 − m) = −t(m), and for m below ½ it is in (0, 1/m)
    lower, upper = np.zeros_like(share), 1 / share
    for _ in range(100):
        t = (lower + upper) / 2
        above = _mean(t)
        lower, upper = np.where(above > share, t, lower), np.where(above > share, upper, t)
    return np.asarray(np.where(mean <= 0.5, t, -t))


def _mean(t: NDArray[np.float64]) -> NDArray[np.float64]:
    safe = np.clip(t, 1e-4, 700)
    exact = 1 / np.maximum(t, 1e-4) - 1 / np.expm1(safe)
    return np.where(t < 1e-4, 0.5 - t / 12, exact)


def _variance(t: float) -> float:
    if abs(t) < 1e-2:
        return 1 / 12 - t**2 / 240
    return 1 / t**2 - (1 / (4 * np.sinh(t / 2) ** 2) if abs(t) < 700 else 0.0)


def _cdf(u: NDArray[np.float64], t: float) -> NDArray[np.float64]:
    """Of an exponential of rate t, cut to [0, 1]."""
    if abs(t) < 1e-12:
        return u
    if t > 0:
        return np.asarray(np.expm1(-t * u) / np.expm1(-t))
    return np.asarray(np.exp(t * (1 - u)) * np.expm1(t * u) / np.expm1(t))
