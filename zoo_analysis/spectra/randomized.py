"""The spectrum of a matrix with its entries shuffled: what is left when correlations are gone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.spectra.marchenko_pastur import fit_bulk


@dataclass(frozen=True)
class Randomized:
    """Counts of eigenvalues that tell a matrix from itself shuffled.

    Attributes:
        num_rand_spikes: eigenvalues of W above the largest of the shuffled W.
        num_traps: eigenvalues of the shuffled W above its Marchenko–Pastur edge: correlation
            traps, made by a few very large entries (WeightWatcher's `num_traps`); None where that
            has no bulk.
    """

    num_rand_spikes: int
    num_traps: int | None


def compare_randomized(
    evals: NDArray[np.float64], shuffled: NDArray[np.float64], n: int, m: int, matrices: int = 1
) -> Randomized:
    """Set a spectrum beside that of the shuffled matrix.

    Args:
        evals: eigenvalues of WᵀW.
        shuffled: eigenvalues of the same matrix with its entries shuffled.
        n: N, the longer side.
        m: M, the shorter side.
        matrices: how many matrices are pooled.
    """
    return Randomized(
        num_rand_spikes=int((evals > shuffled.max()).sum()),
        # A slice of a sparse kernel can come out of the shuffle empty.
        num_traps=fit_bulk(shuffled, n, m, matrices).num_spikes if shuffled.max() > 0 else 0,
    )
