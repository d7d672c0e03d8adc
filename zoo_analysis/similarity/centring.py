"""Arrays without their means and their scale."""

from __future__ import annotations

from typing import NamedTuple

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.lazy_torch import torch


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
