"""Measures of all pairs of layers from one product of their kernels, where samples are few."""

from __future__ import annotations

from math import sqrt
from typing import Final

from zoo_analysis.similarity.all_pairs.stacked_layers import StackedLayers
from zoo_analysis.similarity.arrays import same_samples
from zoo_analysis.similarity.lazy_torch import torch

#: Numbers of kernels that are formed at a time, of all layers of either side.
_STRIP: Final = 2**24
#: Square of a kernel's norm, of 1, below which debiasing left its rounding alone.
_NOTHING: Final = 1e-8


def kernel_products(a: StackedLayers, b: StackedLayers, *, debiased: bool) -> torch.Tensor:
    """`cka` or `cka_debiased` of each layer of a with each of b, from kernels (n × n).

    The kernels are formed strip by strip, above the diagonal, and a strip of all of them is
    multiplied at once: n²/2 multiply-adds a pair, however many neurons there are.

    Args:
        a: layers.
        b: layers over the same samples.
        debiased: which of the two; it then needs four samples.

    Returns:
        (A's layers × B's layers) float64; NaN where debiasing leaves nothing of a kernel.

    Raises:
        SimilarityError: different numbers of samples.
    """
    n = len(a.neurons)
    same_samples(a.neurons.shape, b.neurons.shape)
    sides = [a] if a is b else [a, b]
    features = [_features(side) for side in sides]
    inner = a.shares.new_zeros(len(a.sizes), len(b.sizes))
    norms = [side.shares.new_zeros(len(side.sizes)) for side in sides]
    height = max(1, _STRIP // (n * max(len(side.sizes) for side in sides)))
    for top in range(0, n, height):
        strips = [_strip(x, slice(top, min(top + height, n)), debiased) for x in features]
        for norm, strip in zip(norms, strips, strict=True):
            norm += strip.square().sum(1, dtype=torch.float64)
        inner += strips[0] @ strips[-1].T
    scale = (norms[0][:, None] * norms[-1]).sqrt()
    clear = (norms[0] > _NOTHING)[:, None] & (norms[-1] > _NOTHING)
    return torch.where(clear, inner / scale, torch.nan)


def _features(side: StackedLayers) -> list[torch.Tensor]:
    """X of each layer (n × d), with K = XXᵀ of norm 1."""
    x = side.neurons * side.shares.sqrt().to(side.neurons.dtype)
    return [x[:, columns] for columns in side.columns()]


def _strip(layers: list[torch.Tensor], rows: slice, debiased: bool) -> torch.Tensor:
    """Rows of each layer's kernel from the diagonal on (layers × numbers), each number twice."""
    n, height = len(layers[0]), rows.stop - rows.start
    out = layers[0].new_empty(len(layers), height, n - rows.start)
    for x, into in zip(layers, out, strict=True):
        torch.mm(x[rows], x[rows.start :].T, out=into)
        if debiased:  # rows of K sum to 0, and those of K̃ without the diagonal (`hsic.debiased`)
            k = x.square().sum(1)
            into += (k[rows, None] + k[rows.start :]) / (n - 2) - k.sum() / ((n - 1) * (n - 2))
            into.diagonal().zero_()
    out[:, :, height:] *= sqrt(2)
    return out.flatten(1)
