"""A weight kernel to its eigenvalues, under a method's treatment of convolutions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.spectra.gram import eigenvalues, eigenvalues_batched
from zoo_analysis.spectra.kernel_matrices import fft_blocks, flattened, slices
from zoo_analysis.spectra.methods import Method
from zoo_analysis.spectra.rounding import noise_bound, rounding_variances


@dataclass(frozen=True)
class Shape:
    """Shape of the matrices that a method makes of a kernel: `matrices` of N × M.

    Attributes:
        n: the longer side.
        m: the shorter side.
        rf: positions of the kernel (its receptive field); 1 for a matrix.
        matrices: how many matrices the kernel becomes.
    """

    n: int
    m: int
    rf: int
    matrices: int

    @property
    def num_evals(self) -> int:
        """Eigenvalues of all matrices together."""
        return self.matrices * self.m


def matrix_shape(groups: int, rows: int, cols: int, spatial: tuple[int, ...], how: Method) -> Shape:
    """The matrices a (groups, rows, cols, *spatial) kernel becomes, without computing anything."""
    if not how.split_groups:
        groups, rows = 1, groups * rows
    rf = math.prod(spatial)
    if is_depthwise((groups, rows, cols, *spatial), how) and how.conv2d != "fft":
        rows, cols, matrices = groups * rows, rf, 1
    elif not spatial:
        matrices = groups
    elif how.conv2d == "flatten":
        cols, matrices = cols * rf, groups
    elif how.conv2d == "fft":
        matrices = groups * _grid_side(how, spatial) ** len(spatial)
    else:
        matrices = groups * rf
    return Shape(max(rows, cols), min(rows, cols), rf, matrices)


def is_depthwise(shape: Sequence[int], how: Method) -> bool:
    """A convolution of which each group has one input channel, split into its groups by a method.

    Such groups are no matrices but scalars, one a position. Their kernel is taken as one matrix,
    channels × positions, and has norms but no fit.

    Args:
        shape: (groups, out/groups, in/groups, *spatial).
        how: says whether groups are split.
    """
    return how.split_groups and shape[0] > 1 and shape[2] == 1 and len(shape) > 3


def spectrum(
    kernel: torch.Tensor,
    how: Method,
    device: str | torch.device = "cpu",
    release: Callable[[], None] | None = None,
) -> NDArray[np.float64]:
    """Eigenvalues of each matrix a kernel becomes.

    Args:
        kernel: (groups, out/groups, in/groups, *spatial); a matrix has no spatial sides.
        how: gives the treatment of convolutions, their scale and the precision.
        device: where to compute.
        release: as `eigenvalues` takes it.

    Returns:
        (matrices, M), each row ascending, ≥ 0.
    """
    kernel = kernel.detach()
    dtype = torch.float64 if how.dtype == "float64" else torch.float32
    if not how.split_groups:
        kernel = kernel.flatten(0, 1).unsqueeze(0)
    spatial = kernel.shape[3:]
    if len(spatial) and how.conv2d == "fft":
        return _fft_spectrum(kernel, _grid_side(how, tuple(spatial)), dtype, device)
    batch, scale = _matrices(kernel, how)
    if len(batch) == 1:
        return eigenvalues(batch[0], dtype, device, release)[None] * scale
    return eigenvalues_batched(batch, dtype, device) * scale


def matrices(kernel: torch.Tensor, how: Method) -> torch.Tensor:
    """The matrices whose eigenvalues `spectrum` takes, but for a convolution's scale and `fft`.

    Args:
        kernel: (groups, out/groups, in/groups, *spatial).
        how: gives the treatment of convolutions.

    Returns:
        (matrices, rows, columns), a view where it can be.
    """
    kernel = kernel.detach()
    return _matrices(kernel if how.split_groups else kernel.flatten(0, 1)[None], how)[0]


def rounding_noise(
    kernel: torch.Tensor,
    how: Method,
    stored: torch.dtype,
    evals: NDArray[np.float64],
    release: Callable[[], None] | None = None,
) -> NDArray[np.float64]:
    """Eigenvalues that rounding alone can make of zero, for each matrix that a kernel becomes.

    Independent errors of variance V have a spectral norm of √(largest row sum of V) +
    √(largest column sum of V), to leading order (Bandeira & van Handel 2016), and no singular
    value moves by more than that (Weyl).

    Args:
        kernel: as `spectrum` takes it.
        how: gives the treatment of convolutions and their scale.
        stored: the type that the kernel's entries were rounded to.
        evals: what `spectrum` made of the kernel.
        release: as `eigenvalues` takes it.

    Returns:
        (matrices,); zero for float64, where the tolerance of the arithmetic is the larger one, and
        where the whole spectrum is far from it.
    """
    noise = np.zeros(len(evals))
    if stored == torch.float64 or how.rank == "computed":
        return noise
    kernel = kernel.detach()
    if not how.split_groups:
        kernel = kernel.flatten(0, 1).unsqueeze(0)
    fft = kernel.ndim > 3 and how.conv2d == "fft"
    batch, scale = (slices(kernel), 1.0) if fft else _matrices(kernel, how)
    if not fft:
        bound = noise_bound(evals / scale, batch.shape[1], batch.shape[2], stored) * scale
        spread = np.sqrt(evals[:, -1]) - np.sqrt(evals[:, 0])
        if ((evals[:, 0] > bound) & (spread > 2 * np.sqrt(bound))).all():
            return noise
    by_row, by_col = rounding_variances(batch, stored, release)
    if fft:  # each transfer matrix is a sum over the kernel's positions
        by_row, by_col = (v.reshape(len(kernel), -1, v.shape[1]).sum(1) for v in (by_row, by_col))
    norms = np.sqrt(by_row.max(axis=1)) + np.sqrt(by_col.max(axis=1))
    return np.asarray(np.tile(norms**2 * scale, len(evals) // len(norms)))


def shuffled_spectrum(
    kernel: torch.Tensor, how: Method, device: str | torch.device = "cpu", seed: int = 0
) -> NDArray[np.float64]:
    """`spectrum` of the kernel with all its entries in random order."""
    dtype = torch.promote_types(kernel.dtype, torch.float32)  # numpy has no bfloat16
    entries = kernel.detach().to("cpu", dtype, copy=True).contiguous()
    np.random.default_rng(seed).shuffle(entries.view(-1).numpy())
    return spectrum(entries, how, device)


def _matrices(kernel: torch.Tensor, how: Method) -> tuple[torch.Tensor, float]:
    """The matrices of a kernel as a batch, and the factor of their eigenvalues."""
    spatial = kernel.shape[3:]
    if not len(spatial):
        return kernel, 1.0
    if is_depthwise(kernel.shape, how):
        return kernel.reshape(1, -1, spatial.numel()), 1.0
    if how.conv2d == "flatten":
        return flattened(kernel), 1.0
    return slices(kernel), spatial.numel() / 2 if how.conv_scale == "kernel" else 0.5


def _grid_side(how: Method, spatial: tuple[int, ...]) -> int:
    return max(how.fft_size, *spatial)


def _fft_spectrum(
    kernel: torch.Tensor, size: int, dtype: torch.dtype, device: str | torch.device
) -> NDArray[np.float64]:
    rows: list[NDArray[np.float64]] = []
    for block, times in fft_blocks(kernel.to(device=device, dtype=dtype), size):
        gram = block.mH @ block if block.shape[2] <= block.shape[1] else block @ block.mH
        values = np.maximum(torch.linalg.eigvalsh(gram).cpu().numpy().astype(np.float64), 0.0)
        rows.extend([values] * times)
    return np.concatenate(rows)
