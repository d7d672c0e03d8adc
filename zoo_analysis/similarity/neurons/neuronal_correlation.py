"""Neuronal correlation: how well each neuron is found again in another layer, or network.

Oskouie et al. 2024 (arXiv 2408.08448). Over the same samples, a neuron's score is its greatest
absolute Pearson correlation with a neuron of the other layer; the measure is the mean over neurons,
in both directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import rows, same_samples
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import UP_TO_SCALES, Measure
from zoo_analysis.similarity.neurons.neuron_maxima import (
    Maxima,
    maxima_by_layer,
    neuronal_maxima,
    standardise,
)
from zoo_analysis.similarity.neurons.neuronal_comparison import NeuronalComparison, comparison
from zoo_analysis.similarity.whole import (
    NOTHING_IN_COMMON,
    LayerPairs,
    LayerSimilarities,
    Similarity,
)


def neuronal_between(
    layers_a: Sequence[Any],
    layers_b: Sequence[Any],
    *,
    distance: bool = True,
    comparable: Callable[[int, int], bool] | None = None,
    matches: bool = False,
) -> NeuronalComparison:
    """Neuronal correlation of two networks (Oskouie et al. 2024, arXiv 2408.08448).

    The score of neuron i of A is r(i→B) = max over neurons j of B of
    |pearson(i, j)| / (1 + |layer(i) − layer(j)|), with layers counted from 0; a constant neuron
    scores 0, and a layer of nothing else is compared with none. corr(A→B) is the mean over all
    neurons of A. The partial comparison is that without the distance and among comparable layers
    only; neurons of a layer that is compared with none are left out of the mean.

    Args:
        layers_a: A's activations in order of depth, each (n × d).
        layers_b: B's, of the same n samples; d may differ from layer to layer.
        distance: divide by 1 + the distance of the layers.
        comparable: which layers of A and B (by index) are compared; all if None. The number of
            samples then needs to agree within such pairs only.
        matches: also tell where each neuron is found again.

    Raises:
        SimilarityError: arrays that are not comparable, naming both shapes; nothing to compare.
    """
    if not layers_a or not layers_b:
        raise SimilarityError(NOTHING_IN_COMMON.format(len(layers_a), len(layers_b)))
    a, b = [standardise(x) for x in layers_a], [standardise(x) for x in layers_b]
    alive_a, alive_b = ([bool(x.any()) for x in each] for each in (a, b))
    if comparable is not None or not all((*alive_a, *alive_b)):

        def get(i: int, j: int) -> tuple[torch.Tensor, torch.Tensor] | None:
            allowed = comparable is None or comparable(i, j)
            return (a[i], b[j]) if alive_a[i] and alive_b[j] and allowed else None

        return between(len(a), len(b), get, distance=distance, matches=matches)
    sizes_a, sizes_b = [x.shape[1] for x in a], [x.shape[1] for x in b]
    of_a, of_b = maxima_by_layer(_joined(a), _joined(b), sizes_a, sizes_b, neurons=matches)
    return comparison(of_a, of_b, sizes_a, sizes_b, distance=distance)


def between(
    layers_a: int,
    layers_b: int,
    get: Callable[[int, int], tuple[torch.Tensor, torch.Tensor] | None],
    *,
    distance: bool = True,
    matches: bool = False,
) -> NeuronalComparison:
    """`neuronal_between` where the samples of a layer depend on what it is compared with.

    Args:
        layers_a: number of layers of A.
        layers_b: number of layers of B.
        get: of a layer of A and one of B, both as `neuronal.prepare` returns them, (n × d₁) and
            (n × d₂); None if those two are not to be compared. A layer has the same neurons in
            every pair.
        distance: see `neuronal_between`.
        matches: see `neuronal_between`.

    Raises:
        SimilarityError: see `neuronal_between`; also a layer whose number of neurons changes.
    """
    pairs: dict[tuple[int, int], tuple[Maxima, Maxima]] = {}
    sizes_a, sizes_b = [0] * layers_a, [0] * layers_b
    for i in range(layers_a):
        for j in range(layers_b):
            if (arrays := get(i, j)) is not None:
                p, q = arrays
                sizes_a[i] = _size(sizes_a[i], p, i)
                sizes_b[j] = _size(sizes_b[j], q, j)
                pairs[i, j] = maxima_by_layer(p, q, [sizes_a[i]], [sizes_b[j]], neurons=matches)
    if not pairs:
        raise SimilarityError(NOTHING_IN_COMMON.format(layers_a, layers_b))
    of_a = _gathered({(j, i): a for (i, j), (a, _) in pairs.items()}, layers_b, sizes_a, matches)
    of_b = _gathered({(i, j): b for (i, j), (_, b) in pairs.items()}, layers_a, sizes_b, matches)
    return comparison(of_a, of_b, sizes_a, sizes_b, distance=distance)


def _size(known: int, x: torch.Tensor, layer: int) -> int:
    size = x.shape[1]
    if known not in (0, size):
        raise SimilarityError(
            f"layer {layer} has {known} neurons in one pair and {size} in another (shape "
            f"{tuple(x.shape)}): pool positions, not neurons"
        )
    return size


def _joined(layers: Sequence[torch.Tensor]) -> torch.Tensor:
    """Side by side (n × all neurons)."""
    for x in layers:
        same_samples(layers[0].shape, x.shape)
    return torch.cat(list(layers), dim=1)


def _gathered(
    pairs: dict[tuple[int, int], Maxima], others: int, sizes: Sequence[int], neurons: bool
) -> Maxima:
    """Maxima (others × all neurons) from those of single layers, by (other layer, own layer)."""
    value = torch.full((others, sum(sizes)), torch.nan, dtype=torch.float64)
    neuron = torch.full_like(value, -1, dtype=torch.int64) if neurons else None
    starts = np.cumsum([0, *sizes])
    for (other, own), maxima in pairs.items():
        columns = slice(starts[own], starts[own + 1])
        value[other, columns] = maxima.value[0].to("cpu", torch.float64)
        if neuron is not None and maxima.neuron is not None:
            neuron[other, columns] = maxima.neuron[0].cpu()
    return Maxima(value, neuron)


def _whole(pairs: LayerPairs) -> tuple[Similarity, LayerSimilarities]:
    found = between(*pairs.shape, pairs.prepared, distance=pairs.distance)
    sides = (found.layer_values, found.layer_ab, found.layer_ba)
    layers = {
        (i, j): Similarity(*(float(values[i, j]) for values in sides))
        for i, j in np.argwhere(~np.isnan(sides[0])).tolist()
    }
    return Similarity(found.value, found.value_ab, found.value_ba), layers


def _compare(p: torch.Tensor, q: torch.Tensor) -> float:
    of_a, of_b = neuronal_maxima(p, q)
    both = (of_a.mean(dtype=torch.float64) + of_b.mean(dtype=torch.float64)) / 2
    return float(both)


#: Mean over the neurons of two layers of the greatest |correlation| with a neuron of the other, of
#: both directions; of networks `neuronal_between`.
neuronal = Measure(
    name="neuronal",
    prepare=standardise,
    compare=_compare,
    reordered=rows,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=UP_TO_SCALES,
    source="Oskouie et al. 2024, arXiv 2408.08448",
    whole=_whole,
)

MEASURES: tuple[Measure, ...] = (neuronal,)
