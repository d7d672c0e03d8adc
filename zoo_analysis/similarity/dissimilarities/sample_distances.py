"""Distances between the samples of an array."""

from __future__ import annotations

from typing import Any

from zoo_analysis.similarity.arrays import centred, tensor
from zoo_analysis.similarity.lazy_torch import torch


def euclidean(x: Any) -> tuple[tuple[int, ...], torch.Tensor]:
    """Euclidean distances, of neurons that are centred and have Frobenius norm 1 together.

    Args:
        x: (n × d), numpy or torch.

    Returns:
        The array's shape, and (n × n) float64, symmetric, 0 on the diagonal.

    Raises:
        SimilarityError: see `arrays.tensor` and `arrays.centred`.
    """
    given = tensor(x)
    c = centred(given, torch.float64).values
    squares = c.square().sum(1)
    distances = torch.addmm(squares, c, c.T, alpha=-2).add_(squares[:, None]).clamp_(min=0)
    return tuple(given.shape), distances.sqrt_().fill_diagonal_(0)


def cosine(x: Any) -> torch.Tensor:
    """The cosine of each couple of samples, not centred (n × n) float64; 0 of a sample of zeros.

    Args:
        x: (n × d), numpy or torch.

    Raises:
        SimilarityError: see `arrays.tensor`.
    """
    # float64 even of float32 arrays: activations far from zero all point one way, and their
    # cosines differ in digits that float32 does not have.
    z = tensor(x).double()
    peak = z.abs().amax(1, keepdim=True)
    z = torch.nn.functional.normalize(z / torch.where(peak == 0, 1.0, peak))
    return z @ z.T
