"""Measures of the directions that two arrays span: overlap, and shapes partly whitened."""

from __future__ import annotations

from functools import partial
from math import acos, pi
from typing import Final, get_args

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import same_samples
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import UP_TO_ROTATION, Invariance, Measure
from zoo_analysis.similarity.shapes.cca import Subspace, correlations, subspace

#: Invertible maps of the neurons, and what is one of them.
_WHATEVER: Final[frozenset[Invariance]] = frozenset(get_args(Invariance))


def _overlap(a: Subspace, b: Subspace) -> float:
    wider = max(a.basis.shape[1], b.basis.shape[1])
    return min(float(correlations(a, b).square().sum()) / wider, 1.0)


def _angle(alpha: float, a: Subspace, b: Subspace) -> float:
    """The angle after the best rotation, of singular values αs + 1 − α."""
    same_samples(a.shape, b.shape)
    p, q = (_whitened(each, alpha) for each in (a, b))
    return acos(min(float(torch.linalg.svdvals(p.T @ q.to(p.device)).sum()), 1.0))


def _whitened(a: Subspace, alpha: float) -> torch.Tensor:
    weights = alpha * a.loadings.square().sum(1).sqrt() + 1 - alpha
    return a.basis * (weights / weights.square().sum().sqrt())


def shape_by(alpha: float) -> Measure:
    """The angle of two shapes that are whitened in part, a metric.

    With the singular values s of an array X that is centred and has Frobenius norm 1, neurons are
    multiplied by αI + (1 − α)(XᵀX)^(−1/2), which makes αs + 1 − α of them, and arrays of norm 1 are
    at the angle arccos ‖XᵀY‖_* after the best rotation. α = 1 is `procrustes_angular`, α = 0 the
    arc cosine of Σρ / √(r₁r₂), of canonical correlations.

    Args:
        alpha: between 0 (all directions alike) and 1 (by their variance).

    Raises:
        SimilarityError: α outside.

    Source: Williams, Kunz, Kornblith & Linderman 2021, arXiv 2110.14739.
    """
    if not 0 <= alpha <= 1:
        raise SimilarityError(f"alpha {alpha:g} is not between 0 and 1")
    return Measure(
        name="shape_half" if alpha == 0.5 else f"shape_{alpha:g}",
        prepare=subspace,
        compare=partial(_angle, alpha),
        reordered=Subspace.reordered,
        of="activations",
        range=(0.0, pi / 2),
        higher="less alike",
        invariant_to=_WHATEVER if alpha == 0 else UP_TO_ROTATION,
        source="Williams, Kunz, Kornblith & Linderman 2021, arXiv 2110.14739",
    )


#: ‖QᵀP‖² / max(r₁, r₂) of orthonormal bases of what the centred arrays span, Σρ² over the greater
#: number of directions: 1 only where both span the same.
eigenspace_overlap = Measure(
    name="eigenspace_overlap",
    prepare=subspace,
    compare=_overlap,
    reordered=Subspace.reordered,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=_WHATEVER,
    source="May, Zhang, Dao & Ré 2019, arXiv 1909.01264",
)

#: `shape_by` half way between Procrustes and canonical correlations, in radians.
shape_half = shape_by(0.5)

MEASURES: tuple[Measure, ...] = (eigenspace_overlap, shape_half)
