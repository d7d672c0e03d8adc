"""Similarity of weights after permutations, signs and rotations of a network are undone."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.kernels.hsic import debiased, inner

#: Dimensions beyond which the assignment, cubic in their number, takes minutes.
_MOST: Final = 8192


def stream_alignment(
    a: torch.Tensor, b: torch.Tensor
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The dimension of b's stream that is each of a's, and the factor by which it is larger there.

    Whatever order, signs and scales the dimensions of one model were given, its inputs are the
    other's: columns over the same inputs are matched by |cosine|, one to one, and their lengths
    tell the scales. What reads a dimension that is so many times larger has weights so many times
    smaller.

    Args:
        a: (inputs × d) what each input adds to the stream.
        b: (inputs × d), likewise, of the same inputs in the same order; of more in one model the
            first are taken.

    Returns:
        (d,) dimensions of b, and (d,) factors, with their signs.

    Raises:
        SimilarityError: streams of different widths, or too wide; no input in common.

    Source: the alignment of AWM (2025), arXiv 2510.06738, by the assignment problem of embeddings.
    """
    from scipy.optimize import linear_sum_assignment

    n = min(len(a), len(b))
    if a.shape[1] != b.shape[1] or not n or a.shape[1] > _MOST:
        raise SimilarityError(
            f"streams of {a.shape[1]} and {b.shape[1]} dimensions over {n} shared inputs cannot "
            f"be aligned: both need one width, of {_MOST} at most"
        )
    x, y = a[:n].double(), b[:n].double()
    sizes = x.norm(dim=0).numpy(), y.norm(dim=0).numpy()
    products = (x.T @ y).cpu().numpy()
    lengths = np.outer(*sizes)
    cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    own, partner = linear_sum_assignment(np.abs(cosines), maximize=True)
    told = lengths[own, partner] > 0
    factors = np.ones(len(partner))
    np.divide(sizes[1][partner], sizes[0], out=factors, where=told)
    factors[cosines[own, partner] < 0] *= -1
    return partner, factors


def aligned_cka(
    basis_a: torch.Tensor,
    basis_b: torch.Tensor,
    layers: Mapping[str, tuple[torch.Tensor, torch.Tensor]],
) -> dict[str, float]:
    """CKA without bias of the layers that read a stream, once its dimensions are aligned.

    CKA with the dimensions as samples does not see how the outputs of a layer are permuted or
    rotated; without bias it is about 0 for unrelated layers, however many outputs they have.

    Args:
        basis_a: (inputs × d), see `stream_alignment`.
        basis_b: likewise.
        layers: of each, W (d × outputs) in either model; the numbers of outputs may differ.

    Returns:
        A value in [−1, 1] of each layer; those of which nothing is left without bias are missing.

    Raises:
        SimilarityError: see `stream_alignment`.

    Source: AWM (2025), arXiv 2510.06738; HSIC without bias of Song et al. 2012.
    """
    partner, factors = stream_alignment(basis_a, basis_b)
    index, factor = torch.from_numpy(partner), torch.from_numpy(factors)[:, None]
    values: dict[str, float] = {}
    for layer, (a, b) in layers.items():
        try:
            values[layer] = inner(debiased(a.double()), debiased(b.double()[index] * factor))
        except SimilarityError:
            continue
    return values
