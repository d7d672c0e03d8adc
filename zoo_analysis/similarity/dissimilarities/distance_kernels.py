"""Distance correlation: of the distances between samples, double-centred."""

from __future__ import annotations

from math import sqrt
from typing import Any

from zoo_analysis.similarity.dissimilarities.sample_distances import euclidean
from zoo_analysis.similarity.kernels.hsic import Kernel, inner
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import UP_TO_ROTATION, Measure


def _prepare(x: Any) -> Kernel:
    """The double-centred distances (n × n) of norm 1, float64."""
    shape, distances = euclidean(x)
    means = distances.mean(0)
    kernel = distances - means - means[:, None] + means.mean()
    return Kernel(shape, gram=kernel / torch.linalg.matrix_norm(kernel))


def _compare(a: Kernel, b: Kernel) -> float:
    return sqrt(max(inner(a, b), 0.0))


#: The square root of ⟨A, B⟩ / ‖A‖‖B‖, of double-centred Euclidean distances A and B (n × n): 0 in
#: the limit of many samples only where the two arrays are independent.
distance_correlation = Measure(
    name="distance_correlation",
    prepare=_prepare,
    compare=_compare,
    reordered=Kernel.reordered,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=UP_TO_ROTATION,
    max_samples=1024,
    source="Székely, Rizzo & Bakirov 2007, doi 10.1214/009053607000000505",
)

MEASURES: tuple[Measure, ...] = (distance_correlation,)
