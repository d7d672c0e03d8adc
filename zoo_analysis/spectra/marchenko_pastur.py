"""The Marchenko–Pastur bulk of a spectrum, its edge and what stands out of it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainccinv

#: Chance that a matrix without structure shows a spike at all.
_FALSE_SPIKE = 1e-3


@dataclass(frozen=True)
class BulkFit:
    """A fitted bulk.

    Attributes:
        sigma_mp: σ in λ± = σ²(1 ± √(M/N))², so for entries of variance s² it is s·√N.
        bulk_min: λ⁻.
        bulk_max: λ⁺.
        num_spikes: eigenvalues above λ⁺ and its Tracy–Widom fluctuation.
        mp_softrank: λ⁺/λ_max (Martin & Mahoney 2018).
    """

    sigma_mp: float
    bulk_min: float
    bulk_max: float
    num_spikes: int
    mp_softrank: float


def fit_bulk(evals: NDArray[np.float64], n: int, m: int, matrices: int = 1) -> BulkFit:
    """Fit σ² to the bulk of WᵀW, W of N × M independent entries of one variance.

    It begins where the median of the eigenvalues is that of the law (Gavish & Donoho 2014), which
    no few spikes disturb, and then takes the mean of the eigenvalues below the edge, which for
    the law is σ², until no eigenvalue changes sides. The next above the edge joins them as long
    as it is within the edge that it makes itself: else a small matrix, where one eigenvalue
    weighs much in the mean, would show spikes that are none.

    Args:
        evals: eigenvalues of one matrix, or of several of the same shape pooled.
        n: N, the longer side.
        m: M, the shorter side.
        matrices: how many matrices are pooled.

    Raises:
        ValueError: no positive eigenvalue, or N < M.
    """
    if n < m:
        raise ValueError(f"N is {n} and M is {m}: N is the longer side")
    largest = float(evals.max())
    if not largest > 0:
        raise ValueError("no positive eigenvalue: there is no bulk to fit")
    ratio = m / n
    reach = 1 + tracy_widom_allowance(n, m, _FALSE_SPIKE / matrices)
    upper, lower = (1 + np.sqrt(ratio)) ** 2, (1 - np.sqrt(ratio)) ** 2
    relative = evals / largest  # sums of it neither overflow nor underflow
    positive = np.sort(relative[relative > np.finfo(np.float64).eps * n])
    variance = float(np.median(positive)) / _median(ratio)
    means = np.cumsum(positive) / np.arange(1, len(positive) + 1)
    inside = 0
    for _ in range(100):
        count = int(np.searchsorted(positive, variance * upper * reach, side="right"))
        if count == inside:
            break
        inside, variance = count, float(means[count - 1])
    beyond = np.flatnonzero(positive[inside:] > means[inside:] * upper * reach)
    inside += int(beyond[0]) if len(beyond) else len(positive) - inside
    variance = float(means[inside - 1])
    return BulkFit(
        sigma_mp=float(np.sqrt(variance) * np.sqrt(largest)),
        bulk_min=float(variance * lower * largest),
        bulk_max=float(variance * upper * largest),
        num_spikes=int((relative > variance * upper * reach).sum()),
        mp_softrank=float(variance * upper),
    )


def tracy_widom_allowance(n: int, m: int, p: float) -> float:
    """How far above λ⁺ the largest eigenvalue of pure noise reaches with probability `p`.

    Centre and scale of Johnstone 2001 with the corrections of Ma 2012; quantiles of the
    Tracy–Widom law of order 1 by the shifted gamma of Chiani 2014.

    Args:
        n: N, the longer side.
        m: M, the shorter side.
        p: probability, in (0, 1).

    Returns:
        The excess as a fraction of λ⁺, ≥ 0.
    """
    a, b = np.sqrt(n - 0.5), np.sqrt(m - 0.5)
    centre, scale = (a + b) ** 2, (a + b) * (1 / a + 1 / b) ** (1 / 3)
    quantile = 0.186054 * float(gammainccinv(46.446, p)) - 9.84801
    edge = (np.sqrt(n) + np.sqrt(m)) ** 2
    return max(0.0, float((centre + quantile * scale) / edge - 1))


def law_cdf(ratio: float, points: int = 4001) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The Marchenko–Pastur law of unit variance: abscissae and its distribution function there.

    With x = 1 + y + 2√y·cos θ the density becomes (2/π) sin²θ / x on [0, π].

    Args:
        ratio: y = M/N in (0, 1].
    """
    theta = np.linspace(np.pi, 0, points)
    x = 1 + ratio + 2 * np.sqrt(ratio) * np.cos(theta)
    with np.errstate(invalid="ignore", divide="ignore"):
        density = 2 / np.pi * np.sin(theta) ** 2 / x
    density[0] = 0.0 if ratio < 1 else 2 / np.pi  # the limit at θ = π
    steps = np.diff(theta) * -1
    cdf = np.concatenate([[0.0], np.cumsum(steps * (density[1:] + density[:-1]) / 2)])
    return x, cdf / cdf[-1]


@lru_cache(maxsize=1024)
def _median(ratio: float) -> float:
    x, cdf = law_cdf(ratio)
    return float(np.interp(0.5, cdf, x))
