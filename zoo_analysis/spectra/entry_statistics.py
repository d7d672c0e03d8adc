"""Plain statistics of the entries of a tensor, in one pass over it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from math import gcd, isfinite, prod
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

#: Entries looked at together: what is made of them stays in a processor's cache.
_BLOCK: Final = 1 << 16
#: Quartiles are those of all entries up to so many, else of about so many that stand for them.
_SORTED: Final = 1 << 15
#: Entries of a matrix that is small.
_FEW: Final = 1 << 13
#: Largest entries from this to its inverse need no scale: powers of typical ones are in range.
_NEAR_ONE: Final = 1e-4
#: Entries that are read before their pages are let go.
_RELEASED: Final = 1 << 22


@dataclass(frozen=True)
class EntryStatistics:
    """Statistics of entries (Unterthiner et al. 2020, “Predicting neural network accuracy from
    weights”), with kurtosis and the share of zeros.

    Attributes:
        mean: of all entries.
        variance: Σ(w − mean)²/n.
        min: the least.
        q25: the lower quartile.
        q50: the median.
        q75: the upper quartile.
        max: the largest.
        kurtosis: fourth central moment / variance²; 3 of a Gaussian. None where all are equal.
        zeros: share of entries that are 0.
    """

    mean: float
    variance: float
    min: float
    q25: float
    q50: float
    q75: float
    max: float
    kurtosis: float | None
    zeros: float


def entry_statistics(
    tensor: torch.Tensor,
    extremes: tuple[float, float] | None = None,
    release: Callable[[], None] = lambda: None,
) -> EntryStatistics | None:
    """Mean, variance, quartiles, extremes, kurtosis and share of zeros.

    Quartiles are numpy's, interpolated, of all entries up to 32,768; of more they are those of
    every k-th entry, k having no divisor in common with their number, so that rows and columns are
    among them alike, and leaving 16,384 or more. The rank of such a quartile has a standard error
    of some 0.4 % at most.
    Moments are summed in the entries' own precision within 65,536 of them, then in float64:
    relative errors are about 10⁻⁶ for float32.

    Args:
        tensor: floating, of any shape and strides; read in blocks.
        extremes: its least and its largest entry, where they are known.
        release: called when a part has been read, so that the owner of a mapped tensor may let
            its pages go.

    Returns:
        The statistics; None of no entries, or of some that are not finite.
    """
    count = tensor.numel()
    if not count:
        return None
    entries = tensor.detach().cpu()
    entries = entries if entries.dtype == torch.float64 else entries.to(torch.float32)
    if count <= _FEW:
        return _of_few(entries.numpy())
    low, high = extremes or tuple(float(each) for each in torch.aminmax(entries))
    if not (isfinite(low) and isfinite(high)):
        return None
    every = _stride(count)
    peak = max(high, -low)
    # Fourth powers of what is far from 1 overflow, or vanish.
    scale = 1.0 if _NEAR_ONE < peak < 1 / _NEAR_ONE else peak or 1.0
    first = second = third = fourth = shift = 0.0
    done = zeros = 0
    sample: list[NDArray[np.floating[Any]]] = []
    d = squares = flags = np.empty(0)
    for block in _blocks(entries.numpy()):
        sample.append(block[-done % every :: every].copy())
        if len(d) != len(block):
            d, squares, flags = *np.empty((2, len(block)), block.dtype), np.empty(len(block), bool)
            ones = _ones(len(block), block.dtype.str)
        zeros += int(np.count_nonzero(np.equal(block, 0, out=flags)))
        if scale != 1:
            block = np.divide(block, block.dtype.type(scale), out=d)
        if not done:
            # Near the mean, about which powers cancel least.
            shift = float(block @ ones) / len(block)
        np.subtract(block, block.dtype.type(shift), out=d)
        np.multiply(d, d, out=squares)
        first += float(d @ ones)
        second += float(d @ d)
        third += float(squares @ d)
        fourth += float(squares @ squares)
        done += len(block)
        if done % _RELEASED < len(block):
            release()
    first, second, third, fourth = (each / count for each in (first, second, third, fourth))
    variance = second - first**2
    central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    ordered = sample[0] if len(sample) == 1 else np.concatenate(sample)
    ordered.sort()
    return _statistics((low, high), ordered, shift + first, variance, central, zeros / count, scale)


def _of_few(entries: NDArray[Any]) -> EntryStatistics | None:
    """The same of so few that calls take longer than what they do: the fewest calls."""
    ordered = np.sort(entries, axis=None).astype(np.float64, copy=False)  # what is NaN comes last
    count, low, high = len(ordered), float(ordered[0]), float(ordered[-1])
    if not (isfinite(low) and isfinite(high)):
        return None
    scale = max(high, -low) or 1.0
    d = ordered / scale
    mean = float(np.add.reduce(d)) / count
    d -= mean
    squares = d * d
    variance = float(np.add.reduce(squares)) / count
    fourth = float(squares @ squares) / count
    zeros = 1 - np.count_nonzero(ordered) / count
    return _statistics((low, high), ordered, mean, variance, fourth, zeros, scale)


def _statistics(
    extremes: tuple[float, float],
    ordered: NDArray[np.floating[Any]],
    mean: float,
    variance: float,
    fourth: float,
    zeros: float,
    scale: float,
) -> EntryStatistics:
    """Of moments about the mean, of entries over a scale, and of the entries in order."""
    low, high = extremes
    spread = variance > 0 and high > low
    q25, q50, q75 = _quartiles(ordered)
    return EntryStatistics(
        mean=mean * scale,
        variance=variance * scale * scale if spread else 0.0,
        min=low,
        q25=q25,
        q50=q50,
        q75=q75,
        max=high,
        kurtosis=fourth / variance**2 if spread else None,
        zeros=zeros,
    )


@lru_cache(4)
def _ones(count: int, dtype: str) -> NDArray[Any]:
    return np.ones(count, dtype)


def _stride(count: int) -> int:
    """The first from `count` / `_SORTED` up that leaves half of these, else the next one below."""
    least = -(-count // _SORTED)
    for every in chain(range(least, 2 * count // _SORTED + 1), range(least, 1, -1)):
        if gcd(every, count) == 1:
            return every
    return 1


def _quartiles(ordered: NDArray[np.floating[Any]]) -> tuple[float, ...]:
    last = len(ordered) - 1
    places = [divmod(quarter * last, 4) for quarter in (1, 2, 3)]
    couples = ((float(ordered[i]), float(ordered[min(i + 1, last)]), part) for i, part in places)
    return tuple(low + (high - low) * part / 4 for low, high, part in couples)


def _blocks(entries: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The entries, some at a time, in the order in which they lie in memory where there is one."""
    strides = entries.strides
    entries = entries.transpose(sorted(range(entries.ndim), key=lambda axis: -strides[axis]))
    if entries.flags.c_contiguous or not entries.ndim:
        entries = entries.reshape(-1)
    step = max(1, _BLOCK // max(1, prod(entries.shape[1:])))
    for start in range(0, len(entries), step):
        yield entries[start : start + step].reshape(-1)
