"""Two whole networks, from what their layers have in common."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.centring import same_samples
from zoo_analysis.similarity.neuronal_comparison import NeuronalComparison, comparison
from zoo_analysis.similarity.neuronal_correlation import Maxima, maxima_by_layer, standardise

_NOTHING = (
    "none of {} layers can be compared with one of the other model's {}: choose other layers, or "
    "the full mode"
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
    scores 0. corr(A→B) is the mean over all neurons of A. The partial comparison is that without
    the distance and among comparable layers only; neurons of a layer that is comparable to none
    are left out of the mean.

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
        raise SimilarityError(_NOTHING.format(len(layers_a), len(layers_b)))
    a, b = [standardise(x) for x in layers_a], [standardise(x) for x in layers_b]
    if comparable is not None:
        allowed = comparable
        return between(
            len(a),
            len(b),
            lambda i, j: (a[i], b[j]) if allowed(i, j) else None,
            distance=distance,
            matches=matches,
        )
    sizes_a, sizes_b = [x.shape[1] for x in a], [x.shape[1] for x in b]
    of_a, of_b = maxima_by_layer(_joined(a), _joined(b), sizes_a, sizes_b, neurons=matches)
    return comparison(of_a, of_b, sizes_a, sizes_b, distance=distance)


def between(
    layers_a: int,
    layers_b: int,
    get: Callable[[int, int], tuple[Tensor, Tensor] | None],
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
        raise SimilarityError(_NOTHING.format(layers_a, layers_b))
    of_a = _gathered({(j, i): a for (i, j), (a, _) in pairs.items()}, layers_b, sizes_a, matches)
    of_b = _gathered({(i, j): b for (i, j), (_, b) in pairs.items()}, layers_a, sizes_b, matches)
    return comparison(of_a, of_b, sizes_a, sizes_b, distance=distance)


def best_match(
    layer_values: ArrayLike, higher: Literal["more alike", "less alike"]
) -> tuple[float, float, float]:
    """One number for two networks, from any measure of their layers.

    In one direction it is the mean over the layers of one network of the best value among the
    layers of the other: the greatest of a similarity, the least of a distance.

    Args:
        layer_values: (A's layers × B's layers), NaN where not compared; a layer compared with none
            is left out.
        higher: what a higher value means, as `Measure.higher`.

    Returns:
        the mean of both directions, A→B, B→A.

    Raises:
        SimilarityError: nothing was compared.
    """
    values = np.asarray(layer_values, dtype=np.float64)
    compared = ~np.isnan(values)
    if not compared.any():
        raise SimilarityError(_NOTHING.format(*values.shape))
    best, worst = (np.max, -np.inf) if higher == "more alike" else (np.min, np.inf)
    filled = np.where(compared, values, worst)
    ab, ba = (float(best(filled, axis=of)[compared.any(axis=of)].mean()) for of in (1, 0))
    return (ab + ba) / 2, ab, ba


def _size(known: int, x: Tensor, layer: int) -> int:
    size = x.shape[1]
    if known not in (0, size):
        raise SimilarityError(
            f"layer {layer} has {known} neurons in one pair and {size} in another (shape "
            f"{tuple(x.shape)}): pool positions, not neurons"
        )
    return size


def _joined(layers: Sequence[Tensor]) -> Tensor:
    """Side by side (n × all neurons)."""
    for x in layers:
        same_samples(tuple(layers[0].shape), tuple(x.shape))
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
