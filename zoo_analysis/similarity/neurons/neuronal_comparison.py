"""Neuronal correlation of two networks, from what each neuron reaches in each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.neurons.neuron_maxima import Maxima


@dataclass(frozen=True)
class LayerMatches:
    """The neurons of the other network in which those of a layer are best found again.

    Attributes:
        value: (d,) float64, the neuron's score r; NaN where its layer was compared with none.
        layer: (d,) int64, counted from 0; −1 where the score is 0 or NaN.
        neuron: (d,) int64, in that layer, one of the tied; −1 likewise.
    """

    value: NDArray[np.float64]
    layer: NDArray[np.int64]
    neuron: NDArray[np.int64]


@dataclass(frozen=True)
class NeuronalComparison:
    """Neuronal correlation of two networks A and B.

    Attributes:
        value: corr(A, B), the mean of both directions.
        value_ab: corr(A→B), the mean score of A's neurons.
        value_ba: corr(B→A).
        layer_ab: (A's layers × B's layers), mean over the neurons of A's layer of the greatest
            |correlation| with B's layer, without the distance penalty; NaN where not compared.
        layer_ba: same shape, means over the neurons of B's layer.
        matches_a: one of each layer of A, if asked for.
        matches_b: one of each layer of B, if asked for.
    """

    value: float
    value_ab: float
    value_ba: float
    layer_ab: NDArray[np.float64]
    layer_ba: NDArray[np.float64]
    matches_a: tuple[LayerMatches, ...] | None = None
    matches_b: tuple[LayerMatches, ...] | None = None

    @property
    def layer_values(self) -> NDArray[np.float64]:
        """(A's layers × B's layers): the measure `neuronal` of each pair; or NaN."""
        return (self.layer_ab + self.layer_ba) / 2


def comparison(
    of_a: Maxima, of_b: Maxima, sizes_a: Sequence[int], sizes_b: Sequence[int], *, distance: bool
) -> NeuronalComparison:
    """Both directions put together.

    Args:
        of_a: (B's layers × all neurons of A), NaN where not compared.
        of_b: (A's layers × all neurons of B), likewise.
        sizes_a: neurons of A's layers.
        sizes_b: neurons of B's layers.
        distance: divide by 1 + the distance of the layers.
    """
    ab, layer_ab, matches_a = _direction(of_a, sizes_a, distance)
    ba, layer_ba, matches_b = _direction(of_b, sizes_b, distance)
    return NeuronalComparison(
        (ab + ba) / 2, ab, ba, layer_ab, np.ascontiguousarray(layer_ba.T), matches_a, matches_b
    )


def _direction(
    maxima: Maxima, sizes: Sequence[int], distance: bool
) -> tuple[float, NDArray[np.float64], tuple[LayerMatches, ...] | None]:
    """Mean score, (own layers × other layers) means, and matches by own layer."""
    value = maxima.value.to("cpu", torch.float64)
    layers = torch.stack([part.mean(1) for part in torch.split(value, list(sizes), 1)])
    own = torch.repeat_interleave(torch.arange(len(sizes)), torch.as_tensor(sizes))
    apart = (own - torch.arange(len(value))[:, None]).abs() if distance else torch.zeros(1)
    scores = torch.nan_to_num(value / (1 + apart), nan=-1)  # below any score
    best, layer = scores.max(0)
    best = torch.where(best < 0, torch.nan, best)
    matches = None
    if maxima.neuron is not None:
        matches = _by_layer(best, layer, maxima.neuron.cpu(), sizes)
    return float(best.nanmean()), layers.numpy(), matches


def _by_layer(
    best: torch.Tensor, layer: torch.Tensor, neuron: torch.Tensor, sizes: Sequence[int]
) -> tuple[LayerMatches, ...]:
    """Matches from the best score, its layer (neurons,) and the neuron of each layer."""
    found = best > 0
    where = neuron.gather(0, layer[None])[0]
    parts = (
        torch.split(part, list(sizes))
        for part in (best, torch.where(found, layer, -1), torch.where(found, where, -1))
    )
    return tuple(
        LayerMatches(value.numpy(), at.numpy(), which.numpy())
        for value, at, which in zip(*parts, strict=True)
    )
