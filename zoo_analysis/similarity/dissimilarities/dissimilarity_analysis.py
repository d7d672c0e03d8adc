"""Representational similarity analysis: which samples are far apart, in either array."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import same_samples, tensor
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.neurons.neuron_maxima import standardise

#: Distances nearer than this are ties. It is far above the rounding of a float64 product, which
#: would otherwise rank equal distances at random.
_STEP = 2.0**-40


@dataclass(frozen=True)
class Dissimilarities:
    """Distances of all couples of samples, or their ranks, standardised.

    Attributes:
        shape: (n, d) of the array.
        values: (n(n − 1)/2,) float64, of mean 0 and norm 1; all 0 where all distances are equal.
    """

    shape: tuple[int, ...]
    values: torch.Tensor


def dissimilarities(x: Any) -> torch.Tensor:
    """1 − Pearson correlation of each couple of samples, over the neurons.

    A sample whose neurons are all equal is at distance 1 from all others.

    Args:
        x: (n × d), numpy or torch.

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
    # float64 even of float32 arrays: samples often lie so near to each other that the correlation
    # in float32 is 1.
    z = standardise(array.T, torch.float64)
    above = torch.triu_indices(n, n, 1, device=z.device)
    r = (z.T @ z)[above[0], above[1]].clamp(-1, 1)
    return torch.round((1 - r) / _STEP) * _STEP


def ranks(x: torch.Tensor) -> torch.Tensor:
    """Ranks (m,) float64 of numbers (m,), counted from 1; the tied share their mean rank."""
    # numpy's argsort uses the processor's vectors, torch's does not.
    order = torch.argsort(x) if x.is_cuda else torch.from_numpy(np.argsort(x.numpy()))
    _, place, count = torch.unique_consecutive(x[order], return_inverse=True, return_counts=True)
    mean = count.cumsum(0).double() - (count - 1) / 2
    return torch.empty_like(mean[place]).index_copy_(0, order, mean[place])


def rsa_by(method: Literal["spearman", "pearson"]) -> Measure:
    """`rsa` with the correlation of distances that is asked for, by rank or as they are."""
    return Measure(
        name="rsa" if method == "spearman" else "rsa_pearson",
        prepare=partial(_prepare, method),
        compare=_compare,
        of="activations",
        range=(-1.0, 1.0),
        higher="more alike",
        invariant_to=frozenset({"permutation", "isotropic scaling"}),
        max_samples=1024,
        source="Kriegeskorte, Mur & Bandettini 2008, doi 10.3389/neuro.06.004.2008",
    )


def _prepare(method: Literal["spearman", "pearson"], x: Any) -> Dissimilarities:
    array = tensor(x)
    distances = dissimilarities(array)
    values = ranks(distances) if method == "spearman" else distances
    return Dissimilarities(tuple(array.shape), standardise(values[:, None])[:, 0])


def _compare(a: Dissimilarities, b: Dissimilarities) -> float:
    same_samples(a.shape, b.shape)
    return float((a.values @ b.values.to(a.values.device)).clamp(-1, 1))


#: Spearman correlation of the two arrays' distances between samples, 1 − Pearson each; 0 where the
#: distances of one array are all equal.
rsa = rsa_by("spearman")

MEASURES: tuple[Measure, ...] = (rsa,)
