"""Similarity of networks from their weights alone: CKA with the inputs' dimensions as samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import tensor
from zoo_analysis.similarity.kernels.hsic import Kernel, inner, linear
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import UP_TO_ROTATION, Measure
from zoo_analysis.similarity.whole import by_last_layers, by_mean_of_pairs


@dataclass(frozen=True)
class WeightSimilarity:
    """Similarity of two fully connected stacks.

    Attributes:
        value: of the whole chains, W₁W₂…W_L from the inputs to the outputs.
        layer_values: (L_a × L_b), of every chain W₁…W_ℓ of one with every chain of the other.
    """

    value: float
    layer_values: NDArray[np.float64]


def chain_factors(weights: Sequence[Any]) -> list[torch.Tensor]:
    """Arrays with the Gram matrices of W₁, W₁W₂, …, W₁W₂…W_L, narrow as the chain's bottleneck.

    A chain P = W₁…W_ℓ (d₀ × d_ℓ) enters CKA through PPᵀ only, and P = FB with F (d₀ × m), m the
    smallest dimension so far; with Bᵀ = QR, PPᵀ = (FRᵀ)(FRᵀ)ᵀ. Neither P nor a kernel wider than m
    is formed.

    Args:
        weights: W_ℓ (d_{ℓ−1} × d_ℓ), inputs × outputs, in the order in which they are applied.

    Returns:
        one factor (d₀ × m_ℓ) a layer, m_ℓ = min(d₀, …, d_ℓ), float64, up to scale.

    Raises:
        SimilarityError: no weights, weights that do not follow each other, or a chain that is 0.
    """
    if not weights:
        raise SimilarityError("a stack without weights cannot be compared: give one matrix a layer")
    factors: list[torch.Tensor] = []
    factor: torch.Tensor | None = None  # F and B; None stands for the identity
    rest: torch.Tensor | None = None
    outputs = len(weights[0])
    for depth, each in enumerate(weights):
        w = tensor(each).double()
        if len(w) != outputs:
            raise SimilarityError(
                f"weights of shape {tuple(w.shape)} (layer {depth}) do not follow a layer of "
                f"{outputs} outputs: give inputs × outputs, in the order of the layers"
            )
        outputs = w.shape[1]
        product = _scaled(w if rest is None else rest @ w, depth)
        if outputs <= len(product):
            factor, rest = product if factor is None else _scaled(factor @ product, depth), None
            factors.append(factor)
        else:
            rest = product
            r = torch.linalg.qr(rest.T, mode="r").R
            factors.append(r.T if factor is None else factor @ r.T)
    return factors


def wcka(weights_a: Sequence[Any], weights_b: Sequence[Any]) -> WeightSimilarity:
    """CKA of chained weight products, of fully connected stacks on the same inputs.

    In the products the order of hidden neurons cancels, and so does the scale of a layer; biases
    and nonlinearities have no part. The input's dimensions are what samples are to `cka`, centred
    likewise. A classifier head on frozen features is a stack of one matrix.

    Args:
        weights_a: W_ℓ (d_{ℓ−1} × d_ℓ), inputs × outputs, in the order in which they are applied.
        weights_b: likewise, with the same d₀; depth and other widths may differ.

    Raises:
        SimilarityError: see `chain_factors`; also different d₀, naming both shapes.

    Source: chained products after Wang, Wang, Liang & Lai 2022, arXiv 2208.04369; CKA after
    Kornblith et al. 2019, arXiv 1905.00414.
    """
    kernels_a = [linear(f) for f in chain_factors(weights_a)]
    kernels_b = [linear(f) for f in chain_factors(weights_b)]
    values = np.array([[_compare(a, b) for b in kernels_b] for a in kernels_a])
    return WeightSimilarity(float(values[-1, -1]), values)


def weight_cka(weights_a: Sequence[Any], weights_b: Sequence[Any]) -> NDArray[np.float64]:
    """CKA of the weights themselves, layer by layer, of two checkpoints of one architecture.

    It compares what each input of a layer does in both, so both must number the layer's inputs
    alike: epochs of one training, or a model and what was fine-tuned from it. Where hidden neurons
    may have been permuted, use `wcka`.

    Args:
        weights_a: W_ℓ (inputs × outputs) of each layer.
        weights_b: likewise.

    Returns:
        (layers,), in [0, 1].

    Raises:
        SimilarityError: different numbers of layers, or of a layer's inputs; see also `linear`.
    """
    if len(weights_a) != len(weights_b):
        raise SimilarityError(
            f"{len(weights_a)} layers cannot be compared with {len(weights_b)} one by one: give "
            "checkpoints of one architecture, or use wcka"
        )
    pairs = zip(weights_a, weights_b, strict=True)
    return np.array([_compare(linear(a), linear(b)) for a, b in pairs])


def _scaled(x: torch.Tensor, depth: int) -> torch.Tensor:
    """Divided by its largest entry: a product of many layers neither overflows nor vanishes."""
    peak = x.abs().max()
    if peak == 0:
        raise SimilarityError(
            f"the product of the weights up to layer {depth} is zero: leave it out"
        )
    return x / peak


def _compare(a: Kernel, b: Kernel) -> float:
    if a.shape[0] != b.shape[0]:
        raise SimilarityError(
            f"weights of shapes {a.shape} and {b.shape} (inputs × outputs) have different inputs: "
            "both need the same inputs in the same order"
        )
    return inner(a, b)


#: `wcka` of one chain with another: the arrays are factors that `chain_factors` gives, or products
#: of weights (inputs × outputs).
wcka_measure = Measure(
    name="wcka",
    prepare=linear,
    compare=_compare,
    of="weights",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=UP_TO_ROTATION,
    whole=by_last_layers,
    chain=chain_factors,
    source="Wang, Wang, Liang & Lai 2022, arXiv 2208.04369; Kornblith et al. 2019",
)

#: `weight_cka` of one layer: the arrays are its weights (inputs × outputs) in either checkpoint.
weight_cka_measure = Measure(
    name="weight_cka",
    prepare=linear,
    compare=_compare,
    of="weights",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=UP_TO_ROTATION,
    whole=by_mean_of_pairs,
    source="Kornblith, Norouzi, Lee & Hinton 2019, arXiv 1905.00414",
)

MEASURES: tuple[Measure, ...] = (wcka_measure, weight_cka_measure)
