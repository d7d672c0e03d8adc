"""Canonical correlations between the subspaces that two sets of neurons span, and their means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import centred, pair, rows, same_samples, tensor
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import UP_TO_ROTATION, Invariance, Measure


@dataclass(frozen=True)
class Subspace:
    """The span of r independent directions of centred neurons X (n × d), r < n − 1.

    Attributes:
        shape: (n, d) of the array.
        basis: Q (n × r), orthonormal columns in order of falling variance, float64.
        loadings: QᵀX (r × d).
    """

    shape: tuple[int, ...]
    basis: torch.Tensor
    loadings: torch.Tensor

    def reordered(self, order: torch.Tensor) -> Subspace:
        """The same of the samples in another order (n,)."""
        return Subspace(self.shape, rows(self.basis, order), self.loadings)


def subspace(x: Any, variance: float = 1.0) -> Subspace:
    """The subspace of an array, in float64: float32 gets directions of little variance wrong.

    From the eigenvectors of XᵀX where they are precise enough, as they are faster, and else by
    singular value decomposition.

    Args:
        x: (n × d).
        variance: keeps the fewest directions that explain this share of it. A direction counts as
            none where its singular value is below the rounding of the data, ε‖X‖ with X as given
            and ε of its type, or of the computation, max(n, d) · 2⁻⁵² · ‖X − mean‖ (norms of
            Frobenius).

    Raises:
        SimilarityError: see `tensor` and `centred`; also as many directions as n samples allow,
            n − 1, where all correlations with whatever else are 1.
    """
    given = tensor(x)
    n, d = given.shape
    c, rounding = centred(given, torch.float64)
    floor = max(rounding, max(n, d) * torch.finfo(c.dtype).eps)
    if d < n:
        squares, v = torch.linalg.eigh(c.T @ c)
        squares, v = squares.flip(0), v.flip(1)
        kept = _kept(squares.clamp(min=0), variance, floor)
        # below, the squares are lost in the rounding of the largest
        if kept < n - 1 and squares[kept - 1 if variance < 1 else -1] > 1e-12:
            root = squares[:kept].sqrt()
            q = c @ (v[:, :kept] / root)
            loadings = (v[:, :kept] * root).T
            if root[-1] < 1e-4:  # q is orthogonal to 1e-16 over its square: twice is enough
                r = torch.linalg.cholesky(q.T @ q, upper=True)
                q = torch.linalg.solve_triangular(r, q, upper=True, left=False)
                loadings = r @ loadings
            return Subspace(tuple(given.shape), q, loadings)
    u, s, vt = torch.linalg.svd(c, full_matrices=False)
    kept = _kept(s.square(), variance, floor)
    if kept >= n - 1:
        raise SimilarityError(
            f"the neurons of an array of shape {tuple(given.shape)} (samples × neurons) span all "
            "that its samples can tell apart, so that every canonical correlation is 1: give more "
            "samples than neurons, or use cka"
        )
    return Subspace(tuple(given.shape), u[:, :kept], s[:kept, None] * vt[:kept])


def _kept(squares: torch.Tensor, variance: float, floor: float) -> int:
    """Number of squared singular values, falling, that explain the variance and are not noise."""
    kept = max(1, int((squares > floor**2).sum()))
    if variance < 1:
        explained = squares.cumsum(0) / squares.sum()
        kept = min(kept, int((explained < variance).sum()) + 1)
    return kept


def correlations(a: Subspace, b: Subspace) -> torch.Tensor:
    """Canonical correlations (min(r₁, r₂)), falling, float64: cosines of the principal angles.

    Raises:
        SimilarityError: different n.
    """
    same_samples(a.shape, b.shape)
    rho: torch.Tensor = torch.linalg.svdvals(a.basis.T @ b.basis)
    return rho.clamp(max=1)


def canonical_correlations(x: Any, y: Any) -> torch.Tensor:
    """Canonical correlations of two arrays (Hotelling 1936), falling, float64.

    Args:
        x: (n × d₁), of rank r₁ once centred.
        y: (n × d₂), of the same samples, of rank r₂.

    Returns:
        (min(r₁, r₂)).

    Raises:
        SimilarityError: see `arrays.pair` and `subspace`.
    """
    a, b = pair(x, y)
    return correlations(subspace(a), subspace(b))


def _room(a: Subspace, b: Subspace) -> None:
    """Refuses subspaces that are too large for the samples not to meet."""
    same_samples(a.shape, b.shape)
    r, s, most = a.basis.shape[1], b.basis.shape[1], a.shape[0] - 1
    if r + s > most:
        raise SimilarityError(
            f"arrays of shapes {a.shape} and {b.shape} (samples × neurons) span {r} and {s} of the "
            f"{most} directions that the samples have, so that {r + s - most} of the {min(r, s)} "
            "canonical correlations are 1 whatever the arrays are: give more samples, or use cka"
        )


def _mean(a: Subspace, b: Subspace) -> float:
    _room(a, b)
    return float(correlations(a, b).mean())


def _mean_squared(a: Subspace, b: Subspace) -> float:
    _room(a, b)
    fewest = min(a.basis.shape[1], b.basis.shape[1])
    return min(float((a.basis.T @ b.basis).square().sum()) / fewest, 1.0)


def _projection_weighted(a: Subspace, b: Subspace) -> float:
    if b.basis.shape[1] < a.basis.shape[1]:
        a, b = b, a
    return _projection_weighted_whole(a, b)


def _projection_weighted_whole(a: Subspace, b: Subspace) -> float:
    _room(a, b)
    u, rho, _ = torch.linalg.svd(a.basis.T @ b.basis)
    projections = u.T @ a.loadings  # of all directions of a: ρ is 0 where b has no more
    alike, met = (int((rho > least).sum()) for least in (1 - 1e-9, 1e-9))
    for equal in (slice(alike), slice(met, None)):
        # any rotation of these variates would do: the principal axes are unique
        _, s, vt = torch.linalg.svd(projections[equal], full_matrices=False)
        projections[equal] = s[:, None] * vt
    weights = projections.abs().sum(1)
    return float((weights[: len(rho)] @ rho.clamp(max=1)) / weights.sum())


#: Mean of the canonical correlations, over the min(r₁, r₂) of them.
cca_mean = Measure(
    name="cca_mean",
    prepare=subspace,
    compare=_mean,
    reordered=Subspace.reordered,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=frozenset(get_args(Invariance)),
    source="Raghu, Gilmer, Yosinski & Sohl-Dickstein 2017, arXiv 1706.05806",
)

#: Mean of their squares: the share of one subspace's variance that lies in the other.
cca_mean_squared = Measure(
    name="cca_mean_squared",
    prepare=subspace,
    compare=_mean_squared,
    reordered=Subspace.reordered,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=cca_mean.invariant_to,
    source="Ramsay, ten Berge & Styan 1984; Kornblith et al. 2019, arXiv 1905.00414",
)

#: Mean canonical correlation of the fewest principal components that explain 99% of the variance.
svcca = Measure(
    name="svcca",
    prepare=partial(subspace, variance=0.99),
    compare=_mean,
    reordered=Subspace.reordered,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=UP_TO_ROTATION,
    source="Raghu, Gilmer, Yosinski & Sohl-Dickstein 2017, arXiv 1706.05806",
)

#: Canonical correlations weighted by Σⱼ |⟨hᵢ, xⱼ⟩|, with hᵢ the unit canonical variates and xⱼ the
#: centred neurons of the array that spans fewer directions, as in google/svcca; of the first where
#: both span as many, so that the order of the arrays matters. (That code's variates are not
#: whitened and its neurons not centred; here they are as in the paper.) Directions that both span,
#: or that are orthogonal to the other, enter by the principal axes that the neurons have in them.
pwcca = Measure(
    name="pwcca",
    prepare=subspace,
    compare=_projection_weighted,
    reordered=Subspace.reordered,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=frozenset({"permutation", "isotropic scaling", "translation"}),
    symmetric=False,
    source="Morcos, Raghu & Bengio 2018, arXiv 1806.05759",
)

#: `pwcca` with the weights spread over all r₁ directions of the first array, as the paper defines
#: them, whichever array spans fewer: those that the second does not reach have correlation 0. So
#: what is deleted from the second array lowers it, where `pwcca` and `cca_mean` look away from it.
pwcca_whole = Measure(
    name="pwcca_whole",
    prepare=subspace,
    compare=_projection_weighted_whole,
    reordered=Subspace.reordered,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=pwcca.invariant_to,
    symmetric=False,
    source="Morcos, Raghu & Bengio 2018, arXiv 1806.05759; as in Ding et al. 2021, 2108.01661",
)

MEASURES: tuple[Measure, ...] = (cca_mean, cca_mean_squared, svcca, pwcca, pwcca_whole)
