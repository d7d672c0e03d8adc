"""Linear predictivity: how much of one array a ridge regression on the other foretells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import centred, same_samples, tensor
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import UP_TO_ROTATION, Measure

#: Parts of consecutive samples, each foretold from the others.
_FOLDS: Final = 5
#: The penalty, of the mean eigenvalue of the regressors' scatter.
_PENALTY: Final = 1e-2


@dataclass(frozen=True)
class Regressors:
    """An array that others are regressed on, and that is regressed on others.

    Attributes:
        shape: (n, d) of the array.
        values: (n × d) float64, centred, of Frobenius norm 1.
        maps: of each fold, left and right: the fold's rows are left · right · the other rows of
            what is foretold, less its mean; right is None for the identity.
    """

    shape: tuple[int, ...]
    values: torch.Tensor
    maps: tuple[tuple[torch.Tensor, torch.Tensor | None], ...]


def _prepare(x: Any) -> Regressors:
    given = tensor(x)
    n = len(given)
    if n < 2 * _FOLDS:
        raise SimilarityError(
            f"an array of shape {tuple(given.shape)} has too few samples for {_FOLDS} folds: give "
            f"at least {2 * _FOLDS}"
        )
    values = centred(given, torch.float64).values
    return Regressors(
        tuple(given.shape), values, tuple(_map(*_split(values, fold)) for fold in range(_FOLDS))
    )


def _split(values: torch.Tensor, fold: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows outside a fold and those in it, less the mean of those outside."""
    parts = list(torch.tensor_split(values, _FOLDS))
    held_out = parts.pop(fold)
    rest = torch.cat(parts)
    mean = rest.mean(0)
    return rest - mean, held_out - mean


def _map(rest: torch.Tensor, held_out: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    n, d = rest.shape
    narrow = d <= n
    scatter = rest.T @ rest if narrow else rest @ rest.T
    # of a norm of 1: where less than that is in the rest, it foretells the mean
    penalty = _PENALTY * max(float(scatter.trace()), 1e-12) / len(scatter)
    scatter.diagonal().add_(penalty)
    known = held_out if narrow else held_out @ rest.T
    left = torch.cholesky_solve(known.T, torch.linalg.cholesky(scatter)).T
    return left, rest.T if narrow else None


def _foretold(a: Regressors, b: Regressors) -> float:
    """The share of b's variation that a foretells, at least 0."""
    same_samples(a.shape, b.shape)
    missed = whole = 0.0
    for fold, (left, right) in enumerate(a.maps):
        rest, held_out = _split(b.values.to(a.values.device), fold)
        foretold = left @ (rest if right is None else right @ rest)
        missed += float((held_out - foretold).square().sum())
        whole += float(held_out.square().sum())
    return min(max(1 - missed / whole, 0.0), 1.0)


#: R² of the second array's neurons, together, foretold from the first's by ridge regression in
#: five folds of consecutive samples; 0 where the mean foretells them better.
linear_predictivity = Measure(
    name="linear_predictivity",
    prepare=_prepare,
    compare=_foretold,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=UP_TO_ROTATION,
    symmetric=False,
    source="Yamins et al. 2014, doi 10.1073/pnas.1403112111 (by ridge regression)",
)

MEASURES: tuple[Measure, ...] = (linear_predictivity,)
