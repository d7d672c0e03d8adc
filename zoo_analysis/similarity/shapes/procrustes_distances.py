"""Procrustes distances: of two arrays after the best rotation of one onto the other."""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, pi
from typing import Any

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import centred, rows, same_samples, tensor
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import UP_TO_ROTATION, Measure
from zoo_analysis.similarity.neurons.matching import MOST


@dataclass(frozen=True)
class Cloud:
    """Samples as points around 0, with the sum of their squares 1.

    Attributes:
        shape: (n, d) of the array.
        points: (n × min(n, d)), float64: an arc cosine near 1 halves the digits.
    """

    shape: tuple[int, ...]
    points: torch.Tensor

    def reordered(self, order: torch.Tensor) -> Cloud:
        """The samples in another order (n,)."""
        return Cloud(self.shape, rows(self.points, order))


def _prepare(x: Any) -> Cloud:
    given = tensor(x)
    points = centred(given, torch.float64).values
    if given.shape[1] > given.shape[0]:  # rotated into the n dimensions that the samples span
        points = torch.linalg.qr(points.T, mode="r").R.T
    return Cloud(tuple(given.shape), points)


def _overlap(a: Cloud, b: Cloud) -> float:
    """‖AᵀB‖_*, the sum of singular values: the greatest ⟨AQ, B⟩ over orthogonal Q; in [0, 1]."""
    same_samples(a.shape, b.shape)
    return min(float(torch.linalg.svdvals(a.points.T @ b.points).sum()), 1.0)


def _distance(a: Cloud, b: Cloud) -> float:
    return 2 - 2 * _overlap(a, b)


def _angle(a: Cloud, b: Cloud) -> float:
    return acos(_overlap(a, b))


def _centred(x: Any) -> Cloud:
    given = tensor(x)
    if given.shape[1] > MOST:
        raise SimilarityError(
            f"an array of shape {tuple(given.shape)} has more than {MOST} neurons, too many to "
            "match one to one: use procrustes, or fewer positions"
        )
    return Cloud(tuple(given.shape), centred(given, torch.float64).values)


def _permuted(a: Cloud, b: Cloud) -> float:
    from scipy.optimize import linear_sum_assignment

    same_samples(a.shape, b.shape)
    products = (a.points.T @ b.points.to(a.points.device)).cpu().numpy()
    found = linear_sum_assignment(products, maximize=True)
    return min(max(2 - 2 * float(products[found].sum()), 0.0), 4.0)


#: ‖A‖² + ‖B‖² − 2‖AᵀB‖_* = min ‖AQ − B‖² over orthogonal Q, of centred A (n × d₁) and B (n × d₂)
#: of unit Frobenius norm, the narrower one padded with zeros: 0 where alike, 2 at most.
procrustes = Measure(
    name="procrustes",
    prepare=_prepare,
    compare=_distance,
    reordered=Cloud.reordered,
    of="activations",
    range=(0.0, 2.0),
    higher="less alike",
    invariant_to=UP_TO_ROTATION,
    source="Ding, Denain & Steinhardt 2021, arXiv 2108.01661",
)

#: arccos ‖AᵀB‖_* in radians: the same as an angle, which is a metric.
procrustes_angular = Measure(
    name="procrustes_angular",
    prepare=_prepare,
    compare=_angle,
    reordered=Cloud.reordered,
    of="activations",
    range=(0.0, pi / 2),
    higher="less alike",
    invariant_to=UP_TO_ROTATION,
    source="Williams, Kunz, Kornblith & Linderman 2021, arXiv 2110.14739",
)

#: min ‖AP − B‖² over permutations P of the neurons, signs kept, of the same A and B; of layers of
#: different widths the neurons left over are matched with zeros.
procrustes_permutation = Measure(
    name="procrustes_permutation",
    prepare=_centred,
    compare=_permuted,
    reordered=Cloud.reordered,
    of="activations",
    range=(0.0, 4.0),
    higher="less alike",
    invariant_to=frozenset({"permutation", "translation"}),
    source="Williams, Kunz, Kornblith & Linderman 2021, arXiv 2110.14739 (permutations)",
)

MEASURES: tuple[Measure, ...] = (procrustes, procrustes_angular, procrustes_permutation)
