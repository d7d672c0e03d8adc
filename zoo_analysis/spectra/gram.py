"""Eigenvalues of X = WᵀW through the smaller Gram matrix, accumulated in row blocks."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import blas

#: Elements converted to the working precision at a time: 4 Mi float64 are 32 MiB.
_BLOCK = 1 << 22
#: How often a block is halved that a device has no room for, before the CPU has to do.
_HALVINGS = 3
#: Rows of a wide matrix that are read before their pages are let go.
_ROWS = 512


def eigenvalues(
    w: torch.Tensor,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "cpu",
    release: Callable[[], None] | None = None,
) -> NDArray[np.float64]:
    """Eigenvalues of WᵀW, or of WWᵀ where that is smaller: the squared singular values of W.

    Where the smallest ones sink into the rounding noise of the Gram matrix, which squares the
    condition number, and `dtype` is float64, they are computed again from the triangular factor
    of W, so that rank and small eigenvalues are those a singular value decomposition gives.

    Args:
        w: (rows, cols), any floating dtype; it is read in blocks and never copied whole.
        dtype: float64 or float32, the precision of the Gram matrix and the eigenproblem.
        device: where to compute.
        release: called after each block is read, so that the owner of a mapped W may let its
            pages go before the Gram matrix is decomposed.

    Returns:
        min(rows, cols) eigenvalues, ascending, ≥ 0.
    """
    w = w.detach()
    if min(w.shape) == 1:
        return np.array([float(torch.linalg.vector_norm(w.to(torch.float64)) ** 2)])
    release = release or (lambda: None)
    values = where_it_fits(partial(_eigenvalues, w, dtype, release), device, _BLOCK)
    return np.maximum(values, 0.0)


def _eigenvalues(
    w: torch.Tensor,
    dtype: torch.dtype,
    release: Callable[[], None],
    device: str | torch.device,
    block: int,
) -> NDArray[np.float64]:
    gram = gram_matrix(w, dtype, device, release, block)
    evals = torch.linalg.eigvalsh(gram)
    values = np.asarray(evals.cpu().numpy(), dtype=np.float64)
    del gram, evals
    if dtype == torch.float64 and values[0] < _noise(values[-1], len(values)):
        values = np.sort(_squared_singular_values(w, device, block, release))
    return values


def gram_matrix(
    w: torch.Tensor,
    dtype: torch.dtype,
    device: str | torch.device = "cpu",
    release: Callable[[], None] = lambda: None,
    block: int = _BLOCK,
) -> torch.Tensor:
    """WᵀW, or WWᵀ where that is smaller; on the CPU its lower triangle, the other one is zeros.

    Args:
        w: (rows, cols), any floating dtype; it is read in blocks and never copied whole.
        dtype: float64 or float32.
        device: where to compute.
        release: as `eigenvalues` takes it.
        block: elements that are converted at a time.
    """
    if torch.device(device).type == "cpu":
        return _gram_cpu(w, dtype, release, block)
    return _gram(w, dtype, device, release, block)


def where_it_fits(
    compute: Callable[[str | torch.device, int], NDArray[np.float64]],
    device: str | torch.device,
    block: int,
) -> NDArray[np.float64]:
    """Work on a device in blocks that are halved while its memory is short, else on the CPU.

    Args:
        compute: the work, given the device and the elements of a block.
        device: where to compute first.
        block: elements to begin with.

    Returns:
        What `compute` returns, wherever that was.
    """
    least = block >> _HALVINGS
    while torch.device(device).type != "cpu":
        try:
            return compute(device, block)
        except torch.OutOfMemoryError:
            block //= 2
            if block < least:
                device, block = "cpu", least << _HALVINGS
        # Outside of the `except`, so that the frames of the error hold no tensors any more.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return compute("cpu", block)


def eigenvalues_batched(
    w: torch.Tensor, dtype: torch.dtype = torch.float64, device: str | torch.device = "cpu"
) -> NDArray[np.float64]:
    """`eigenvalues` of each matrix of a batch.

    Args:
        w: (batch, rows, cols).

    Returns:
        (batch, min(rows, cols)), each row ascending.
    """
    return np.maximum(where_it_fits(partial(_batched, w.detach(), dtype), device, _BLOCK), 0.0)


def _batched(
    w: torch.Tensor, dtype: torch.dtype, device: str | torch.device, block: int
) -> NDArray[np.float64]:
    batch, rows, cols = w.shape
    m = min(rows, cols)
    out = np.empty((batch, m))
    step = max(1, block // (rows * cols))
    for start in range(0, batch, step):
        some = w[start : start + step].to(device=device, dtype=dtype)
        if m == 1:
            out[start : start + step, 0] = some.square().sum(dim=(1, 2)).cpu().numpy()
            continue
        gram = some.mT @ some if cols <= rows else some @ some.mT
        out[start : start + step] = torch.linalg.eigvalsh(gram).cpu().numpy()
    if dtype == torch.float64 and m > 1:
        for i in np.flatnonzero(out[:, 0] < _noise(out[:, -1], m)):
            out[i] = np.sort(_squared_singular_values(w[i], device, block))
    return out


def _noise(largest: float | NDArray[np.float64], m: int) -> float | NDArray[np.float64]:
    """Below this an eigenvalue of a float64 Gram matrix may be some percent off, or noise."""
    noise: float | NDArray[np.float64] = 30 * np.sqrt(m) * np.finfo(np.float64).eps * largest
    return noise


def _blocks(w: torch.Tensor, block: int) -> tuple[torch.Tensor, int]:
    """W with its longer side first, and the rows of one block."""
    tall = w if w.shape[0] >= w.shape[1] else w.mT
    return tall, max(1, block // tall.shape[1])


def _gram_cpu(
    w: torch.Tensor, dtype: torch.dtype, release: Callable[[], None], elements: int
) -> torch.Tensor:
    """One triangle of the Gram matrix by symmetric rank-k updates: half a product's flops."""
    double = dtype == torch.float64
    syrk = blas.dsyrk if double else blas.ssyrk
    tall, step = _blocks(w, elements)
    m = tall.shape[1]
    gram = np.zeros((m, m), dtype=np.float64 if double else np.float32, order="F")
    for start in range(0, tall.shape[0], step):
        # BLAS reads columns first: a row-major block is its own transpose.
        if tall.is_contiguous():
            block = tall[start : start + step].to(dtype).numpy().T
            gram = syrk(1.0, block, beta=1.0, c=gram, trans=0, lower=0, overwrite_c=1)
            release()
        else:
            block = _strip(tall.mT[:, start : start + step], dtype, release).numpy().T
            gram = syrk(1.0, block, beta=1.0, c=gram, trans=1, lower=0, overwrite_c=1)
    # The upper triangle, columns first, is the lower one, rows first: the one eigvalsh reads.
    return torch.from_numpy(gram.T)


def _strip(w: torch.Tensor, dtype: torch.dtype, release: Callable[[], None]) -> torch.Tensor:
    """A contiguous copy of some columns, made some rows at a time: each row is another page."""
    out = torch.empty(w.shape, dtype=dtype)
    for start in range(0, len(w), _ROWS):
        out[start : start + _ROWS] = w[start : start + _ROWS]
        release()
    return out


def _gram(
    w: torch.Tensor,
    dtype: torch.dtype,
    device: str | torch.device,
    release: Callable[[], None],
    elements: int,
) -> torch.Tensor:
    tall, step = _blocks(w, elements)
    gram = torch.zeros(tall.shape[1], tall.shape[1], dtype=dtype, device=device)
    for start in range(0, tall.shape[0], step):
        block = tall[start : start + step].to(device=device, dtype=dtype)
        release()
        gram.addmm_(block.mT, block)
    return gram


def _squared_singular_values(
    w: torch.Tensor,
    device: str | torch.device,
    block: int,
    release: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """From the R of a QR decomposition taken block by block, so that only M × M is held."""
    tall, step = _blocks(w, block)
    step = max(step, tall.shape[1])
    r = torch.empty(0, tall.shape[1], dtype=torch.float64, device=device)
    for start in range(0, tall.shape[0], step):
        rows = tall[start : start + step].to(device=device, dtype=torch.float64)
        release()
        r = torch.linalg.qr(torch.cat([r, rows]), mode="r").R
    squared = torch.linalg.svdvals(r).square()
    return np.asarray(squared.cpu().numpy(), dtype=np.float64)
