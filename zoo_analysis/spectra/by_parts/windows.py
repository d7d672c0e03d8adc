"""The tail of a matrix seen through windows of one aspect ratio, whatever the matrix's own."""

from collections.abc import Iterator
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.spectra.eigenspectrum import matrices
from zoo_analysis.spectra.gram import eigenvalues_batched
from zoo_analysis.spectra.methods import Method
from zoo_analysis.spectra.rounding import equal_evals
from zoo_analysis.spectra.tails.hill import hill_as_counted


def farms_alpha(
    kernel: torch.Tensor,
    how: Method,
    device: str | torch.device = "cpu",
    noise: float = 0.0,
    precision: torch.dtype = torch.float64,
) -> float | None:
    """α of the eigenvalues of all windows over a matrix, pooled: FARMS.

    The edges of a spectrum depend on M/N, and with them every α: matrices of one law and different
    shapes do not compare. Windows of one aspect ratio have one law (Hu et al. 2025, “Eigenspectrum
    analysis of neural networks without aspect ratio bias”, arXiv 2506.06280). Their squared
    singular values are pooled over windows, and over a convolution's positions and groups; α is
    Hill's with the median as xmin, as that paper's program counts.

    Args:
        kernel: (groups, out/groups, in/groups, *spatial).
        how: gives the windows and the treatment of convolutions.
        device: where to compute.
        noise: squared spectral norm of the rounding error.
        precision: the type in which an orthogonal matrix was computed.

    Returns:
        α; None with fewer eigenvalues than a fit needs, or where half of them are rounding noise,
        or equal but for it.
    """
    dtype = torch.float64 if how.dtype == "float64" else torch.float32
    parts = [
        eigenvalues_batched(some, dtype, device).ravel()
        for matrix in matrices(kernel, how)
        for some in _windows(matrix, how)
    ]
    evals = np.sort(np.concatenate(parts))
    upper, longer = evals[len(evals) // 2 :], max(kernel.shape[1:3])
    tolerance = (longer * float(np.finfo(how.dtype).eps)) ** 2
    if len(evals) < how.min_evals or not upper[0] > tolerance * upper[-1]:
        return None
    if equal_evals(upper, noise, longer, precision):
        return None
    return hill_as_counted(evals)


def window_sides(rows: int, cols: int, how: Method) -> tuple[int, int]:
    """The longer and the shorter side of the windows over a matrix.

    They are those of the method, or where the matrix is smaller the largest of the same aspect
    ratio that fit into it.
    """
    longer, shorter = max(rows, cols), min(rows, cols)
    short = max(1, min(how.window, shorter, int(longer / how.window_ratio)))
    return min(longer, round(short * how.window_ratio)), short


def window_count(rows: int, cols: int, how: Method) -> int:
    """How many windows a method lays over a matrix."""
    long, short = window_sides(rows, cols, how)
    longer, shorter = max(rows, cols), min(rows, cols)
    return _count(longer, long, how) * _count(shorter, short, how)


def _count(length: int, side: int, how: Method) -> int:
    return 1 + ceil((length - side) / max(1, round(side * how.window_step)))


def _starts(length: int, side: int, how: Method) -> NDArray[np.intp]:
    """Evenly spread from one end to the other, no further apart than the method's step."""
    return np.linspace(0, length - side, _count(length, side, how)).round().astype(np.intp)


def _windows(matrix: torch.Tensor, how: Method) -> Iterator[torch.Tensor]:
    """Bands of windows, each (windows, long, short)."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.mT
    long, short = window_sides(tall.shape[0], tall.shape[1], how)
    across = _starts(tall.shape[1], short, how)
    for down in _starts(tall.shape[0], long, how):
        band = tall[down : down + long]
        yield torch.stack([band[:, left : left + short] for left in across])
