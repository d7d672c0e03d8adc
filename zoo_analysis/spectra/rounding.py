"""The rounding of a matrix to its stored type, as noise in its spectrum."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

#: Elements looked at together: 4 Mi float64 are 32 MiB.
_BLOCK = 1 << 22
#: Sign and significand of a float64 are masked off: what is left is the power of two below it.
_EXPONENT = 0x7FF0000000000000
_SINGLE = float(torch.finfo(torch.float32).eps)
#: Singular values this many √N·ε of the largest apart are equal (measured: QR stays below 1).
_EQUAL = 4.0


def rounding_variances(
    w: torch.Tensor, stored: torch.dtype, release: Callable[[], None] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums over rows and columns of the variance that rounding has in each entry, spacing²/12.

    Args:
        w: (batch, rows, cols), floating; zeros are exact.
        stored: the type that the entries were rounded to.
        release: called when a part of W has been read.

    Returns:
        (batch, rows) and (batch, cols).
    """
    batch, rows, cols = w.shape
    ulp, least = _spacing(stored, min(rows, cols))
    by_row, by_col = np.zeros((batch, rows)), np.zeros((batch, cols))
    many, some = max(1, _BLOCK // (rows * cols)), max(1, _BLOCK // cols)
    for start in range(0, batch, many):
        chosen = slice(start, start + many)
        for top in range(0, rows, some):
            part = w[chosen, top : top + some].to("cpu", torch.float64).contiguous()
            power = (part.view(torch.int64) & _EXPONENT).view(torch.float64)
            variance = (power * ulp).clamp_(min=least).square_().div_(12)
            variance[part == 0] = 0
            by_row[chosen, top : top + some] = variance.sum(dim=2).numpy()
            by_col[chosen] += variance.sum(dim=1).numpy()
            if release is not None:
                release()
    return by_row, by_col


def noise_bound(
    evals: NDArray[np.float64], rows: int, cols: int, stored: torch.dtype
) -> NDArray[np.float64]:
    """A bound of the squared spectral norm of the rounding error, from the spectrum alone.

    Args:
        evals: (matrices, M) of matrices of rows × cols.
        rows: of each.
        cols: of each.
        stored: the type that the entries were rounded to.
    """
    ulp, least = _spacing(stored, min(rows, cols))
    bound: NDArray[np.float64] = (ulp**2 * evals.sum(axis=1) + least**2 * rows * cols) / 3
    return bound


def equal_evals(evals: NDArray[np.float64], noise: float, n: int, precision: torch.dtype) -> bool:
    """The square roots of all eigenvalues lie as close as rounding and arithmetic put equal ones.

    Args:
        evals: positive, ascending.
        noise: squared spectral norm of the rounding error, which moves each singular value by its
            root at most (Weyl).
        n: N, the longer side.
        precision: the type in which an orthogonal matrix was computed, float64 or float32.
    """
    sigma = np.sqrt(evals)
    computed = _EQUAL * np.sqrt(n) * torch.finfo(precision).eps * sigma[-1]
    return bool(sigma[-1] - sigma[0] <= max(2 * np.sqrt(noise), computed))


def _spacing(stored: torch.dtype, m: int) -> tuple[float, float]:
    """Distance of neighbours relative to the power of two below them, and the least there is.

    Products of float32 are off by √M spacings of it, as errors of M sums add up; a narrower type
    is rounded to at the end. The scale of a float8 matrix is not known, nor its least spacing.
    """
    finfo = torch.finfo(stored)
    least = finfo.tiny * finfo.eps if stored.itemsize > 1 else 0.0
    return max(finfo.eps, np.sqrt(m) * _SINGLE), float(least)
