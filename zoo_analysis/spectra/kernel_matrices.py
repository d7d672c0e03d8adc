"""A convolution kernel as matrices."""

from collections.abc import Iterator
from math import prod

import torch


def slices(kernel: torch.Tensor) -> torch.Tensor:
    """The matrices of a kernel's positions.

    Args:
        kernel: (groups, out/groups, in/groups, *spatial).

    Returns:
        (groups · positions, out/groups, in/groups), a view where it can be.
    """
    groups, rows, cols = kernel.shape[:3]
    flat = kernel.reshape(groups, rows, cols, -1)
    return flat.permute(0, 3, 1, 2).reshape(-1, rows, cols)


def flattened(kernel: torch.Tensor) -> torch.Tensor:
    """Each group unrolled: (groups, out/groups, in/groups · positions)."""
    return kernel.reshape(kernel.shape[0], kernel.shape[1], -1)


def fft_blocks(kernel: torch.Tensor, size: int) -> Iterator[tuple[torch.Tensor, int]]:
    """The blocks of the block-diagonal form of a circular convolution.

    A stride-1 convolution of n × … × n inputs with periodic boundaries has the singular values of
    its transfer matrices, the kernel's Fourier transform at each frequency (Sedghi, Gupta & Long
    2019, “The singular values of convolutional layers”). Of each pair of conjugate frequencies,
    which share their singular values, one is given.

    Args:
        kernel: (groups, out/groups, in/groups, *spatial).
        size: n, at least the kernel's largest side.

    Yields:
        A complex (groups, out/groups, in/groups) block, and for how many frequencies it stands.

    Raises:
        ValueError: the grid is smaller than the kernel.
    """
    spatial = kernel.shape[3:]
    if spatial and size < max(spatial):
        raise ValueError(f"fft_size is {size}: a kernel of side {max(spatial)} needs at least that")
    grid = (size,) * len(spatial)
    dims = tuple(range(3, 3 + len(spatial)))
    transfer = torch.fft.fftn(kernel, s=grid, dim=dims).reshape(*kernel.shape[:3], prod(grid))
    index = torch.arange(prod(grid)).reshape(grid)
    mirrored = index
    for dim in range(len(grid)):
        mirrored = torch.roll(torch.flip(mirrored, (dim,)), 1, dim)
    pairs = zip(index.flatten().tolist(), mirrored.flatten().tolist(), strict=True)
    for frequency, conjugate in pairs:
        if frequency <= conjugate:
            yield transfer[..., frequency], 1 if frequency == conjugate else 2
