"""Layers whose units are their own: those by which independence can be tested exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch

from zoo_analysis.weights import LayerSpec, kernel_dims

#: Roles of layers whose outputs have no order that the architecture gives: not the words of an
#: embedding or the classes of a head, not the frequencies within an attention's heads.
_UNORDERED: Final = {"stem", "conv", "mlp", "expert", "other"}
_ATTENTION: Final = {"q", "k", "v", "qkv", "attention"}


@dataclass(frozen=True)
class UnitLayer:
    """A layer whose outputs are hidden units of its own.

    Attributes:
        spec: the layer.
        units: n; half its outputs where each unit has a gate and a value among them.
    """

    spec: LayerSpec
    units: int


def unit_layers(specs: Sequence[LayerSpec]) -> list[UnitLayer]:
    """The layers whose outputs are hidden units that no other of these layers has too.

    Such a layer is followed, within the same numbered block, by one that takes as many inputs as it
    has outputs: the pair encloses the units, which may be permuted in both without any change. A
    square matrix is none, for it may map what a residual stream carries onto itself, and then its
    rows and its columns are permuted together; nor is what writes into a stream, which many layers
    share. Of layers of a block with equally many outputs the first alone counts, for the others may
    give theirs to the same sum.

    Args:
        specs: of all matrices of a model, in the order of depth.
    """
    found: dict[tuple[str, int], UnitLayer] = {}
    for spec, after in pairwise(specs):
        groups, out, into, _ = kernel_dims(spec)
        next_groups, _, next_into, _ = kernel_dims(after)
        taken, block = next_groups * next_into, _block(spec.layer)
        gated = spec.role == "mlp" and out == 2 * taken
        units = out // 2 if gated else out
        enclosed = units == taken or ("conv" in spec.kind and "conv" not in after.kind)
        if (
            spec.role in _UNORDERED
            and after.role not in _ATTENTION
            and groups == 1
            and into not in (units, out)
            and enclosed
            and taken % units == 0
            and block == _block(after.layer)
        ):
            found.setdefault((block, units), UnitLayer(spec, units))
    return list(found.values())


def unit_rows(kernel: torch.Tensor, layer: UnitLayer, most: int) -> torch.Tensor:
    """The weights with which each unit takes its inputs (n × d).

    Args:
        kernel: of the layer, (1, out, in, …).
        layer: the layer.
        most: units, the first of them; of fewer units the test is as exact.
    """
    rows = kernel[0].flatten(1)
    parts = torch.split(rows, layer.units)  # the gates, then the values
    return torch.cat([part[:most] for part in parts], dim=1).float()


def _block(layer: str) -> str:
    """The module path up to its last number that is not the layer's own: of a numbered block."""
    parents = layer.partition("[")[0].split(".")[:-1]
    while parents and not parents[-1].isdecimal():
        parents.pop()
    return ".".join(parents)
