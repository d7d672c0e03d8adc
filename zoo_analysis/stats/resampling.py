"""Bootstrap intervals of R² and τ, and a permutation test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.stats.computable import Floats, standardised, unwarned, varies

#: Fewer models than this have no bootstrap: too few distinct resamples.
MIN_BOOTSTRAP = 5
#: Elements of a block of resamples.
_BLOCK = 4_000_000


@dataclass(frozen=True)
class Intervals:
    """Intervals of R² and Kendall's τ-b; NaN where the bootstrap cannot tell."""

    r2_bca_low: float
    r2_bca_high: float
    tau_low: float
    tau_high: float


def bootstrap_intervals(
    x: Floats, y: Floats, *, level: float = 0.95, resamples: int = 1999, seed: int = 0
) -> Intervals:
    """Bias-corrected and accelerated bootstrap intervals (Efron 1987) by `scipy.stats.bootstrap`.

    Pairs are resampled; a resample in which either side is constant counts as no association.

    Args:
        x: (n,) finite values.
        y: (n,) finite values.
        level: of confidence.
        resamples: of each data set.
        seed: of the resampling.

    Returns:
        The intervals; NaN below 5 points, for constant data, and where all resamples agree (a
        perfect order bootstraps to a perfect order, which says nothing of its uncertainty).
    """
    from scipy.stats import bootstrap

    n, nan = len(x), float("nan")
    if n < MIN_BOOTSTRAP or not (varies(x) and varies(y)):
        return Intervals(nan, nan, nan, nan)
    statistics = Resampled(x, y)
    with unwarned():  # degenerate distributions come back as NaN, as promised
        found = bootstrap(
            (np.arange(n),),
            statistics,
            n_resamples=resamples,
            batch=max(1, _BLOCK // n),
            vectorized=True,
            axis=-1,
            confidence_level=level,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    (r2_bca_low, tau_low), (r2_bca_high, tau_high) = np.asarray(found.low), np.asarray(found.high)
    return Intervals(float(r2_bca_low), float(r2_bca_high), float(tau_low), float(tau_high))


class Resampled:
    """R² and τ-b of many resamples at once, as functions of how often each point was drawn.

    With w the counts, every sum over a resample is a product with w, and every sum over its pairs
    a quadratic form: concordances are wᵀ(sign Δx · sign Δy)w, pairs untied in x are wᵀ[Δx ≠ 0]w.

    Args:
        x: (n,) finite values.
        y: (n,) finite values.
    """

    def __init__(self, x: Floats, y: Floats) -> None:
        self.n = len(x)
        x, y = (x - x.mean()) / np.ptp(x), (y - y.mean()) / np.ptp(y)
        self.sums = np.column_stack([x, y, x * x, y * y, x * y])
        dx, dy = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
        self.concordance, self.untied_x, self.untied_y = dx * dy, dx * dx, dy * dy

    def __call__(self, drawn: NDArray[np.int64], axis: int = -1) -> Floats:
        """(2, …): R² and τ-b of each row of indices in `drawn` (…, size)."""
        rows = drawn.reshape(-1, drawn.shape[-1])
        offsets = np.arange(len(rows))[:, None] * self.n
        counts = np.bincount((rows + offsets).ravel(), minlength=len(rows) * self.n)
        w = counts.reshape(len(rows), self.n).astype(float)
        both: Floats = np.stack([self._r2(w), self._tau(w)])
        return both.reshape(2, *drawn.shape[:-1])

    def _r2(self, w: Floats) -> Floats:
        mx, my, mxx, myy, mxy = (w @ self.sums / w.sum(axis=1, keepdims=True)).T
        vx, vy = mxx - mx**2, myy - my**2
        constant = (vx < 1e-14) | (vy < 1e-14)  # of values whose range is 1
        r2 = (mxy - mx * my) ** 2 / np.where(constant, 1, vx * vy)
        # Rounded, so that equal resamples tie whatever the units of x and y.
        explained: Floats = np.where(constant, 0, np.minimum(r2, 1).round(12))
        return explained

    def _tau(self, w: Floats) -> Floats:
        pairs = [
            np.einsum("ij,ij->i", w @ kind, w)
            for kind in (self.concordance, self.untied_x, self.untied_y)
        ]
        untied = pairs[1] * pairs[2]
        tau: Floats = np.where(untied > 0, pairs[0] / np.sqrt(np.where(untied > 0, untied, 1)), 0)
        return tau


def permutation_p(x: Floats, y: Floats, *, permutations: int = 9999, seed: int = 0) -> float:
    """Chance of so large a |correlation| when accuracies are dealt to models at random.

    By `scipy.stats.permutation_test`: exact over all n! orders where they are no more than
    `permutations`, else (b + 1)/(m + 1) over m random ones (Phipson & Smyth 2010).

    Args:
        x: (n,) finite values.
        y: (n,) finite values.
        permutations: at most.
        seed: of the permutations.

    Returns:
        The two-sided p-value; NaN for constant data.
    """
    from scipy.stats import permutation_test

    if not (varies(x) and varies(y)):
        return float("nan")
    centred, _, _ = standardised(y)

    def association(values: Floats, axis: int) -> Floats:
        size: Floats = np.abs(values @ centred)
        return size

    found = permutation_test(
        ((x - x.mean()) / np.ptp(x),),
        association,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=permutations,
        batch=max(1, _BLOCK // len(x)),
        alternative="greater",
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def benjamini_hochberg(p: Floats) -> Floats:
    """q-values: the false discovery rate at which each test would be called (1995).

    Args:
        p: (m,) p-values; NaN for tests that could not be made, which do not count.

    Returns:
        (m,) q ≥ p, NaN where p is.
    """
    from scipy.stats import false_discovery_control

    q, told = np.full(len(p), np.nan), np.isfinite(p)
    if told.any():
        q[told] = false_discovery_control(p[told], method="bh")
    return q
