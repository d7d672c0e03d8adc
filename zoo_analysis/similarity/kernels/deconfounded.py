"""Deconfounded CKA: what two layers share beyond what both have from their input."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.kernels.hsic import Kernel, inner, linear
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import UP_TO_ROTATION, Measure


@dataclass(frozen=True)
class Confounded:
    """A layer's kernel K beside that of the input, K₀, both centred and of unit norm.

    Attributes:
        kernel: K.
        share: ρ = ⟨K, K₀⟩, the coefficient of the regression of K on K₀.
    """

    kernel: Kernel
    share: float

    def reordered(self, order: torch.Tensor) -> Confounded:
        """The same of the samples in another order (n,), each with its input."""
        return Confounded(self.kernel.reordered(order), self.share)


def _regressed(arrays: tuple[Any, Any]) -> tuple[Kernel, Kernel, float]:
    """K, K₀ and ρ = ⟨K, K₀⟩ of activations (n × d) and the inputs (n × p) that they come from.

    Raises:
        SimilarityError: see `inner` and `linear`; also activations that the input explains whole.
    """
    activations, inputs = arrays
    # in float64: a layer near the input leaves a small difference of large numbers
    kernel, confounder = linear(activations, torch.float64), linear(inputs, torch.float64)
    share = inner(kernel, confounder)
    if 1 - share**2 <= 1e-12:
        raise SimilarityError(
            f"activations of shape {kernel.shape} are their inputs, of shape {confounder.shape}, "
            "but for a rotation: nothing is left to compare once these are regressed out"
        )
    return kernel, confounder, share


def _prepare(arrays: tuple[Any, Any]) -> Confounded:
    kernel, _, share = _regressed(arrays)
    return Confounded(kernel, share)


def _prepare_semidefinite(arrays: tuple[Any, Any]) -> Kernel:
    """The positive semidefinite part of K − ρK₀, of unit norm."""
    kernel, confounder, share = _regressed(arrays)
    values, vectors = torch.linalg.eigh(_dense(kernel) - share * _dense(confounder))
    positive = values > 0  # never none: a residual orthogonal to K₀ is not negative throughout
    values = values[positive] / values[positive].norm()
    return Kernel(kernel.shape, features=vectors[:, positive] * values.sqrt())


def _dense(kernel: Kernel) -> torch.Tensor:
    if kernel.gram is not None:
        return kernel.gram
    assert kernel.features is not None
    return kernel.features @ kernel.features.T


def _compare(a: Confounded, b: Confounded) -> float:
    left = inner(a.kernel, b.kernel) - a.share * b.share
    value = left / sqrt((1 - a.share**2) * (1 - b.share**2))
    return min(max(value, -1.0), 1.0)


def dcka(x: Any, y: Any, inputs: Any) -> float:
    """Linear CKA of what is left of each Gram matrix after regression on the input's.

    The regression, with intercept, is over all n² entries of the centred matrices, whose mean is 0;
    so the residual is K − ρK₀ and deconfounded CKA the partial correlation of the kernels,
    (⟨K, L⟩ − ρσ) / √((1 − ρ²)(1 − σ²)), ρ = ⟨K, K₀⟩, σ = ⟨L, K₀⟩. The residual is taken as it is,
    negative eigenvalues included; the measure `dcka_psd` removes them, as the paper does.

    Args:
        x: (n × d₁).
        y: (n × d₂), of the same samples.
        inputs: (n × p), what went into both networks.

    Returns:
        In [−1, 1].

    Raises:
        SimilarityError: different n, naming both shapes; a layer that is its input but for a
            rotation; see also `linear`.

    Source: Cui, Kumar, Marttinen & Kaski 2022, arXiv 2202.00095.
    """
    return _compare(_prepare((x, inputs)), _prepare((y, inputs)))


#: `dcka` whose arrays are pairs: ``(activations, inputs)``, with the same inputs in both. What the
#: invariances allow may be done to the activations; the inputs stay.
dcka_measure = Measure(
    name="dcka",
    prepare=_prepare,
    compare=_compare,
    reordered=Confounded.reordered,
    of="activations",
    range=(-1.0, 1.0),
    higher="more alike",
    needs=frozenset({"inputs"}),
    invariant_to=UP_TO_ROTATION,
    source="Cui, Kumar, Marttinen & Kaski 2022, arXiv 2202.00095",
)

#: CKA of the residuals' positive semidefinite parts: their negative eigenvalues are removed, as the
#: paper does before the comparison. Where `dcka` is 0 for layers that share nothing but the input,
#: this is above 0, for two such parts are never at more than a right angle; it takes n³ a layer.
dcka_psd = Measure(
    name="dcka_psd",
    prepare=_prepare_semidefinite,
    compare=inner,
    reordered=Kernel.reordered,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    needs=frozenset({"inputs"}),
    invariant_to=UP_TO_ROTATION,
    max_samples=1024,
    source="Cui, Kumar, Marttinen & Kaski 2022, arXiv 2202.00095",
)

MEASURES: tuple[Measure, ...] = (dcka_measure, dcka_psd)
