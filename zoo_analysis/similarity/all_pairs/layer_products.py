"""Measures of all pairs of layers from one product of them all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from zoo_analysis.similarity.all_pairs.kernel_products import kernel_products
from zoo_analysis.similarity.all_pairs.stacked_layers import StackedLayers
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.neurons.neuron_maxima import Maxima, maxima_by_layer

#: Measures that products of all layers give.
AT_ONCE: Final = ("neuronal", "cka", "cka_debiased")


@dataclass(frozen=True)
class LayerProducts:
    """Values of all layers of a stack A with all of a stack B, from products of them.

    Attributes:
        maxima: of A's neurons (B's layers × A's neurons), and of B's (A's layers × B's neurons);
            None where they were not asked for.
        kernels: of `cka` and `cka_debiased`, as far as they were asked for, (A's layers × B's
            layers) float64 on the CPU; NaN where float32 does not do.
    """

    maxima: tuple[Maxima, Maxima] | None
    kernels: dict[str, torch.Tensor]

    def of(self, layers: slice, neurons: slice) -> LayerProducts:
        """The part of some of B's layers, and their neurons."""
        maxima = self.maxima
        if maxima is not None:
            of_a, of_b = (each.value for each in maxima)
            maxima = Maxima(of_a[layers], None), Maxima(of_b[:, neurons], None)
        return LayerProducts(maxima, {name: of[:, layers] for name, of in self.kernels.items()})


def layer_products(
    a: StackedLayers, b: StackedLayers, measures: Collection[str] = AT_ONCE
) -> LayerProducts:
    """The measures of `AT_ONCE` of each layer of a with each of b.

    With standardised columns P and Q, R = PᵀQ has the correlations of the neurons, and since
    centred activations are X = P√s and Y = Q√t, ‖XᵀY‖² is Σᵢⱼ sᵢtⱼr²ᵢⱼ: one product, of which no
    more than a block is held at a time, serves all three. Where only kernels are asked for and
    their product is the smaller one (`kernel_products`), it is taken.

    Args:
        a: layers.
        b: layers over the same samples.
        measures: those that are asked for.

    Raises:
        SimilarityError: different numbers of samples.
    """
    wanted = [name for name in AT_ONCE[1:] if name in measures]
    if len(a.neurons) < 4 and "cka_debiased" in wanted:  # no number is the right one
        missing = a.shares.new_full((len(a.sizes), len(b.sizes)), torch.nan)
        found = layer_products(a, b, [name for name in measures if name != "cka_debiased"])
        return LayerProducts(found.maxima, found.kernels | {"cka_debiased": missing.cpu()})
    kernels: dict[str, torch.Tensor] = {}
    maxima = None
    if "neuronal" in measures or _neurons_are_fewer(a, b):
        maxima, kernels["cka"] = _of_neurons(a, b)
        if "cka_debiased" in wanted:
            kernels["cka_debiased"] = _debiased(a, b, kernels["cka"])
    else:
        for name in wanted:
            kernels[name] = kernel_products(a, b, debiased=name == "cka_debiased")
            kernels[name] = _where_float32_does(a, b, kernels[name], name)
    chosen = {name: kernels[name].clamp(-1, 1).cpu() for name in wanted}
    return LayerProducts(maxima if "neuronal" in measures else None, chosen)


def _neurons_are_fewer(a: StackedLayers, b: StackedLayers) -> bool:
    """True where PᵀQ takes fewer multiply-adds than kernels, above their diagonals."""
    n, all_a, all_b = len(a.neurons), len(a.shares), len(b.shares)
    return all_a * all_b <= n / 2 * (len(a.sizes) * len(b.sizes) + all_a + all_b)


def _of_neurons(a: StackedLayers, b: StackedLayers) -> tuple[tuple[Maxima, Maxima], torch.Tensor]:
    shares_a, shares_b = a.by_layer(), b.by_layer()
    inner = a.shares.new_zeros(len(a.sizes), len(b.sizes))

    def add(rows: slice, columns: slice, squares: torch.Tensor) -> None:
        of_a, of_b = a.layers_of(rows), b.layers_of(columns)
        inner[of_a, of_b] += shares_a[rows, of_a].T @ (squares @ shares_b[columns, of_b])

    return maxima_by_layer(a.neurons, b.neurons, a.sizes, b.sizes, also=add), inner


def _debiased(a: StackedLayers, b: StackedLayers, cka: torch.Tensor) -> torch.Tensor:
    """What debiasing leaves: a difference, and from kernels where too little is left of them."""
    assert a.taken is not None
    assert b.taken is not None
    found = (cka - a.taken.T @ b.taken) / (a.left[:, None] * b.left).sqrt()
    thin = a.thin[:, None] | b.thin
    if not thin.any():
        return found
    exact = kernel_products(a, b, debiased=True)
    return _where_float32_does(a, b, torch.where(thin, exact, found), "cka_debiased")


def _where_float32_does(
    a: StackedLayers, b: StackedLayers, values: torch.Tensor, name: str
) -> torch.Tensor:
    if name == "cka":
        return values
    return torch.where(a.delicate[:, None] | b.delicate, torch.nan, values)
