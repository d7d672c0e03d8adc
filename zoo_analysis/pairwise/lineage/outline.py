"""Layers of a model that kinship can be told by: chosen by names and shapes, no weight is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from zoo_analysis.pairwise.lineage.own_units import UnitLayer, unit_layers
from zoo_analysis.weights import LayerSpec, kernel_dims

#: Layers with units of their own, and layers that read the stream; of more, some evenly spaced.
_UNIT_LAYERS, _READERS = 8, 6
#: Roles of layers that take a residual stream as their input.
_READING: Final = {"q", "k", "v", "qkv", "mlp", "expert", "conv", "head", "other"}

#: A layer's name and shape, by which two models' layers belong together.
Name = tuple[str, tuple[int, ...]]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Outline:
    """The layers of a model that kinship can be told by.

    Attributes:
        specs: matrices that can be read, in the order of depth.
        own: by name, layers with hidden units of their own, some of them.
        first: the embedding of words, else the first layer; None where there is no layer.
        readers: layers that take the stream as their input, some of them.
        left_out: names of the matrices that nothing is told by, by the reason.
    """

    specs: tuple[LayerSpec, ...]
    own: Mapping[str, UnitLayer]
    first: LayerSpec | None
    readers: frozenset[str]
    left_out: Mapping[str, tuple[str, ...]]

    @property
    def words(self) -> bool:
        """True where the stream's dimensions are told by an embedding of words."""
        return self.first is not None and self.first.kind == "embedding"

    @property
    def width(self) -> int:
        """Dimensions of the residual stream, or of the first hidden layer; 0 without layers."""
        if self.first is None:
            return 0
        groups, out, into, _ = kernel_dims(self.first)
        return into if self.words else groups * out

    @property
    def names(self) -> frozenset[Name]:
        """Its matrices."""
        return frozenset((spec.layer, spec.shape) for spec in self.specs)


def outline_of(specs: Sequence[LayerSpec]) -> Outline:
    """The outline of a model.

    Args:
        specs: of all its matrices, in the order of depth; parts of others are passed over.
    """
    whole = [spec for spec in specs if spec.part_of is None]
    left: dict[str, list[str]] = {}
    for spec in whole:
        if (reason := _reason(spec)) is not None:
            left.setdefault(reason, []).append(spec.layer)
    kept = tuple(spec for spec in whole if _reason(spec) is None)
    first = next((s for s in kept if s.kind == "embedding"), kept[0] if kept else None)
    own = {each.spec.layer: each for each in _evenly(unit_layers(kept), _UNIT_LAYERS)}
    found = Outline(kept, own, first, frozenset(), {why: tuple(of) for why, of in left.items()})
    readers = frozenset(spec.layer for spec in _evenly(_reading(found), _READERS))
    return Outline(kept, own, first, readers, found.left_out)


def comparable(a: Outline, b: Outline) -> bool:
    """True where a number of the two models' kinship can be had: a layer of one name and shape.

    Args:
        a: one model's outline.
        b: the other's.
    """
    return not a.names.isdisjoint(b.names)


def _reason(spec: LayerSpec) -> str | None:
    """Why nothing is told by a layer; None where something is."""
    return "update of an adapter" if spec.rank is not None else spec.status


def _reading(outline: Outline) -> list[LayerSpec]:
    """Layers that take the stream as their input; heads only for want of others."""
    found = [
        spec
        for spec in outline.specs
        if spec is not outline.first
        and spec.role in _READING
        and kernel_dims(spec)[0] == 1
        and kernel_dims(spec)[2] == outline.width
    ]
    return [spec for spec in found if spec.role != "head"] or found


def _evenly(things: Sequence[_T], most: int) -> list[_T]:
    if len(things) <= most:
        return list(things)
    return [things[i] for i in np.linspace(0, len(things) - 1, most).round().astype(int)]
