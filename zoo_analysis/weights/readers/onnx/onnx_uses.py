"""The constants of an ONNX model, by the first node that multiplies with each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo_analysis.weights.readers.arranged import ArrayLayout, as_stored
from zoo_analysis.weights.readers.channels_last.layouts import Shape
from zoo_analysis.weights.readers.onnx.onnx_operators import arrangement, coding
from zoo_analysis.weights.readers.onnx.onnx_scopes import Scope, Scopes, Taker
from zoo_analysis.weights.readers.onnx.onnx_steps import (
    Coded,
    Path,
    decoded_after,
    named,
    onward,
    scale_after,
)
from zoo_analysis.weights.spec import TensorKind

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, eq=False)
class Use:
    """A constant in the place in which it is used.

    Attributes:
        place: of the node in the model's order; beyond all of them if nothing takes it.
        operand: of that node.
        node: that takes it; None if nothing does.
        kind: None if it is no matrix.
        layout: from the stored array into torch's order.
        coded: where its scales are; None if nobody says that it is coded.
    """

    place: int
    operand: int
    node: "onnx.NodeProto | None"
    kind: TensorKind | None
    layout: ArrayLayout
    coded: Coded | None = None


def use_of(scopes: Scopes, scope: Scope, name: str, shape: Shape) -> Use:
    """The use of the constant `name` of a scope.

    Args:
        scopes: of the model.
        scope: that defines it.
        name: in that scope.
        shape: as stored.

    Raises:
        CheckpointError: the model's graph is too tangled to be followed.
    """
    best = last = Use(1 << 62, 0, None, None, as_stored(shape))
    for use in _uses(scopes, scope, name, shape):
        if use.kind is not None and (best.kind is None or _order(use) < _order(best)):
            best = use
        elif best.kind is None and _order(use) < _order(last):
            last = use
    return best if best.kind is not None else last


def _order(use: Use) -> tuple[int, int]:
    return use.place, use.operand


def _uses(scopes: Scopes, scope: Scope, name: str, shape: Shape) -> Iterator[Use]:
    waiting = [Path(scope, name, as_stored(shape), None)]
    seen = {(scope, name)}
    while waiting:
        path = waiting.pop()
        for taker in scopes.takers(path.scope, path.name):
            following = list(onward(scopes, path, taker))
            for after in following:
                if (after.scope, after.name) not in seen:
                    seen.add((after.scope, after.name))
                    waiting.append(after)
            if not following:
                yield _used(scopes, path, taker, shape)


def _used(scopes: Scopes, path: Path, taker: Taker, shape: Shape) -> Use:
    place, node = path.place or taker.place, taker.node
    if path.layout is None:
        return Use(place, taker.operand, node, _lost(taker, shape), as_stored(shape), path.coded)
    kind, layout = arrangement(node, taker.operand, path.layout.shape)
    whole = _then(path.layout, layout)
    if whole is None:
        return Use(place, taker.operand, node, _lost(taker, shape), as_stored(shape), path.coded)
    coded = path.coded
    found = coding(node, taker.operand)
    if coded is None and found is not None:
        axis = found.axis % len(path.layout.shape) if path.layout.shape else 0
        scale, zero = named(node, found)
        scale = scale or scale_after(scopes, taker, path.name)
        coded = Coded(taker.scope, scale, zero, path.layout, axis)
    if coded is None and node.op_type == "Gather":
        coded = decoded_after(scopes, taker, path.name, as_stored(shape))
    return Use(place, taker.operand, node, kind, whole, coded)


def _lost(taker: Taker, shape: Shape) -> TensorKind | None:
    """The kind of a matrix that was changed on its way in a manner that is not followed."""
    if sum(axis > 1 for axis in shape) < 2:
        return None
    shapes: tuple[Shape, ...] = ((2, 2), (2, 2, 2), (2, 2, 2, 2))
    kinds = (arrangement(taker.node, taker.operand, any_shape)[0] for any_shape in shapes)
    found = next((kind for kind in kinds if kind is not None), None)
    return found and TensorKind(found.kind, status="not-understood")


def _then(first: ArrayLayout, second: ArrayLayout) -> ArrayLayout | None:
    """One layout after the other; None where axes would be joined before they are moved."""
    if second.axes == tuple(range(len(second.axes))):
        return ArrayLayout(first.axes, second.shape)
    if first.pure:
        return ArrayLayout(tuple(first.axes[axis] for axis in second.axes), second.shape)
    return None
