"""Arrays as measures take them."""

from __future__ import annotations

import math
import warnings
from typing import Any

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


def pair(x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Two arrays of the same samples, in the wider of their two types, on the device of the first.

    Raises:
        SimilarityError: see `tensor`; also different numbers of samples, naming both shapes.
    """
    a, b = tensor(x), tensor(y)
    if len(a) != len(b):
        raise SimilarityError(
            f"arrays of shapes {tuple(a.shape)} and {tuple(b.shape)} have different numbers of "
            "samples: both need the same samples in the same order"
        )
    wide = torch.promote_types(a.dtype, b.dtype)
    return a.to(wide), b.to(wide).to(a.device)
