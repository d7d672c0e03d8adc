"""Representational similarity analysis: which samples are far apart, in either array."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any, Literal

import numpy as np

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import same_samples, tensor
from zoo_analysis.similarity.dissimilarities.sample_distances import cosine, euclidean
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import UP_TO_ROTATION, Invariance, Measure
from zoo_analysis.similarity.neurons.neuron_maxima import standardise

#: Distances nearer than this are ties. It is far above the rounding of a float64 product, which
#: would otherwise rank equal distances at random.
_STEP = 2.0**-40

Method = Literal["spearman", "pearson", "kendall"]
Distance = Literal["correlation", "euclidean", "cosine"]

_INVARIANCES: dict[Distance, frozenset[Invariance]] = {
    "correlation": frozenset({"permutation", "isotropic scaling"}),
    "cosine": frozenset({"permutation", "orthogonal", "isotropic scaling"}),
    "euclidean": UP_TO_ROTATION,
}


@dataclass(frozen=True)
class Dissimilarities:
    """Distances of all couples of samples, or their ranks, standardised.

    Attributes:
        shape: (n, d) of the array.
        values: (n(n − 1)/2,) float64, of mean 0 and norm 1; all 0 where all distances are equal.
    """

    shape: tuple[int, ...]
    values: torch.Tensor

    def reordered(self, order: torch.Tensor) -> Dissimilarities:
        """The distances of the samples in another order (n,)."""
        n = self.shape[0]
        above = torch.triu_indices(n, n, 1, device=self.values.device)
        square = self.values.new_zeros(n, n)
        square[above[0], above[1]] = self.values
        square += square.T.clone()
        moved = order.to(square.device)[above]
        return Dissimilarities(self.shape, square[moved[0], moved[1]])


def dissimilarities(x: Any, distance: Distance = "correlation") -> torch.Tensor:
    """The distance of each couple of samples.

    By correlation it is 1 − Pearson over the neurons, and a sample whose neurons are all equal is
    at distance 1 from all others; by cosine likewise, of neurons that are not centred; Euclidean
    distances are parts of the centred array's norm.

    Args:
        x: (n × d), numpy or torch.
        distance: of samples.

    Returns:
        (n(n − 1)/2,) float64, multiples of 2⁻⁴⁰: row by row above the diagonal of n × n.

    Raises:
        SimilarityError: see `arrays.tensor`; fewer than three samples, or a single neuron.
    """
    array = tensor(x)
    n, d = array.shape
    if n < 3 or d < 2:
        raise SimilarityError(
            f"an array of shape {(n, d)} has no distances to compare: three samples and two "
            "neurons are the least"
        )
    if distance == "euclidean":
        found = euclidean(array)[1]
    elif distance == "cosine":
        found = 1 - cosine(array).clamp(-1, 1)
    else:
        # float64 even of float32 arrays: samples often lie so near to each other that the
        # correlation in float32 is 1.
        z = standardise(array.T, torch.float64)
        found = 1 - (z.T @ z).clamp(-1, 1)
    above = torch.triu_indices(n, n, 1, device=found.device)
    return torch.round(found[above[0], above[1]] / _STEP) * _STEP


def ranks(x: torch.Tensor) -> torch.Tensor:
    """Ranks (m,) float64 of numbers (m,), counted from 1; the tied share their mean rank."""
    # numpy's argsort uses the processor's vectors, torch's does not.
    order = torch.argsort(x) if x.is_cuda else torch.from_numpy(np.argsort(x.numpy()))
    _, place, count = torch.unique_consecutive(x[order], return_inverse=True, return_counts=True)
    mean = count.cumsum(0).double() - (count - 1) / 2
    return torch.empty_like(mean[place]).index_copy_(0, order, mean[place])


def rsa_by(method: Method, distance: Distance = "correlation") -> Measure:
    """`rsa` with a correlation of distances, and distances, of one's own.

    Args:
        method: by rank (Spearman, Kendall's τ-b) or as they are (Pearson).
        distance: of samples, as `dissimilarities` takes it.
    """
    words = ["rsa", *({method} - {"spearman"}), *({distance} - {"correlation"})]
    return Measure(
        name="_".join(words),
        prepare=partial(_prepare, method, distance),
        compare=_kendall if method == "kendall" else _compare,
        reordered=Dissimilarities.reordered,
        of="activations",
        range=(-1.0, 1.0),
        higher="more alike",
        invariant_to=_INVARIANCES[distance],
        max_samples=1024,
        source="Kriegeskorte, Mur & Bandettini 2008, doi 10.3389/neuro.06.004.2008",
    )


def _prepare(method: Method, distance: Distance, x: Any) -> Dissimilarities:
    array = tensor(x)
    distances = dissimilarities(array, distance)
    values = ranks(distances) if method == "spearman" else distances
    return Dissimilarities(tuple(array.shape), standardise(values[:, None])[:, 0])


def _compare(a: Dissimilarities, b: Dissimilarities) -> float:
    same_samples(a.shape, b.shape)
    return float((a.values @ b.values.to(a.values.device)).clamp(-1, 1))


def _kendall(a: Dissimilarities, b: Dissimilarities) -> float:
    from scipy.stats import kendalltau

    same_samples(a.shape, b.shape)
    found = float(kendalltau(a.values.cpu().numpy(), b.values.cpu().numpy()).statistic)
    return found if isfinite(found) else 0.0


#: Spearman correlation of the two arrays' distances between samples, 1 − Pearson each; 0 where the
#: distances of one array are all equal.
rsa = rsa_by("spearman")

#: The same by Kendall's τ-b, and of other distances.
rsa_kendall = rsa_by("kendall")
rsa_euclidean, rsa_cosine = rsa_by("spearman", "euclidean"), rsa_by("spearman", "cosine")

MEASURES: tuple[Measure, ...] = (rsa, rsa_kendall, rsa_euclidean, rsa_cosine)
