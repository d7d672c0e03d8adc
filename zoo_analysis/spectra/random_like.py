"""Spectra that a random initialisation has: what is said of the spectrum alone, not of accuracy."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.spectra.eigenspectrum import Shape
from zoo_analysis.spectra.marchenko_pastur import BulkFit, fit_bulk, noise_distance

#: Elements looked at together: 4 Mi float64 are 32 MiB.
_BLOCK = 1 << 22
#: Cosines and lengths of orthogonal rows as float32 has them.
_EQUAL = 1e-4
#: Deviations beyond which no draw of noise lies: an entry there is a stray one.
_STRAY = 10.0
#: Rows whose lengths tell most kernels apart before all are read.
_FEW = 8


def random_like(
    evals: NDArray[np.float64],
    kernel: torch.Tensor,
    live: Shape,
    stored: torch.dtype = torch.float32,
    release: Callable[[], None] | None = None,
    bulk: BulkFit | None = None,
) -> bool:
    """A spectrum as independent entries of one variance have it, or an orthogonal matrix.

    The eigenvalues keep as close to the Marchenko–Pastur law as those of noise (`noise_distance`),
    and none is above its edge but for what single entries make: an entry above σ(NM)^¼ leaves the
    bulk by itself (Benaych-Georges & Nadakuditi 2012), and does so still when the matrix is
    shuffled. Initialisers leave such entries: a normal distribution that is cut off far outside,
    as ``trunc_normal_(std=0.02, a=-2, b=2)``, has one of −2 in some ten million.

    Args:
        evals: of the kernel's matrices, pooled.
        kernel: (groups, out/groups, in/groups, *spatial).
        live: shape of the matrices without rows and columns of zeros.
        stored: the type that the entries were rounded to.
        release: called when a part of the kernel has been read.
        bulk: that of all these eigenvalues, where it was fitted before.
    """
    bulk = bulk or fit_bulk(evals, live.n, live.m, live.matrices)
    if bulk.num_spikes is not None and bulk.mp_ks <= noise_distance(live.m, live.matrices):
        if bulk.num_spikes == 0:
            return True
        return bulk.num_spikes <= _outlying_entries(kernel, live, release or _nothing)
    return semi_orthogonal(kernel, max(_EQUAL, torch.finfo(stored).eps))


def semi_orthogonal(kernel: torch.Tensor, tolerance: float = _EQUAL) -> bool:
    """The rows of a kernel, unrolled, are orthogonal and of one length, or its columns are.

    So is a convolution that is initialised orthogonal, or to the identity (Dirac): its slices are
    not, and their spectrum is not Marchenko–Pastur. Rows and columns of zeros do not count.

    Args:
        kernel: (groups, out/groups, in/groups, *spatial).
        tolerance: of cosines and of lengths relative to the longest.
    """
    for group in kernel:
        rows = group.flatten(1)
        if not any(_one_length(few, tolerance) for few in (rows[:_FEW], rows[:, :_FEW].T)):
            return False
        rows = rows[rows.any(1)][:, rows.any(0)]
        rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
        if not len(rows) or not _one_length(rows, tolerance):
            return False
        cosines = (rows @ rows.T) / torch.linalg.vector_norm(rows[0]) ** 2
        if not torch.allclose(cosines, torch.eye(len(rows), dtype=rows.dtype), atol=tolerance):
            return False
    return True


def _one_length(rows: torch.Tensor, tolerance: float) -> bool:
    lengths = torch.linalg.vector_norm(rows, dim=1)
    lengths = lengths[lengths > 0]
    return not len(lengths) or bool(lengths.min() >= (1 - tolerance) * lengths.max())


def _outlying_entries(kernel: torch.Tensor, live: Shape, release: Callable[[], None]) -> int:
    step = max(1, _BLOCK // kernel[0, 0].numel())
    parts = [rows for group in kernel for rows in torch.split(group, step)]
    squares, far = 0.0, 0
    for rows in parts:
        squares += float(torch.linalg.vector_norm(rows)) ** 2
        release()
    least = max(_STRAY, (live.n * live.m) ** 0.25)
    limit = float(np.sqrt(squares / (live.n * live.m * live.matrices))) * least
    for rows in parts:
        far += int((rows.abs() > limit).sum())
        release()
    return far


def _nothing() -> None:
    pass
