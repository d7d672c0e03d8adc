"""Intruder dimensions: leading directions of a tuned matrix that its base does not have."""

from typing import Final

import torch

#: Leading singular vectors that are looked at, and the |cosine| below which one is an intruder.
_LEADING, _APART = 10, 0.5
#: Sides beyond which the eigenproblem, cubic in the shorter one, takes minutes.
LARGEST: Final = 8192


def intruder_dimensions(tuned: torch.Tensor, base: torch.Tensor) -> int:
    """The number of the ten leading left singular vectors of a matrix that are new to it.

    A vector is new where its |cosine| with every left singular vector of the base is below 0.5.
    Full fine-tuning makes hardly any, low-rank updates some.

    Args:
        tuned: (out × in), finite; its shorter side at most `LARGEST`.
        base: likewise, of the same shape.

    Source: Shuttleworth, Andreas, Torralba & Sharma 2024, arXiv 2410.21228, with k = 10, ε = 0.5.
    """
    leading, known = _left_vectors(tuned)[:, -_LEADING:], _left_vectors(base)
    near = (known.T @ leading).abs() >= _APART
    return int((~near.any(0)).sum())


def _left_vectors(w: torch.Tensor) -> torch.Tensor:
    """Left singular vectors as columns, those of the largest values last; of zeros none."""
    w = w.double()
    peak = w.abs().max()
    if peak == 0:
        return w[:, :0]
    w = w / peak
    if w.shape[0] <= w.shape[1]:
        vectors: torch.Tensor = torch.linalg.eigh(w @ w.T).eigenvectors
        return vectors
    values, right = torch.linalg.eigh(w.T @ w)
    kept = values > values[-1] * w.shape[0] * torch.finfo(w.dtype).eps
    return torch.nn.functional.normalize(w @ right[:, kept], dim=0)
