"""The books of a checkpoint: what each of its tensors is part of, or why it is part of nothing."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from zoo_analysis.texts import clean
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.layers.omissions import omission
from zoo_analysis.weights.layers.quantized import is_packed
from zoo_analysis.weights.spec import UNMEASURED, LayerSpec, Omission

#: The name of the row that sums all vectors and scalars.
VECTORS: Final = "*"


@dataclass(frozen=True)
class LeftOut:
    """A tensor of a model that no layer is made of, or several whose names differ by numbers.

    Attributes:
        tensor: its name, or a pattern of several: their numbers are ``*``; of buffers the last part
            of the name (``*.running_mean``), and ``*`` alone are all vectors.
        count: of tensors.
        elements: of all of them: weights that they encode, where they are packed and that is known.
        reason: why.
    """

    tensor: str
    count: int
    elements: int
    reason: Omission

    def __post_init__(self) -> None:
        clean(self)


@dataclass(frozen=True)
class Inventory:
    """All tensors of a model: its layers, and what is left out.

    Elements of the tensors of the layers with numbers and of those left out add up to `total`.

    Attributes:
        layers: in the order of the network.
        left_out: what no number comes from.
        total: elements of all floating and packed tensors, tied ones once.
        measured: of those, elements that belong to layers which can be measured.
    """

    layers: tuple[LayerSpec, ...]
    left_out: tuple[LeftOut, ...]
    total: int
    measured: int

    @property
    def coverage(self) -> float | None:
        """The share of what lies in matrices that is measured; None where there are none."""
        missing = sum(row.elements for row in self.left_out if row.reason in UNMEASURED)
        return self.measured / (self.measured + missing) if self.measured + missing else None


def inventory_of(
    checkpoint: Checkpoint, layers: Sequence[LayerSpec], known: Mapping[str, Omission]
) -> Inventory:
    """The books of `checkpoint`.

    Args:
        checkpoint: an open checkpoint.
        layers: all that are made of its tensors.
        known: by tensors that are part of no layer, why, where it is known already.
    """
    made_of, unread, logical = _made_of(layers)
    seen: set[tuple[object, ...]] = set()
    total = measured = 0
    rows: dict[tuple[str, Omission], list[tuple[str, int]]] = defaultdict(list)
    places = [*made_of, *(name for name in checkpoint.tensors if name not in made_of)]
    for name in places:
        info = checkpoint.tensors[name]
        if not (on_the_books(info) or name in made_of):
            continue
        place = (info.storage, info.shape)
        if info.nbytes and place in seen:
            continue
        seen.add(place)
        elements = logical.get(name, math.prod(info.shape))
        total += elements
        if name in made_of and name not in unread:
            measured += elements
            continue
        told = unread.get(name) or known.get(name) or checkpoint.reasons.get(name)
        reason = told or omission(info, checkpoint.tensors)
        rows[_pattern(name, reason), reason].append((name, elements))
    for info, reason in checkpoint.aside:
        if info.nbytes and (info.storage, info.shape) in seen:
            continue
        seen.add((info.storage, info.shape))
        elements = math.prod(info.shape)
        total += elements
        rows[_pattern(info.name, reason), reason].append((info.name, elements))
    left_out = (
        LeftOut(
            found[0][0] if len(found) == 1 and pattern != VECTORS else pattern,
            len(found),
            sum(elements for _, elements in found),
            reason,
        )
        for (pattern, reason), found in rows.items()
    )
    return Inventory(tuple(layers), tuple(left_out), total, measured)


def on_the_books(info: TensorInfo) -> bool:
    """True for a tensor of weights: floating, or a scheme that codes them; not for indices."""
    return (
        info.coded is not None
        or info.dtype.startswith(("float", "bfloat", "complex"))
        or is_packed(info)
    )


def _made_of(
    layers: Sequence[LayerSpec],
) -> tuple[dict[str, None], dict[str, Omission], dict[str, int]]:
    """Tensors of layers; those without numbers, and why; weights that coded ones encode."""
    made_of: dict[str, None] = {}
    unread: dict[str, Omission] = {}
    logical: dict[str, int] = {}
    for spec in layers:
        made_of.update(dict.fromkeys(spec.tensors))
        if spec.status is not None:
            reason: Omission = "packed" if spec.status == "quantized" else "not-understood"
            unread.update(dict.fromkeys(spec.tensors, reason))
        if spec.coding is not None:
            logical.update(dict.fromkeys(spec.tensors[1:], 0))
            logical[spec.tensors[0]] = math.prod(spec.shape)
    return made_of, unread, logical


def _pattern(name: str, reason: Omission) -> str:
    if reason == "vector":
        return VECTORS
    if reason == "buffer":  # statistics of a hundred norms are one row
        return f"*.{name.rpartition('.')[2]}"
    return re.sub(r"\d+", "*", name)
