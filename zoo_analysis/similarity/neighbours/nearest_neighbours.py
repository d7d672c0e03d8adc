"""Mutual nearest neighbours: which samples are next to which, in either array."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import same_samples, tensor
from zoo_analysis.similarity.dissimilarities.sample_distances import cosine
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import Measure

#: Neighbours of a sample (Huh et al. 2024).
K: Final = 10


@dataclass(frozen=True)
class Neighbours:
    """The nearest samples of each sample.

    Attributes:
        shape: (n, d) of the array.
        indices: (n × k) int64, nearest first.
    """

    shape: tuple[int, ...]
    indices: torch.Tensor

    def reordered(self, order: torch.Tensor) -> Neighbours:
        """The neighbours of the samples in another order (n,)."""
        order = order.to(self.indices.device)
        return Neighbours(self.shape, torch.argsort(order)[self.indices[order]])


def nearest(x: Any, k: int = K) -> Neighbours:
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
    near = cosine(array).fill_diagonal_(-torch.inf)
    return Neighbours(tuple(array.shape), near.topk(k, dim=1).indices)


def knn_of(k: int) -> Measure:
    """`knn` with a number of neighbours of one's own."""
    return Measure(
        name="knn" if k == K else f"knn_{k}",
        prepare=partial(nearest, k=k),
        compare=_overlap,
        reordered=Neighbours.reordered,
        of="activations",
        range=(0.0, 1.0),
        higher="more alike",
        invariant_to=frozenset({"permutation", "orthogonal", "isotropic scaling"}),
        max_samples=1024,
        source="Huh, Cheung, Wang & Isola 2024, arXiv 2405.07987 (mutual_knn)",
    )


def _shared(a: Neighbours, b: Neighbours) -> torch.Tensor:
    """How many neighbours of each sample (n,) are so in both arrays, float64."""
    same_samples(a.shape, b.shape)
    theirs = b.indices.to(a.indices.device)
    return (a.indices[:, :, None] == theirs[:, None, :]).any(2).sum(1, dtype=torch.float64)


def _overlap(a: Neighbours, b: Neighbours) -> float:
    return float(_shared(a, b).mean() / a.indices.shape[1])


def _jaccard(a: Neighbours, b: Neighbours) -> float:
    shared = _shared(a, b)
    return float((shared / (2 * a.indices.shape[1] - shared)).mean())


#: The share of a sample's ten nearest neighbours (by cosine) in one array that are among its ten
#: nearest in the other, mean over samples. By chance it is 10/(n − 1).
knn = knn_of(K)

#: The neighbours that a sample has in both arrays over those that it has in either, mean over
#: samples: as `knn`, with what is not shared counted once for each array.
knn_jaccard = replace(
    knn,
    name="knn_jaccard",
    compare=_jaccard,
    source="Wang, Zhang & Liu 2022; Klabunde et al. 2023, arXiv 2305.06329 (Jaccard similarity)",
)

MEASURES: tuple[Measure, ...] = (knn, knn_jaccard)
