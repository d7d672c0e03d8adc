"""Arrays as measures take them: real and finite, of the same samples, centred and scaled."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.lazy_torch import torch


def tensor(x: Any) -> torch.Tensor:
    """A floating tensor (n × d) on the device it came from: float64 stays, all else is float32.

    Args:
        x: (n × d), numpy or torch.

    Raises:
        SimilarityError: not two-dimensional, empty, complex, or with NaN or infinite values.
    """
    array = x.detach() if isinstance(x, torch.Tensor) else _shared(np.ascontiguousarray(x))
    if array.ndim != 2 or 0 in array.shape or array.is_complex():
        raise SimilarityError(
            f"an array of shape {tuple(array.shape)} ({array.dtype}) cannot be compared: "
            "give real numbers, samples × neurons"
        )
    if array.dtype != torch.float64:
        array = array.to(torch.float32)
    if not all(math.isfinite(extreme) for extreme in array.aminmax()):  # NaN is both
        raise SimilarityError(
            f"an array of shape {tuple(array.shape)} has NaN or infinite values: leave those out"
        )
    return array


def _shared(x: NDArray[Any]) -> torch.Tensor:
    """The same memory, which nothing here writes to; torch warns of arrays that Ray shares."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.as_tensor(x)


def varying(x: Any) -> torch.Tensor:
    """A tensor as `tensor` gives it, of which at least one neuron varies between the samples.

    Args:
        x: (n × d), numpy or torch; whether a single sample will do is for the measure to say.

    Raises:
        SimilarityError: see `tensor`; also constant neurons only, as `centred` has them: likeness
            to what does not vary is undefined, by any measure.
    """
    array = tensor(x)
    low, high = (bound.double() for bound in array.aminmax(dim=0))
    # a range R leaves a standard deviation of at least R / √2n: seldom is there more to compute
    least = 4 * torch.finfo(array.dtype).eps * math.sqrt(2 * len(array))
    if len(array) > 1 and not (high - low > least * torch.maximum(-low, high)).any():
        centred(array, torch.float64)
    return array


def pair(x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Two arrays of the same samples, in the wider of their two types, on the device of the first.

    Raises:
        SimilarityError: see `tensor`; also different numbers of samples, naming both shapes.
    """
    return aligned(tensor(x), tensor(y))


def aligned(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Two tensors of the same samples, in the wider of their types, on the device of the first.

    Raises:
        SimilarityError: different numbers of samples, naming both shapes.
    """
    same_samples(a.shape, b.shape)
    wide = torch.promote_types(a.dtype, b.dtype)
    return a.to(wide), b.to(a.device, wide)


def rows(x: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """The rows of x (n × …) in an order (n,)."""
    return x[order.to(x.device)]


class Centred(NamedTuple):
    """An array of Frobenius norm 1 whose neurons have mean 0.

    Attributes:
        values: (n × d).
        rounding: Frobenius norm that the rounding of the array given has in these values.
    """

    values: torch.Tensor
    rounding: float


def centred(x: torch.Tensor, dtype: torch.dtype | None = None) -> Centred:
    """Neurons minus their means, all divided by one number.

    A neuron becomes zero where its standard deviation is at most four times the relative precision
    ε of the array's type times its mean: what varies less is rounding, of its values and their sum.

    Args:
        x: (n × d), real and finite, of any size: nothing overflows.
        dtype: of the values and the computation; the array's own by default.

    Raises:
        SimilarityError: fewer than two samples, or nothing varies between them.
    """
    n = len(x)
    if n < 2:
        raise SimilarityError(
            f"an array of shape {tuple(x.shape)} has one sample: likeness shows between samples, "
            "give more"
        )
    epsilon = torch.finfo(x.dtype).eps
    wide = x.to(dtype or x.dtype)
    low, high = wide.aminmax()
    peak = torch.maximum(-low, high).clamp(min=torch.finfo(wide.dtype).tiny)
    average = wide.new_full((n,), 1 / n)  # as a product: an order of magnitude faster than a mean
    means = average @ wide
    values = wide - means
    values -= average @ values  # what rounding left of means far from zero
    values *= 1 / peak
    means = (means / peak).double()
    squares = n * (average @ values.square()).double()
    constant = squares <= n * (4 * epsilon * means).square()
    if constant.all():
        raise SimilarityError(
            f"an array of shape {tuple(x.shape)} has constant neurons only: likeness to what does "
            "not vary is undefined, leave that layer out"
        )
    if constant.any():
        values[:, constant] = 0.0
    norm = squares[~constant].sum().sqrt()
    whole = (squares.sum() + n * means.square().sum()).sqrt()
    values *= (1 / norm).to(values.dtype)
    return Centred(values, epsilon * float(whole / norm))


def same_samples(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """Refuses prepared arrays of different samples.

    Args:
        a: shape (n × d₁) of the array that one was prepared from.
        b: shape (n × d₂) of the other's.

    Raises:
        SimilarityError: different n; names both shapes.
    """
    if a[0] != b[0]:
        raise SimilarityError(
            f"arrays of shapes {tuple(a)} and {tuple(b)} have different numbers of samples: both "
            "need the same samples in the same order"
        )
