"""The spectrum of a matrix with its entries shuffled: what is left when correlations are gone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from zoo_analysis.spectra.marchenko_pastur import fit_bulk


@dataclass(frozen=True)
class Randomized:
    """A matrix beside itself shuffled; WeightWatcher's names, where it has the number.

    Attributes:
        num_rand_spikes: eigenvalues of W above the largest of the shuffled W.
        num_traps: eigenvalues of the shuffled W above its Marchenko–Pastur edge: correlation
            traps, made by a few very large entries; None where that has no bulk.
        trap_size: the largest eigenvalue of the shuffled W over its own edge λ⁺; about 1 without
            a trap; None where it has no bulk.
        trap_share: the traps' share of Σλ.
        rand_distance: Jensen–Shannon distance (natural logarithms) of the two ordered spectra,
            each taken as a distribution over ranks.
        ww_softrank: the largest eigenvalue of the shuffled W over that of W.
        ww_maxdist: the largest eigenvalue of W less that of the shuffled W.
    """

    num_rand_spikes: int
    num_traps: int | None
    trap_size: float | None
    trap_share: float | None
    rand_distance: float
    ww_softrank: float
    ww_maxdist: float


def compare_randomized(
    evals: NDArray[np.float64], shuffled: NDArray[np.float64], n: int, m: int, matrices: int = 1
) -> Randomized:
    """Set a spectrum beside that of the shuffled matrix.

    Args:
        evals: eigenvalues of WᵀW; the largest is positive.
        shuffled: eigenvalues of the same matrix with its entries shuffled, as many.
        n: N, the longer side.
        m: M, the shorter side.
        matrices: how many matrices are pooled.
    """
    evals, shuffled = np.sort(evals), np.sort(shuffled)
    largest = float(evals[-1])
    # A slice of a sparse kernel can come out of the shuffle empty.
    bulk = fit_bulk(shuffled, n, m, matrices) if shuffled[-1] > 0 else None
    traps, size = (0, None) if bulk is None else (bulk.num_spikes, None)
    share = None if traps is None else 0.0
    if bulk is not None and bulk.bulk_max is not None:
        size = float(shuffled[-1]) / bulk.bulk_max
    if traps:
        relative = shuffled / shuffled[-1]
        share = float(relative[-traps:].sum() / relative.sum())
    return Randomized(
        num_rand_spikes=int((evals > shuffled[-1]).sum()),
        num_traps=traps,
        trap_size=size,
        trap_share=share,
        rand_distance=_distance(evals / largest, shuffled / largest),
        ww_softrank=float(shuffled[-1]) / largest,
        ww_maxdist=largest - float(shuffled[-1]),
    )


def _distance(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Shuffling keeps Σλ: the mean of both is that of the distributions (else WeightWatcher's)."""
    if not q.any():
        return float("nan")
    middle = (p + q) / 2
    return float(np.sqrt(max(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2)))


def _divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Kullback–Leibler; `scipy.stats` has it, and takes half a second to be imported."""
    return float(rel_entr(p / p.sum(), q / q.sum()).sum())
