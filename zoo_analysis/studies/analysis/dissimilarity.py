"""Dissimilarity of layers of trained networks, whole and with principal components deleted."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.stats.computable import Floats
from zoo_analysis.studies.lab.digit_pairs import load_digit_pairs
from zoo_analysis.studies.lab.optimisation import TrainedNet

_SAMPLES: Final = 500


def shown() -> Tensor:
    """The probe: images (n × 1 × 28 × 28) of held-out pairs, over which layers are compared."""
    return load_digit_pairs()[1].sample(_SAMPLES).images


def truncated(x: Tensor, reference: Tensor, kept: int) -> Tensor:
    """An array with all but the first principal components of another deleted.

    Args:
        x: (n × d).
        reference: (m × d), whose components and means they are.
        kept: components that are left.

    Returns:
        (n × d), of rank `kept` about the means.
    """
    mean = reference.mean(0)
    axes = torch.linalg.svd(reference - mean, full_matrices=False).Vh[:kept]
    kept_part: Tensor = (x - mean) @ axes.T @ axes
    return mean + kept_part


def layer_of(net: TrainedNet, number: int, images: Tensor) -> Tensor:
    """Activations (n × d) of a hidden layer, counted from 0."""
    _, values = net.net().activations(images)[number]
    return values.flatten(1)


def deletions(name: str, nets: Sequence[TrainedNet], layer: int, kept: Sequence[int]) -> Floats:
    """Dissimilarity of a whole layer and of those of all networks with components deleted.

    The components are those of the probe.

    Args:
        name: of the measure.
        nets: trained.
        layer: number of the hidden layer.
        kept: components that are left.

    Returns:
        (networks × networks × kept): of the whole one, and of the truncated one.
    """
    images = shown()
    measure, inputs = get_measure(name), images.flatten(1)
    whole, deleted = [], []
    for net in nets:
        x = layer_of(net, layer, images)
        whole.append(measure.prepared(x, inputs=inputs))
        deleted.append([measure.prepared(truncated(x, x, k), inputs=inputs) for k in kept])
    return _apart(measure, whole, deleted)


def layers_apart(name: str, nets: Sequence[TrainedNet]) -> Floats:
    """Dissimilarity of each layer of each network, the reference, and all layers of all networks.

    Args:
        name: of the measure.
        nets: trained.

    Returns:
        (layers × networks × networks × layers): of the reference, and of what it is compared with.
    """
    images = shown()
    measure, inputs = get_measure(name), images.flatten(1)
    layers = [
        [measure.prepared(x, inputs=inputs) for _, x in net.net().activations(images)]
        for net in nets
    ]
    return np.stack(
        [_apart(measure, [own[depth] for own in layers], layers) for depth in range(len(layers[0]))]
    )


def _apart(measure: Measure, references: list[Any], versions: list[list[Any]]) -> Floats:
    """(references × networks × versions); a similarity with the sign turned."""
    sign = -1 if measure.higher == "more alike" else 1
    return sign * np.array(
        [[[measure.compare(a, b) for b in row] for row in versions] for a in references]
    )
