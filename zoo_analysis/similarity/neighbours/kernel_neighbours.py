"""Kernel alignment among nearest neighbours alone: CKNNA."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import rows, same_samples
from zoo_analysis.similarity.dissimilarities.sample_distances import cosine
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.neighbours.nearest_neighbours import K, nearest


@dataclass(frozen=True)
class KernelNeighbours:
    """The cosines of samples, and which of them are each other's nearest.

    Attributes:
        shape: (n, d) of the array.
        kernel: (n × n) float64 cosines.
        near: (n × n), True where the sample of the column is one of the row's nearest.
        own: the HSIC of the array with itself.
    """

    shape: tuple[int, ...]
    kernel: torch.Tensor
    near: torch.Tensor
    own: float

    def reordered(self, order: torch.Tensor) -> KernelNeighbours:
        """The same of the samples in another order (n,)."""
        kernel, near = (rows(rows(each, order).T, order).T for each in (self.kernel, self.near))
        return KernelNeighbours(self.shape, kernel, near, self.own)


def _prepare(x: Any, k: int) -> KernelNeighbours:
    neighbours = nearest(x, k)
    kernel = cosine(x)
    near = torch.zeros_like(kernel, dtype=torch.bool).scatter_(1, neighbours.indices, True)
    if (own := _hsic(kernel * near, kernel * near)) <= 0:
        raise SimilarityError(
            f"an array of shape {neighbours.shape} has no kernel among {k} neighbours of each "
            "sample: take more"
        )
    return KernelNeighbours(neighbours.shape, kernel, near, own)


def _hsic(k: torch.Tensor, l: torch.Tensor) -> float:  # noqa: E741
    """The unbiased HSIC (Song et al. 2012, eq. 5) of k and l (n × n), zero on the diagonals."""
    n = len(k)
    whole = (k * l.T).sum() + k.sum() * l.sum() / ((n - 1) * (n - 2))
    return float((whole - 2 * k.sum(0) @ l.sum(1) / (n - 2)) / (n * (n - 3)))


def _compare(a: KernelNeighbours, b: KernelNeighbours) -> float:
    same_samples(a.shape, b.shape)
    device = a.kernel.device
    both = a.near & b.near.to(device)
    value = _hsic(a.kernel * both, b.kernel.to(device) * both) / sqrt(a.own * b.own)
    return min(max(value, -1.0), 1.0)


def cknna_of(k: int) -> Measure:
    """`cknna` with a number of neighbours of one's own."""
    return Measure(
        name="cknna" if k == K else f"cknna_{k}",
        prepare=partial(_prepare, k=k),
        compare=_compare,
        reordered=KernelNeighbours.reordered,
        of="activations",
        range=(-1.0, 1.0),
        higher="more alike",
        invariant_to=frozenset({"permutation", "orthogonal", "isotropic scaling"}),
        max_samples=1024,
        source="Huh, Cheung, Wang & Isola 2024, arXiv 2405.07987 (CKNNA)",
    )


#: Debiased kernel alignment of the cosines of those samples alone that are among each other's ten
#: nearest in both arrays; each array's norm counts all of its own neighbours.
cknna = cknna_of(K)

MEASURES: tuple[Measure, ...] = (cknna,)
