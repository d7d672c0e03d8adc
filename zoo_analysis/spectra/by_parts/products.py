"""Products of matrices that no change of basis between them alters, by their factors alone."""

import numpy as np
import torch
from numpy.typing import NDArray


def product_evals(a: torch.Tensor, b: torch.Tensor) -> NDArray[np.float64]:
    """Squared singular values of A·Bᵀ, without forming it.

    With A = Q_A R_A and B = Q_B R_B they are those of R_A R_Bᵀ, r × r instead of n × m.

    Args:
        a: (n, r), any floating dtype.
        b: (m, r).

    Returns:
        min(n, m, r) of them, ascending, ≥ 0; the others are 0.
    """
    r_a, r_b = (torch.linalg.qr(x.to(torch.float64), mode="r").R for x in (a, b))
    values = torch.linalg.svdvals(r_a @ r_b.mT).square().flip(0)
    return np.asarray(values[-min(len(a), len(b), a.shape[1]) :].cpu().numpy())


def head_products(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, o: torch.Tensor, heads: int, kv_heads: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Spectra of W_Qᵀ·W_K and W_O·W_V, head by head.

    An attention head takes its weights in these products alone: any invertible matrix between the
    factors leaves the network as it is, and changes the spectra of the factors (Elhage et al. 2021,
    “A mathematical framework for transformer circuits”: the QK and OV circuits). Biases, norms of
    queries and keys, and rotations by position are left out.

    Args:
        q: (heads · width, d), as torch keeps a linear layer.
        k: (kv_heads · width, d); each serves `heads` / `kv_heads` queries in a row.
        v: (kv_heads · value width, d).
        o: (d, heads · value width).
        heads: of queries.
        kv_heads: of keys and values.

    Returns:
        (heads, width) and (heads, value width) eigenvalues, each row ascending.

    Raises:
        ValueError: sides that the heads do not divide evenly, or that do not fit each other.
    """
    width, value = len(q) // heads, len(v) // kv_heads
    expected = (heads * width, kv_heads * width, kv_heads * value, heads * value)
    if heads % kv_heads or (len(q), len(k), len(v), o.shape[1]) != expected:
        raise ValueError(
            f"{heads} heads and {kv_heads} of keys and values do not fit the sides {len(q)}, "
            f"{len(k)}, {len(v)} and {o.shape[1]} of q, k, v and the output"
        )
    qk, ov = [], []
    for head in range(heads):
        served = head * kv_heads // heads
        query = q[head * width : (head + 1) * width].mT
        qk.append(product_evals(query, k[served * width : (served + 1) * width].mT))
        output = o[:, head * value : (head + 1) * value]
        ov.append(product_evals(output, v[served * value : (served + 1) * value].mT))
    return np.stack(qk), np.stack(ov)


def subspace_overlap(matrices: torch.Tensor, k: int) -> NDArray[np.float64]:
    """Overlap of the leading subspaces of several matrices, such as experts: ‖U_iᵀ U_j‖² / k.

    U_i are the k first left singular vectors: 1 for the same subspace, about k/rows for unrelated
    ones.

    Args:
        matrices: (count, rows, columns).
        k: dimension of the subspaces, at most min(rows, columns).

    Returns:
        (count, count), symmetric, 1 on the diagonal.

    Raises:
        ValueError: no subspace has this dimension.
    """
    if not 1 <= k <= min(matrices.shape[1:]):
        raise ValueError(f"k is {k}: a subspace has from 1 to {min(matrices.shape[1:])} dimensions")
    leading = torch.linalg.svd(matrices.to(torch.float64), full_matrices=False).U[:, :, :k]
    products = torch.einsum("iak,jal->ijkl", leading, leading)
    return np.asarray(products.square().sum(dim=(2, 3)).cpu().numpy() / k)
