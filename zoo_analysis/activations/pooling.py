"""Layers' activations as arrays of the same samples (samples × neurons)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import numpy as np
    import torch

    from zoo_analysis.activations.layer_activations import LayerActivations

#: The neurons of an image model; those of a language model are hidden dimensions.
Neurons = Literal["channel", "unit", "published"]

#: Positions a side that are kept of a layer's grid, unless told otherwise.
POSITIONS: Final = 4

#: Images that the published partial comparison looks at.
PUBLISHED_IMAGES: Final = 10

Grid = tuple[int, int]


def pool(values: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Averages over a grid that is nowhere finer than the given one.

    Args:
        values: (n, d, h, w).
        grid: height and width at most.

    Returns:
        (n, d, min(h, height), min(w, width)): each cell the mean of the pixels from
        ⌊i·h/h'⌋ to ⌈(i+1)·h/h'⌉, as torch's adaptive average pooling has it.
    """
    from torch.nn.functional import adaptive_avg_pool2d

    height, width = (min(old, new) for old, new in zip(values.shape[2:], grid, strict=True))
    if values.shape[2:] == (height, width):
        return values
    return adaptive_avg_pool2d(values, (height, width))


def common_grid(a: LayerActivations, b: LayerActivations) -> Grid | None:
    """The finest grid that both layers can be pooled to.

    Args:
        a: a layer of one network.
        b: a layer of another.

    Returns:
        Height and width; (1, 1) for the layers of two language models; None for one of an image
        model and one of a language model, which have no samples in common.
    """
    if a.values.ndim != b.values.ndim:
        return None
    if a.values.ndim == 2:
        return 1, 1
    (height_a, width_a), (height_b, width_b) = a.values.shape[2:], b.values.shape[2:]
    return min(height_a, height_b), min(width_a, width_b)


def neuron_values(layer: LayerActivations, grid: Grid, neurons: Neurons) -> np.ndarray:
    """A layer's activations, samples × neurons.

    Args:
        layer: as captured.
        grid: that channels are pooled to (`common_grid` of a pair); what else counts as a neuron
            is not pooled.
        neurons: "channel": a channel is a neuron, and its samples are images × positions;
            "unit": each position of each channel is a neuron, and its samples are images;
            "published": each position of the first channel is a neuron, and its samples are the
            first ten images, as in the partial comparison of Oskouie et al. (arXiv 2408.08448),
            which took them from layers that were not pooled.
            Of a language model each hidden dimension is a neuron, and its samples are words,
            whatever is asked for.

    Returns:
        float32, (samples × neurons), writable; it may share memory with the layer.
    """
    import numpy as np

    values = layer.values
    if values.ndim == 2:
        found = values
    elif neurons == "unit":
        found = values.reshape(len(values), -1)
    elif neurons == "published":
        found = values[:PUBLISHED_IMAGES, 0].reshape(len(values[:PUBLISHED_IMAGES]), -1)
    else:
        if values.shape[2] > grid[0] or values.shape[3] > grid[1]:
            import torch

            # A copy, for torch warns of arrays that are read-only, as those of Ray are.
            values = pool(torch.from_numpy(values.copy()), grid).numpy()
        found = values.transpose(0, 2, 3, 1).reshape(-1, values.shape[1])
    return np.require(found, np.float32, ["C", "W"])


def comparable(a: LayerActivations, b: LayerActivations) -> bool:
    """True of layers whose outputs had the same size before pooling: the pairs of partial mode.

    Args:
        a: a layer of one network.
        b: a layer of another.
    """
    return a.values.ndim == b.values.ndim and a.size == b.size
