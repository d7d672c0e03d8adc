"""How many eigenvalues share the weight of a spectrum."""

import numpy as np
from numpy.typing import NDArray


def effective_rank(evals: NDArray[np.float64]) -> float:
    """e^(−Σ p ln p) with p = λ/Σλ: n where n eigenvalues are equal and the rest zero.

    Roy & Vetterli 2007 (“The effective rank”) take p of the singular values; of the eigenvalues it
    is the exponential of the entropy that `entropy` divides by its largest value.

    Args:
        evals: (M,) eigenvalues, ≥ 0, one of them positive.
    """
    p = evals / evals.max()  # sums of it do not overflow
    p /= p.sum()
    p = p[p > 0]
    return float(np.exp(-(p @ np.log(p))))


def participation_ratio(evals: NDArray[np.float64]) -> float:
    """(Σλ)² / Σλ²: 1 where one eigenvalue has all the weight, n where n share it equally.

    Args:
        evals: (M,) eigenvalues, ≥ 0, one of them positive.
    """
    relative = evals / evals.max()  # squares of it do not overflow
    return float(relative.sum() ** 2 / (relative @ relative))
