"""Metrics of a spectrum that need no fit: norms, ranks, and how many eigenvalues share it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Norms:
    """Metrics that need no fit; logs are base 10 (see `norms`)."""

    lambda_max: float
    log_norm: float
    log_spectral_norm: float
    stable_rank: float
    entropy: float
    matrix_rank: float
    rank_loss: float


def norms(
    evals: NDArray[np.float64],
    n: int,
    *,
    epsilon: float = 0.0,
    eps: float = float(np.finfo(np.float64).eps),
    noise: NDArray[np.float64] | float = 0.0,
) -> Norms:
    """Norms, rank and entropy of the spectrum of X = WᵀW.

    Args:
        evals: eigenvalues of X, ascending; the largest is positive.
        n: N, the longer side of W, in numpy's rank tolerance σ_max · N · eps.
        epsilon: added to every p before p · ln p, as WeightWatcher does with 1e-10.
        eps: machine epsilon of the precision in which the eigenvalues were computed.
        noise: what rounding to the stored type makes of zero, (n,) or one for all.

    Returns:
        log_norm = log Σλ; log_spectral_norm = log λ_max; stable_rank = Σλ / λ_max;
        entropy = −Σ p ln p / ln(rank), p = λ / Σλ (NaN at rank one), of those that count where
        there is noise; matrix_rank, those above numpy's tolerance and the noise;
        rank_loss = number of eigenvalues − rank.
    """
    largest = float(evals[-1])
    relative = evals / largest  # sums of it neither overflow nor underflow
    stable_rank = float(relative.sum())
    kept = above_noise(evals, n, eps=eps, noise=noise)
    rank = int(np.count_nonzero(kept))
    p = relative / stable_rank + epsilon
    if np.any(noise):
        p = relative[kept] / relative[kept].sum() + epsilon
    p = p[p > 0]
    entropy = float(-(p * np.log(p)).sum() / np.log(rank + epsilon)) if rank > 1 else float("nan")
    return Norms(
        lambda_max=largest,
        log_norm=float(np.log10(largest) + np.log10(stable_rank)),
        log_spectral_norm=float(np.log10(largest)),
        stable_rank=stable_rank,
        entropy=entropy,
        matrix_rank=rank,
        rank_loss=len(evals) - rank,
    )


def above_noise(
    evals: NDArray[np.float64],
    n: int,
    *,
    eps: float = float(np.finfo(np.float64).eps),
    noise: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.bool_]:
    """The eigenvalues that count for the rank; arguments are those of `norms`."""
    tolerance = max(n * eps, np.sqrt(eps)) if eps > 1e-12 else n * eps
    return np.asarray((np.sqrt(evals / evals[-1]) > tolerance) & (evals > noise))


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
