"""Layers side by side, so that one product compares each with each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, Final

import numpy as np

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import rows, varying
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.neurons.neuron_maxima import standardised

#: Least share of a kernel that debiasing may leave for the difference to be taken in float32.
_LEFT: Final = 1 / 16


@dataclass(frozen=True)
class StackedLayers:
    """Layers over the same n samples, side by side.

    K = XXᵀ / ‖XXᵀ‖ is a layer's kernel, of centred X (n × d), and K̃ what debiasing leaves of it.

    Attributes:
        sizes: neurons of each layer.
        neurons: (n × all neurons), standardised; zero where constant.
        shares: (all neurons,) float64 variances as parts of ‖XXᵀ‖: X = neurons · √shares.
        taken: (n × layers) float64: ⟨K̃, L̃⟩ = ⟨K, L⟩ − takenᵀtaken; None of fewer than four samples.
        left: (layers,) float64, ‖K̃‖².
    """

    sizes: tuple[int, ...]
    neurons: torch.Tensor
    shares: torch.Tensor
    taken: torch.Tensor | None
    left: torch.Tensor

    @property
    def thin(self) -> torch.Tensor:
        """(layers,) True where debiasing leaves so little that a difference in float32 is none."""
        return self.left <= _LEFT

    @property
    def delicate(self) -> torch.Tensor:
        """(layers,) True of the thin with fewer neurons than samples, which take float64."""
        narrow = torch.as_tensor(self.sizes, device=self.left.device) < len(self.neurons)
        return self.thin & narrow

    def among(self, first: int, last: int) -> StackedLayers:
        """The layers from one number up to another, in the same memory."""
        begin, end = sum(self.sizes[:first]), sum(self.sizes[:last])
        return StackedLayers(
            self.sizes[first:last],
            self.neurons[:, begin:end],
            self.shares[begin:end],
            None if self.taken is None else self.taken[:, first:last],
            self.left[first:last],
        )

    def reordered(self, order: torch.Tensor) -> StackedLayers:
        """The same of the samples in another order (n,)."""
        taken = None if self.taken is None else rows(self.taken, order)
        return replace(self, neurons=rows(self.neurons, order), taken=taken)

    def columns(self) -> Iterator[slice]:
        """The columns of each layer."""
        end = 0
        for size in self.sizes:
            end += size
            yield slice(end - size, end)

    def layers_of(self, columns: slice) -> slice:
        """The layers that some columns are of."""
        ends, within = np.cumsum(self.sizes), (columns.start, columns.stop - 1)
        first, last = np.searchsorted(ends, within, "right").tolist()
        return slice(first, last + 1)

    def by_layer(self) -> torch.Tensor:
        """(all neurons × layers): the shares of each layer's neurons in a column of its own."""
        found = self.neurons.new_zeros(len(self.shares), len(self.sizes))
        for layer, columns in enumerate(self.columns()):
            found[columns, layer] = self.shares[columns].to(found.dtype)
        return found


def stack(layers: Sequence[Any]) -> StackedLayers:
    """Layers as products of many of them take them.

    Args:
        layers: each (n × d), numpy or torch, of the same n samples; d may differ.

    Raises:
        SimilarityError: see `neuron_maxima.standardise`; also a layer that does not vary between
            samples.
    """
    arrays = [torch.as_tensor(layer) for layer in layers]
    neurons, norms = standardised(torch.cat(arrays, 1))
    parts = torch.split(norms, [array.shape[1] for array in arrays])
    for array, of in zip(arrays, parts, strict=True):
        if not of.any():
            varying(array)
            raise SimilarityError(f"an array of shape {tuple(array.shape)} does not vary")
    n, sizes = len(neurons), tuple(array.shape[1] for array in arrays)
    shares = torch.empty_like(norms)
    diagonals = norms.new_empty(n, len(sizes))
    end = 0
    for layer, size in enumerate(sizes):
        columns = slice(end, end := end + size)
        relative = norms[columns] / norms[columns].max()
        x = neurons[:, columns] * relative.to(neurons.dtype)
        within = x.T @ x if size < n else x @ x.T
        shares[columns] = relative.square() / within.square().sum(dtype=torch.float64).sqrt()
        diagonals[:, layer] = neurons[:, columns].square() @ shares[columns].to(neurons.dtype)
    if n < 4:
        return StackedLayers(sizes, neurons, shares, None, norms.new_ones(len(sizes)))
    # as `hsic.debiased` has it
    means = (1 - sqrt((n - 2) / (n - 1))) * diagonals.mean(0)
    taken = sqrt(n / (n - 2)) * (diagonals - means)
    return StackedLayers(sizes, neurons, shares, taken, 1 - taken.square().sum(0))


def beside(stacks: Sequence[StackedLayers]) -> StackedLayers:
    """The layers of several stacks over the same samples as one."""
    taken = [each.taken for each in stacks if each.taken is not None]
    return StackedLayers(
        tuple(size for each in stacks for size in each.sizes),
        torch.cat([each.neurons for each in stacks], 1),
        torch.cat([each.shares for each in stacks]),
        torch.cat(taken, 1) if taken else None,
        torch.cat([each.left for each in stacks]),
    )
