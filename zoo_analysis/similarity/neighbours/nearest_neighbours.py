"""Mutual nearest neighbours: which samples are next to which, in either array."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import same_samples, tensor
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import Measure

#: Huh et al. 2024.
_K = 10


@dataclass(frozen=True)
class Neighbours:
    """The nearest samples of each sample.

    Attributes:
        shape: (n, d) of the array.
        indices: (n × k) int64, nearest first.
    """

    shape: tuple[int, ...]
    indices: torch.Tensor


def nearest(x: Any, k: int = _K) -> Neighbours:
    """The k other samples of greatest cosine with each sample.

    Args:
        x: (n × d), numpy or torch; not centred. A sample of zeros has cosine 0 with all.
        k: neighbours of a sample, fewer than n.

    Raises:
        SimilarityError: see `arrays.tensor`; not more than k samples.
    """
    array = tensor(x)
    if len(array) <= k:
        raise SimilarityError(
            f"an array of shape {tuple(array.shape)} has too few samples for {k} neighbours of "
            f"each: give at least {k + 1}"
        )
    # float64 even of float32 arrays: activations far from zero all point one way, and their
    # cosines differ in digits that float32 does not have.
    z = array.double()
    peak = z.abs().amax(1, keepdim=True)
    z = torch.nn.functional.normalize(z / torch.where(peak == 0, 1.0, peak))
    cosine = (z @ z.T).fill_diagonal_(-torch.inf)
    return Neighbours(tuple(array.shape), cosine.topk(k, dim=1).indices)


def knn_of(k: int) -> Measure:
    """`knn` with a number of neighbours of one's own."""
    return Measure(
        name="knn" if k == _K else f"knn_{k}",
        prepare=partial(nearest, k=k),
        compare=_overlap,
        of="activations",
        range=(0.0, 1.0),
        higher="more alike",
        invariant_to=frozenset({"permutation", "orthogonal", "isotropic scaling"}),
        max_samples=1024,
        source="Huh, Cheung, Wang & Isola 2024, arXiv 2405.07987 (mutual_knn)",
    )


def _overlap(a: Neighbours, b: Neighbours) -> float:
    same_samples(a.shape, b.shape)
    theirs = b.indices.to(a.indices.device)
    shared = (a.indices[:, :, None] == theirs[:, None, :]).any(2)
    return float(shared.mean(dtype=torch.float64))


#: The share of a sample's ten nearest neighbours (by cosine) in one array that are among its ten
#: nearest in the other, mean over samples. By chance it is 10/(n − 1).
knn = knn_of(_K)

MEASURES: tuple[Measure, ...] = (knn,)
