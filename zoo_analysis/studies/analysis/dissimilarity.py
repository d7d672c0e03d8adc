"""Dissimilarity of layers of trained networks, whole and with principal components deleted."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.stats.line import Floats
from zoo_analysis.studies.lab.mnist import load_mnist
from zoo_analysis.studies.lab.optimisation import TrainedNet

#: Held-out digits over which layers are compared.
_SAMPLES: Final = 500


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

    Args:
        name: of the measure.
        nets: trained.
        layer: number of the hidden layer.
        kept: components that are left.

    Returns:
        (networks × networks × kept): of the whole one, and of the truncated one.
    """
    training, test = load_mnist()
    shown = test.sample(_SAMPLES).images
    measure, inputs = get_measure(name), shown.flatten(1)
    whole, deleted = [], []
    for net in nets:
        x, reference = (layer_of(net, layer, images) for images in (shown, training.images))
        whole.append(measure.prepared(x, inputs=inputs))
        deleted.append([measure.prepared(truncated(x, reference, k), inputs=inputs) for k in kept])
    return _apart(measure, whole, deleted)


def layers_apart(name: str, nets: Sequence[TrainedNet]) -> Floats:
    """Dissimilarity of each network's last hidden layer and all layers of all networks.

    Args:
        name: of the measure.
        nets: trained.

    Returns:
        (networks × networks × layers).
    """
    shown = load_mnist()[1].sample(_SAMPLES).images
    measure, inputs = get_measure(name), shown.flatten(1)
    layers = [
        [measure.prepared(x, inputs=inputs) for _, x in net.net().activations(shown)]
        for net in nets
    ]
    return _apart(measure, [own[-1] for own in layers], layers)


def _apart(measure: Measure, references: list[Any], versions: list[list[Any]]) -> Floats:
    """(references × networks × versions); a similarity with the sign turned."""
    sign = -1 if measure.higher == "more alike" else 1
    return sign * np.array(
        [[[measure.compare(a, b) for b in row] for row in versions] for a in references]
    )
