"""What each constant of an ONNX model is, by the first node that multiplies with it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from zoo_analysis.weights.readers.arranged import Layout, as_stored
from zoo_analysis.weights.readers.channels_last.layouts import Shape
from zoo_analysis.weights.readers.onnx.onnx_operators import (
    Coding,
    arrangement,
    attributes_of,
    coding,
)
from zoo_analysis.weights.readers.onnx.onnx_scopes import Scope, Scopes, Taker
from zoo_analysis.weights.spec import TensorKind

if TYPE_CHECKING:
    import onnx

_SAME: Final = ("Identity", "Cast", "CastLike", "QuantizeLinear", "Dropout")
_ARITHMETIC: Final = ("Add", "Sub", "Mul", "Div", "Concat")
_RESHAPED: Final = ("Reshape", "Squeeze", "Unsqueeze", "Flatten")


@dataclass(frozen=True, eq=False)
class Coded:
    """The node that tells the scales of a coded constant.

    Attributes:
        node: it.
        scope: that its inputs are seen from.
        coding: which of them are scales.
        axis: along which, of the constant as stored.
        block: numbers that share a scale along it; 0 where all do.
    """

    node: "onnx.NodeProto"
    scope: Scope
    coding: Coding
    axis: int
    block: int = 0


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
    layout: Layout
    coded: Coded | None = None


@dataclass(frozen=True, eq=False)
class _Path:
    """A constant on its way: what it is called now, and what was done to it."""

    scope: Scope
    name: str
    layout: Layout | None  # None: in a way that is not followed
    coded: Coded | None
    place: int | None = None  # of the call of a function


def use_of(scopes: Scopes, scope: Scope, name: str, shape: Shape) -> Use:
    """What the constant `name` of a scope is.

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
    waiting = [_Path(scope, name, as_stored(shape), None)]
    seen = {(scope, name)}
    while waiting:
        path = waiting.pop()
        for taker in path.scope.takers.get(path.name, ()):
            scopes.step()
            following = list(_onward(scopes, path, taker))
            for onward in following:
                if (onward.scope, onward.name) not in seen:
                    seen.add((onward.scope, onward.name))
                    waiting.append(onward)
            if not following:
                yield _used(path, taker, shape)


def _onward(scopes: Scopes, path: _Path, taker: Taker) -> Iterator[_Path]:
    """The constant after a node that hands it on, or inside of the function that is called."""
    node, place = taker.node, path.place or taker.place
    if body := scopes.called(node):
        if taker.operand < len(body.inputs):
            name = body.inputs[taker.operand]
            yield replace(path, scope=body, name=name, place=place)
        return
    if not node.output or node.domain not in ("", "ai.onnx"):
        return
    if node.op_type in _ARITHMETIC:  # a weight that is computed of several constants
        if all(taker.scope.constant(value) for value in node.input if value != path.name):
            yield _Path(taker.scope, node.output[0], None, None, path.place)
        return
    if taker.operand:
        return
    after = replace(path, scope=taker.scope, name=node.output[0])
    if node.op_type in _SAME:
        yield after
    elif node.op_type == "DequantizeLinear":
        yield replace(after, coded=_coded(path, taker))
    elif node.op_type == "Transpose":
        yield replace(after, layout=_permuted(path.layout, attributes_of(node).get("perm")))
    elif node.op_type in _RESHAPED:
        yield replace(after, layout=_reshaped(path.layout, taker))


def _used(path: _Path, taker: Taker, shape: Shape) -> Use:
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
        axes = path.layout.axes
        coded = Coded(node, taker.scope, found, axes[axis] if path.layout.pure else axis)
    return Use(place, taker.operand, node, kind, whole, coded)


def _lost(taker: Taker, shape: Shape) -> TensorKind | None:
    """The kind of a matrix that was changed on its way in a manner that is not followed."""
    if sum(axis > 1 for axis in shape) < 2:
        return None
    shapes: tuple[Shape, ...] = ((2, 2), (2, 2, 2), (2, 2, 2, 2))
    kinds = (arrangement(taker.node, taker.operand, any_shape)[0] for any_shape in shapes)
    found = next((kind for kind in kinds if kind is not None), None)
    return found and TensorKind(found.kind, status="not-understood")


def _coded(path: _Path, taker: Taker) -> Coded | None:
    told, found = attributes_of(taker.node), coding(taker.node, 0)
    if found is None or path.layout is None:
        return None
    axes, axis = path.layout.axes, told.get("axis", found.axis)
    if not -len(axes) <= axis < len(axes) or not path.layout.pure:
        axis = 0  # one scale for all has no axis
        axes = axes or (0,)
    return Coded(taker.node, taker.scope, found, axes[axis], told.get("block_size", 0))


def _permuted(layout: Layout | None, order: tuple[int, ...] | None) -> Layout | None:
    if layout is None or not layout.pure:
        return None
    order = tuple(reversed(range(len(layout.axes)))) if order is None else order
    if sorted(order) != list(range(len(layout.axes))):
        return None
    return Layout(
        tuple(layout.axes[axis] for axis in order), tuple(layout.shape[axis] for axis in order)
    )


def _reshaped(layout: Layout | None, taker: Taker) -> Layout | None:
    """Axes of one entry taken away or added; other shapes are not followed."""
    if layout is None:
        return None
    node, told = taker.node, attributes_of(taker.node)
    axes = told.get("axes")
    if len(node.input) > 1:
        constant = taker.scope.constant(node.input[1])
        axes = None if constant is None else _integers(constant)
    shape = list(layout.shape)
    if node.op_type == "Squeeze":
        ones = [i for i, axis in enumerate(shape) if axis == 1]
        gone = ones if axes is None else [axis % len(shape) for axis in axes if shape]
        if not set(gone) <= set(ones):
            return None
        return Layout(layout.axes, tuple(axis for i, axis in enumerate(shape) if i not in gone))
    if node.op_type == "Unsqueeze" and axes is not None:
        for axis in sorted(axis % (len(shape) + len(axes)) for axis in axes):
            shape.insert(axis, 1)
        return Layout(layout.axes, tuple(shape))
    if node.op_type == "Reshape" and axes is not None:
        whole = [shape[i] if a == 0 and i < len(shape) else a for i, a in enumerate(axes)]
        rest = math.prod(axis for axis in whole if axis != -1)
        if whole.count(-1) == 1 and rest > 0:
            whole[whole.index(-1)] = math.prod(shape) // rest
        fits = min(whole, default=1) > 0 and math.prod(whole) == math.prod(shape)
        return Layout(layout.axes, tuple(whole)) if fits else None
    return None


def _integers(proto: "onnx.TensorProto") -> tuple[int, ...] | None:
    from onnx import numpy_helper

    if proto.data_type != 7 or proto.external_data or len(proto.dims) > 1:
        return None
    try:
        return tuple(int(value) for value in numpy_helper.to_array(proto).reshape(-1)[:16])
    except (ValueError, TypeError):
        return None


def _then(first: Layout, second: Layout) -> Layout | None:
    """One layout after the other; None where axes would be joined before they are moved."""
    if second.axes == tuple(range(len(second.axes))):
        return Layout(first.axes, second.shape)
    if first.pure:
        return Layout(tuple(first.axes[axis] for axis in second.axes), second.shape)
    return None
