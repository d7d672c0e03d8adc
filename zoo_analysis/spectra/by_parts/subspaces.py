"""Leading singular directions of several matrices, and how far they are the same."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh

from zoo_analysis.spectra.gram import gram_matrix


def leading_directions(
    w: torch.Tensor,
    k: int,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "cpu",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Bases of the left and the right singular vectors of the k largest singular values.

    They come from the eigenvectors of the smaller Gram matrix, of which no more than k are made;
    those of values that are 0 are left out.

    Args:
        w: (rows, columns), finite, any floating dtype.
        k: how many, at most min(rows, columns).
        dtype: float64 or float32, the precision of the Gram matrix and the eigenproblem.
        device: where to compute.

    Returns:
        (rows, k) and (columns, k) in float64, orthonormal, those of the largest value last.
    """
    w = w.to(device)
    gram = gram_matrix(w, dtype, device)
    side = len(gram)
    if gram.device.type == "cpu":
        least = (side - k, side - 1)
        values, near = map(torch.from_numpy, eigh(gram.numpy(), subset_by_index=least))
    else:
        values, near = (each[..., -k:] for each in torch.linalg.eigh(gram))
    near = near[:, values > values[-1] * max(w.shape) * torch.finfo(dtype).eps]
    wide = w.shape[0] < w.shape[1]
    far = torch.linalg.qr(((w.mT if wide else w) @ near.to(w.dtype)).double()).Q
    near = near.double()
    return (near, far) if wide else (far, near)


def subspace_overlap(
    matrices: torch.Tensor | Sequence[torch.Tensor], k: int
) -> NDArray[np.float64]:
    """Overlap of the leading subspaces of several matrices, such as experts: ‖U_iᵀ U_j‖² / k.

    U_i are the k first left singular vectors: 1 for the same subspace, k/rows on average for
    unrelated ones.

    Args:
        matrices: (count, rows, columns), finite.
        k: dimension of the subspaces, at most min(rows, columns).

    Returns:
        (count, count), symmetric, 1 on the diagonal.

    Raises:
        ValueError: no subspace has this dimension.
    """
    most = min(matrices[0].shape)
    if not 1 <= k <= most:
        raise ValueError(f"k is {k}: a subspace has from 1 to {most} dimensions")
    return overlaps([leading_directions(w, k)[0] for w in matrices])


def overlaps(bases: Sequence[torch.Tensor]) -> NDArray[np.float64]:
    """‖U_iᵀ U_j‖² / k of orthonormal bases, k being the dimension of the smaller one.

    Args:
        bases: (rows, k) each.

    Returns:
        (count, count), symmetric, 1 on the diagonal; NaN with one that has no dimension.
    """
    sizes = torch.tensor([basis.shape[1] for basis in bases], dtype=torch.float64)
    joined = torch.cat(list(bases), dim=1)
    which = torch.repeat_interleave(torch.arange(len(bases)), sizes.long()).to(joined.device)
    shared = torch.zeros(len(bases), joined.shape[1], dtype=joined.dtype, device=joined.device)
    shared.index_add_(0, which, (joined.mT @ joined).square())
    both = torch.zeros(len(bases), len(bases), dtype=joined.dtype, device=joined.device)
    both.index_add_(1, which, shared)
    with np.errstate(invalid="ignore"):
        return np.asarray(both.cpu().numpy() / np.minimum.outer(sizes.numpy(), sizes.numpy()))
