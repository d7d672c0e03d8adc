"""Greatest |correlation| of each neuron with the neurons of other layers, over the same samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import aligned, tensor
from zoo_analysis.similarity.lazy_torch import torch

#: Values that are standardised at a time: those that stay in a processor's cache.
_CHUNK = 2**17
#: Side of the largest block of correlations that is formed.
_BLOCK = {"cpu": 1024, "cuda": 8192}


@dataclass(frozen=True)
class Maxima:
    """Greatest |correlation| of each neuron with the neurons of each layer of another network.

    Attributes:
        value: (layers × neurons), in [0, 1].
        neuron: (layers × neurons), which neuron of that layer it is: one of the tied, −1 where the
            value is 0; None unless asked for.
    """

    value: torch.Tensor
    neuron: torch.Tensor | None


def standardise(x: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Columns centred and of unit length, so that products of columns are Pearson correlations.

    Sums are in float64, of differences to the first sample, so that an offset costs no digits. A
    neuron becomes zero, and so correlates with none, where its standard deviation is at most four
    times the relative precision ε of the array's type times its mean: what varies less is the
    rounding of its values, each of which is known to about ε.

    Args:
        x: (n × d), numpy or torch.
        dtype: of the result; as the array's own if None, which is float64 or else float32.

    Returns:
        (n × d).

    Raises:
        SimilarityError: see `arrays.tensor`; also a single sample.
    """
    return standardised(x, dtype)[0]


def standardised(x: Any, dtype: torch.dtype | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardised columns (`standardise`), and the lengths that they had.

    Args:
        x: see `standardise`.
        dtype: likewise.

    Returns:
        (n × d), and (d,) float64: the norm of each column less its mean, 0 of a constant one.

    Raises:
        SimilarityError: see `standardise`.
    """
    array = tensor(x)
    n = len(array)
    if n < 2:
        raise SimilarityError(
            f"an array of shape {tuple(array.shape)} has one sample: correlations need at least two"
        )
    known = torch.finfo(array.dtype)
    unit = array.new_ones(array.shape[1])
    if array.dtype == torch.float64 or max(map(abs, array.aminmax())) > known.max / 2:
        peak = array.abs().amax(0)  # so that neither squares nor differences overflow or vanish
        unit = torch.where(peak == 0, 1.0, peak)
        array = array / unit
    ones = array.new_ones(n, dtype=torch.float64)
    out = torch.empty_like(array, dtype=dtype)
    norms = torch.empty_like(unit, dtype=torch.float64)
    width = max(16, _CHUNK // n)
    parts = (torch.split(each, width, -1) for each in (array, out, norms))
    for part, into, norm in zip(*parts, strict=True):
        first = part[0].to(out.dtype)
        z = part.to(out.dtype) - first  # what is constant is exactly zero from here on
        wide = z.double()
        shift = ones @ wide / n
        squares = ones @ wide.square() - n * shift.square()
        noise = (n * (4 * known.eps * (first + shift)).square()).clamp(min=known.tiny**2)
        constant = squares <= noise
        scale = torch.where(constant, 0.0, squares.rsqrt())
        torch.addcmul((-shift * scale).to(out.dtype), z, scale.to(out.dtype), out=into)
        norm.copy_(torch.where(constant, 0.0, squares.sqrt()))
    return out, norms * unit


def maxima_by_layer(
    p: torch.Tensor,
    q: torch.Tensor,
    sizes_a: Sequence[int],
    sizes_b: Sequence[int],
    *,
    neurons: bool = False,
    also: Callable[[slice, slice, torch.Tensor], object] | None = None,
) -> tuple[Maxima, Maxima]:
    """Greatest |correlation| of each neuron with each layer of the other side.

    Both directions come from one product, of which no more than a block is held at a time.

    Args:
        p: (n × d₁), standardised; its columns are the neurons of successive layers.
        q: (n × d₂), likewise.
        sizes_a: neurons of each layer of p, summing to d₁.
        sizes_b: likewise of q.
        neurons: also tell which neuron it is.
        also: is given each block of squared correlations, and the columns of p and of q that it is
            of.

    Returns:
        of p's neurons (layers of q × d₁), and of q's neurons (layers of p × d₂).

    Raises:
        SimilarityError: different numbers of samples, naming both shapes.
    """
    p, q = aligned(p, q)
    best_a = _nothing(len(sizes_b), p, neurons)
    best_b = _nothing(len(sizes_a), q, neurons)
    side = _BLOCK.get(p.device.type, _BLOCK["cpu"])
    memory = p.new_empty(min(side, p.shape[1]) * min(side, q.shape[1]))  # of a block
    for top in range(0, p.shape[1], side):
        rows = slice(top, min(top + side, p.shape[1]))
        for left in range(0, q.shape[1], side):
            columns = slice(left, min(left + side, q.shape[1]))
            shape = rows.stop - rows.start, q[:, columns].shape[1]
            r = memory[: shape[0] * shape[1]].view(shape)
            torch.mm(p[:, rows].T, q[:, columns], out=r)
            r = r.abs_() if also is None else r.square_()  # of squares the greatest are the same
            for layer, start, stop, before in _pieces(sizes_b, columns):
                _raise(best_a, layer, rows, r[:, start:stop], before)
            for layer, start, stop, before in _pieces(sizes_a, rows):
                _raise(best_b, layer, columns, r[start:stop].T, before)
            if also is not None:
                also(rows, columns, r)
    for each in (best_a, best_b):
        if also is not None:
            each.value.sqrt_()
        each.value.clamp_(max=1)  # rounding of the product
    return best_a, best_b


def neuronal_maxima(p: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each neuron's greatest |correlation| with a neuron of the other layer.

    Args:
        p: (n × d₁), as `neuronal.prepare` returns it.
        q: (n × d₂), likewise.

    Returns:
        (d₁,) and (d₂,), in [0, 1].

    Raises:
        SimilarityError: different numbers of samples, naming both shapes.
    """
    of_a, of_b = maxima_by_layer(p, q, [p.shape[1]], [q.shape[1]])
    return of_a.value[0], of_b.value[0]


def neuronal_matches(p: torch.Tensor, q: torch.Tensor) -> tuple[Maxima, Maxima]:
    """`neuronal_maxima`, and with which neuron: `Maxima` of (1 × d₁) and (1 × d₂)."""
    return maxima_by_layer(p, q, [p.shape[1]], [q.shape[1]], neurons=True)


def _nothing(layers: int, x: torch.Tensor, neurons: bool) -> Maxima:
    value = x.new_zeros(layers, x.shape[1])
    return Maxima(value, torch.full_like(value, -1, dtype=torch.int64) if neurons else None)


def _pieces(sizes: Sequence[int], within: slice) -> Iterator[tuple[int, int, int, int]]:
    """Layers in a block: index, start and stop in the block, neurons of the layer before it."""
    begin = 0
    for layer, size in enumerate(sizes):
        start, stop = max(begin, within.start), min(begin + size, within.stop)
        if start < stop:
            yield layer, start - within.start, stop - within.start, start - begin
        begin += size


def _raise(best: Maxima, layer: int, of: slice, r: torch.Tensor, before: int) -> None:
    """Raises the maxima of the neurons `of` to those of r (neurons × some of the layer)."""
    value = best.value[layer, of]
    if best.neuron is None:
        torch.maximum(value, r.amax(1), out=value)
        return
    highest, where = r.max(1)
    better = highest > value
    value[better] = highest[better]
    best.neuron[layer, of][better] = where[better] + before
