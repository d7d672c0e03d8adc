"""The Marchenko–Pastur bulk of a spectrum, its edge and what stands out of it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainccinv

#: Chance that a matrix without structure shows a spike at all.
_FALSE_SPIKE = 1e-3
#: A bulk holds while its eigenvalues keep this close to the law, or as noise of its size does.
_SOUND = 0.05
#: Nothing further from the law than this is a bulk.
_NO_BULK = 0.3


@dataclass(frozen=True)
class BulkFit:
    """A fitted bulk; all None where there is none to speak of, but for the distance that says so.

    Attributes:
        sigma_mp: σ in λ± = σ²(1 ± √(r/N))², so for entries of variance s² it is s·√N.
        bulk_min: λ⁻.
        bulk_max: λ⁺.
        num_spikes: eigenvalues above λ⁺ and its Tracy–Widom fluctuation.
        mp_softrank: λ⁺/λ_max (Martin & Mahoney 2018).
        bulk_below: share of the positive eigenvalues below λ⁻.
        mp_ks: Kolmogorov–Smirnov distance of the eigenvalues that are no spikes and the law.
    """

    sigma_mp: float | None
    bulk_min: float | None
    bulk_max: float | None
    num_spikes: int | None
    mp_softrank: float | None
    bulk_below: float | None
    mp_ks: float


def fit_bulk(evals: NDArray[np.float64], n: int, m: int, matrices: int = 1) -> BulkFit:
    """Fit σ² to the bulk of WᵀW, W of N × M independent entries of one variance.

    The law is that of the rank r that is there, with ratio r/N: columns of zeros add nothing but
    zeros. It begins where the median of the positive eigenvalues is that of the law (Gavish &
    Donoho 2014), which no few spikes disturb, and then takes the mean of the eigenvalues below the
    edge, which for the law is σ², until no eigenvalue changes sides. The next above the edge joins
    them as long as it is within the edge that it makes itself: else a small matrix, where one
    eigenvalue weighs much in the mean, would show spikes that are none. Where the bulk that this
    ends in is not one of the law (a heavy tail has no edge, and gives way without end), the median
    stands. There is no bulk where even so the distance is above 0.3, or, with a rank that is lower
    than the sides allow, above what a sound one has.

    Args:
        evals: eigenvalues of one matrix, or of several of the same shape pooled; zeros among them
            are no part of the rank.
        n: N, the longer side: its rows that are not zero.
        m: M, the shorter side likewise.
        matrices: how many matrices are pooled.

    Raises:
        ValueError: no positive eigenvalue, or N < M.
    """
    if n < m:
        raise ValueError(f"N is {n} and M is {m}: N is the longer side")
    largest = float(evals.max())
    if not largest > 0:
        raise ValueError("no positive eigenvalue: there is no bulk to fit")
    relative = evals / largest  # sums of it neither overflow nor underflow
    positive = np.sort(relative[relative > np.finfo(np.float64).eps * n])
    rank = min(m, -(-len(positive) // matrices))
    ratio = rank / n
    upper, lower = (1 + np.sqrt(ratio)) ** 2, (1 - np.sqrt(ratio)) ** 2
    edge = float(upper * (1 + tracy_widom_allowance(n, rank, _FALSE_SPIKE / matrices)))
    start = float(np.median(positive)) / _median(ratio)
    variance, inside = _settled(positive, start, edge)
    sound = noise_distance(rank, matrices)
    distance = _distance(positive[:inside], variance, ratio)
    if distance > max(_SOUND, sound):
        variance = start
        inside = int(np.searchsorted(positive, variance * edge, side="right"))
        distance = _distance(positive[:inside], variance, ratio)
    if distance > (_NO_BULK if rank == m else max(_SOUND, sound)):
        return BulkFit(None, None, None, None, None, None, distance)
    return BulkFit(
        sigma_mp=float(np.sqrt(variance) * np.sqrt(largest)),
        bulk_min=float(variance * lower * largest),
        bulk_max=float(variance * upper * largest),
        num_spikes=len(positive) - inside,
        mp_softrank=float(variance * upper),
        bulk_below=float(np.mean(positive < variance * lower)),
        mp_ks=distance,
    )


def noise_distance(m: int, matrices: int = 1) -> float:
    """How far from the law the eigenvalues of a matrix without structure lie, at most.

    Eigenvalues of noise repel each other and lie as evenly as the law, up to about log M / M
    (Götze & Tikhomirov 2005 bound the distance), not to 1/√M as independent values would. The
    figures are those of simulation, whatever N and the entries' distribution: one Gaussian matrix
    in a thousand lies further (docs/methods.md).

    Args:
        m: M, the shorter side.
        matrices: how many matrices are pooled.

    Returns:
        A Kolmogorov–Smirnov distance.
    """
    return float((0.5 + (0.8 + 0.5 * np.log(m)) / np.sqrt(matrices)) / m)


def _settled(positive: NDArray[np.float64], start: float, edge: float) -> tuple[float, int]:
    """Variance and size of the bulk, from the mean below the edge until it settles."""
    means = np.cumsum(positive) / np.arange(1, len(positive) + 1)
    variance, inside = start, 0
    for _ in range(100):
        count = int(np.searchsorted(positive, variance * edge, side="right"))
        if count == inside:
            break
        inside, variance = count, float(means[count - 1])
    beyond = np.flatnonzero(positive[inside:] > means[inside:] * edge)
    inside += int(beyond[0]) if len(beyond) else len(positive) - inside
    return float(means[inside - 1]), inside


def _distance(bulk: NDArray[np.float64], variance: float, ratio: float) -> float:
    x, cdf = _law(ratio)
    law, steps = np.interp(bulk / variance, x, cdf), np.arange(len(bulk) + 1) / len(bulk)
    return float(max((law - steps[:-1]).max(), (steps[1:] - law).max()))


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


#: Layers of one shape follow each other.
_law = lru_cache(maxsize=16)(law_cdf)


@lru_cache(maxsize=1024)
def _median(ratio: float) -> float:
    x, cdf = _law(ratio)
    return float(np.interp(0.5, cdf, x))


def bulk_density(at: NDArray[np.float64], bulk_min: float, bulk_max: float) -> NDArray[np.float64]:
    """Density of the Marchenko–Pastur law between two edges.

    With λ± = σ²(1 ± √y)² it is √((λ⁺ − λ)(λ − λ⁻)) / (2πσ²yλ), and 4σ²y is (√λ⁺ − √λ⁻)².

    Args:
        at: (n,) positive eigenvalues.
        bulk_min: λ⁻.
        bulk_max: λ⁺, above λ⁻.

    Returns:
        (n,) density per unit of λ, of mass 1; 0 beyond the edges.
    """
    inside = np.clip((bulk_max - at) * (at - bulk_min), 0, None)
    spread = (np.sqrt(bulk_max) - np.sqrt(bulk_min)) ** 2 / 4
    return np.asarray(np.sqrt(inside) / (2 * np.pi * spread * at))
