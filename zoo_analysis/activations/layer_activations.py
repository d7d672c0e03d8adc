"""The record of a network that has seen a probe."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LayerActivations:
    """The outputs of one module over a probe.

    Attributes:
        name: of the module.
        depth: weight layers before it, along the network in order of execution, from 0; of a
            module without a weight matrix, that of the last weight layer before it.
        values: float32, images: (n, d, h, w), pooled to at most the positions asked for, h = w = 1
            where they form no grid; text: (words, d).
        size: height and width of its grid before pooling, 1 × 1 of vectors; the number of its
            positions alone where they form no grid and were averaged; () of text.
    """

    name: str
    depth: int
    values: np.ndarray
    size: tuple[int, ...] = ()


@dataclass(frozen=True)
class Captured:
    """A network's activations, outputs and inputs over one probe.

    Attributes:
        layers: in order of execution.
        outputs: logits (n, classes), float32; None where the network has no classes, or where its
            samples are words.
        labels: (n,) of the probe, where it has them.
        inputs: (n, p) float32, what went in: images as the network got them, pooled to at most
            16 × 16 and flattened; words as their first embedding.
        probe: its identity.
        n: samples: images, or words.
    """

    layers: tuple[LayerActivations, ...]
    outputs: np.ndarray | None
    labels: np.ndarray | None
    inputs: np.ndarray
    probe: str
    n: int
