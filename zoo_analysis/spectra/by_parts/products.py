"""Products of matrices that no change of basis between them alters, by their factors alone."""

from collections.abc import Iterator

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
    return _evals(_triangle(a) @ _triangle(b).mT)


def head_products(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, o: torch.Tensor, heads: int, kv_heads: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Spectra of W_Qᵀ·W_K and W_O·W_V, head by head, as `head_cores` takes them.

    Returns:
        (heads, width) and (heads, value width) eigenvalues, each row ascending.

    Raises:
        ValueError: sides that the heads do not divide evenly, or that do not fit each other.
    """
    qk, ov = zip(*head_cores(q, k, v, o, heads, kv_heads), strict=True)
    return np.stack([_evals(core) for core in qk]), np.stack([_evals(core) for core in ov])


def head_cores(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, o: torch.Tensor, heads: int, kv_heads: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Small matrices with the singular values of W_Qᵀ·W_K and W_O·W_V, head by head.

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

    Yields:
        Of each head R_Q R_Kᵀ and R_O R_Vᵀ of the triangular factors, in float64: as wide as the
        head, or as the network where that is narrower.

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
    each = heads // kv_heads
    for served in range(kv_heads):
        key = _triangle(k[served * width : (served + 1) * width].mT)
        read = _triangle(v[served * value : (served + 1) * value].mT)
        for head in range(served * each, (served + 1) * each):
            query = _triangle(q[head * width : (head + 1) * width].mT)
            output = _triangle(o[:, head * value : (head + 1) * value])
            yield query @ key.mT, output @ read.mT


def _triangle(x: torch.Tensor) -> torch.Tensor:
    """The triangular factor of X = QR, which has its singular values and right singular vectors."""
    r: torch.Tensor = torch.linalg.qr(x.to(torch.float64), mode="r").R
    return r


def _evals(core: torch.Tensor) -> NDArray[np.float64]:
    values = torch.linalg.svdvals(core).square().flip(0)
    return np.asarray(values.cpu().numpy())
