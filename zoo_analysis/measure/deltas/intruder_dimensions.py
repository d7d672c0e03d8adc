"""Intruder dimensions: leading directions of a tuned matrix that its base does not have."""

from typing import Final

import torch

from zoo_analysis.measure.deltas.shared_directions import has_direction, leading_directions

#: Leading singular vectors that are looked at, and the |cosine| below which one is an intruder.
_LEADING, _APART = 10, 0.5
#: Sides beyond which no matrix is decomposed whole: that is cubic in the shorter one.
LARGEST: Final = 8192


def intruder_dimensions(tuned: torch.Tensor, base: torch.Tensor) -> int | None:
    """The number of the ten leading left singular vectors of a matrix that are new to it.

    A vector is new where its |cosine| with every left singular vector of the base is below 0.5; of
    those the ones with a singular value count. Full fine-tuning makes hardly any, low-rank updates
    some. A grouped convolution is the block-diagonal matrix of its groups: the ten are the leading
    ones of all groups, and each is compared within its own.

    Args:
        tuned: (out × in), or (groups × out × in), finite.
        base: likewise, of the same shape.

    Returns:
        The number; None where a matrix whose shorter side is above `LARGEST` has vectors of which
        Krylov spaces do not tell, see `shared_directions`.

    Source: Shuttleworth, Andreas, Torralba & Sharma 2024, arXiv 2410.21228, with k = 10, ε = 0.5.
    """
    tuned, base = (w[None] if w.ndim == 2 else w for w in (tuned, base))
    if min(tuned.shape[1:]) > LARGEST:
        return _of_large(tuned, base)
    values, vectors = _left_vectors(tuned)
    _, known = _left_vectors(base)
    top = values.flatten().topk(min(_LEADING, values.numel()))
    places = top.indices[top.values > 0]
    group, column = places // values.shape[1], places % values.shape[1]
    leading = vectors[group, :, column]  # (k × out)
    near = torch.einsum("kos,ko->ks", known[group], leading).abs() >= _APART
    return int((~near.any(1)).sum())


def _left_vectors(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared singular values (groups × s), and left singular vectors as columns: zero of zeros."""
    w = w.double()
    if (peak := w.abs().max()) > 0:
        w = w / peak
    out, into = w.shape[1:]
    values, vectors = torch.linalg.eigh(w @ w.mT if out <= into else w.mT @ w)
    if out > into:
        vectors = torch.nn.functional.normalize(w @ vectors, dim=1)
    least = values[:, -1:] * max(out, into) * torch.finfo(w.dtype).eps
    kept = values > least
    return values * kept, vectors * kept[:, None]


def _of_large(tuned: torch.Tensor, base: torch.Tensor) -> int | None:
    """The same of matrices that are only multiplied by vectors."""
    found = []
    for group, w in enumerate(tuned):
        directions = leading_directions(w, _LEADING)
        if directions is None:
            return None
        found += [(float(value), group, x) for value, x in zip(*directions, strict=True)]
    found.sort(key=lambda each: -each[0])
    shared = [has_direction(base[group], x, _APART) for _, group, x in found[:_LEADING]]
    return None if None in shared else shared.count(False)
