"""Nodes between a constant and its use, by what they do to it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from zoo_analysis.weights.readers.arranged import ArrayLayout
from zoo_analysis.weights.readers.onnx.onnx_operators import IntegerCoding, attributes_of, coding
from zoo_analysis.weights.readers.onnx.onnx_scopes import Scope, Scopes, Taker

if TYPE_CHECKING:
    import onnx

_SAME: Final = ("Identity", "Cast", "CastLike", "QuantizeLinear", "Dropout")
_COMPUTED: Final = ("Add", "Sub", "Mul", "Div", "Concat", "Slice", "Split", "Gather")
#: Nodes through which it is followed that a value is constant.
_DEEPEST: Final = 6
#: Slices that rows are put together of.
_MOST_GATES: Final = 16
_UP_TO_SCALE: Final = ("Add", "Cast", "Mul")
_INT: Final = "_quantized"  # what onnxruntime adds to the names of weights
_RESHAPED: Final = ("Reshape", "Squeeze", "Unsqueeze", "Flatten")


@dataclass(frozen=True, eq=False)
class Coded:
    """The scales of a coded constant.

    Attributes:
        scope: that they are seen from.
        scale: the value that they are.
        zero: the value that the zero points are; empty for 0.
        layout: of the constant where they are applied.
        axis: along which, in that layout; beyond its axes where one scale is for all.
        block: numbers that share a scale along it; 0 where all do.
    """

    scope: Scope
    scale: str
    zero: str
    layout: ArrayLayout
    axis: int
    block: int = 0


@dataclass(frozen=True, eq=False)
class Path:
    """A constant on its way: what it is called now, and what was done to it.

    Attributes:
        scope: it is in.
        name: of it there.
        layout: from the stored array to it; None if it was changed in a way that is not followed.
        coded: where its scales are, once a node has applied them.
        place: of the call, inside of a function.
    """

    scope: Scope
    name: str
    layout: ArrayLayout | None
    coded: Coded | None = None
    place: int | None = None


def onward(scopes: Scopes, path: Path, taker: Taker) -> Iterator[Path]:
    """The constant after a node that hands it on, or inside of the function that is called.

    Args:
        scopes: of the model.
        path: the constant.
        taker: a node that takes it; of none of these kinds if nothing comes.
    """
    node, place = taker.node, path.place or taker.place
    if body := scopes.called(node):
        if taker.operand < len(body.inputs):
            name = body.inputs[taker.operand]
            yield replace(path, scope=body, name=name, place=place)
        return
    if not node.output or node.domain not in ("", "ai.onnx"):
        return
    if node.op_type in _COMPUTED:
        yield from _computed(scopes, path, taker)
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
    elif node.op_type == "Expand" and _only_states(scopes, taker):
        yield replace(after, layout=None)


def _only_states(scopes: Scopes, taker: Taker) -> bool:
    """True if recurrent layers alone take what a node gives: their first state, for a batch."""
    following = scopes.takers(taker.scope, taker.node.output[0])
    return all(after.node.op_type in ("LSTM", "GRU", "RNN") for after in following)


def _computed(scopes: Scopes, path: Path, taker: Taker) -> Iterator[Path]:
    """A weight that is computed of constants; rows that are only put in another order are followed.

    Exporters reorder the gates of recurrent layers so, and put both directions into one array.
    """
    node, scope = taker.node, taker.scope
    if not all(_is_constant(scopes, scope, value, 0) for value in node.input):
        return
    whole = _whole(node, scope)
    layout = path.layout
    if node.op_type == "Slice" and taker.operand == 0:
        for following in scopes.takers(scope, node.output[0]):
            if following.node.op_type == "Concat" and _whole(following.node, scope) == path.name:
                yield replace(path, scope=scope, name=following.node.output[0])
                return
    elif node.op_type == "Concat" and whole is None and layout is not None:
        first = layout.shape[:1] == (1,) and attributes_of(node).get("axis") == 0
        yield replace(path, scope=scope, name=node.output[0], layout=layout if first else None)
        return
    for output in node.output:
        yield replace(path, scope=scope, name=output, layout=None)


def _whole(concat: "onnx.NodeProto", scope: Scope) -> str | None:
    """The value whose slices, each once, a node puts together anew; None for any other node."""
    if concat.op_type != "Concat" or not 0 < len(concat.input) <= _MOST_GATES:
        return None
    makers = [scope.makers.get(value) for value in concat.input]
    sources: set[tuple[str, int]] = set()
    spans: list[tuple[int, int]] = []
    for maker in makers:
        if maker is None or maker.op_type != "Slice" or len(maker.input) > 4:
            return None
        told = attributes_of(maker)
        names = [*maker.input[1:], "", "", ""]
        found = [
            told.get(key) or _integers(scope.constant(name)) or ()
            for key, name in zip(("starts", "ends", "axes"), names, strict=False)
        ]
        if {len(part) for part in found} != {1}:
            return None
        (start,), (end,), (axis,) = found
        sources.add((maker.input[0], axis))
        spans.append((start, end))
    spans.sort()
    tiled = spans[0][0] == 0 and all(a[1] == b[0] for a, b in pairwise(spans))
    source, axis = min(sources)
    same = len(sources) == 1 and attributes_of(concat).get("axis") == axis
    return source if same and tiled else None


def _is_constant(scopes: Scopes, scope: Scope, value: str, depth: int) -> bool:
    """True for a constant, and for what is made of constants alone."""
    scopes.step()
    if not value or scope.constant(value) is not None:
        return True
    home = scope.home(value)
    maker = home.makers.get(value)
    known = (*_COMPUTED, *_SAME, *_RESHAPED, "Transpose")
    if maker is None or maker.op_type not in known or depth == _DEEPEST:
        return False
    return all(_is_constant(scopes, home, inner, depth + 1) for inner in maker.input)


def _coded(path: Path, taker: Taker) -> Coded | None:
    told, found = attributes_of(taker.node), coding(taker.node, 0)
    if found is None or path.layout is None:
        return None
    axes, axis = len(path.layout.shape), told.get("axis", found.axis)
    axis = axis % axes if -axes <= axis < axes else axes
    scale, zero = named(taker.node, found)
    return Coded(taker.scope, scale, zero, path.layout, axis, told.get("block_size", 0))


def named(node: "onnx.NodeProto", found: IntegerCoding) -> tuple[str, str]:
    """The values that a node takes as scales and zero points; empty if it has none."""
    scale, zero = (
        node.input[number] if number < len(node.input) else ""
        for number in (found.scale, found.zero)
    )
    return scale, zero


def scale_after(scopes: Scopes, taker: Taker, weight: str) -> str:
    """The scale of an integer weight, by which its product is multiplied; empty if not seen.

    onnxruntime has it so: product → (Add of the bias) → Cast → Mul by (scale of the input · scale
    of the weight).
    """
    scope, node, taken = taker.scope, taker.node, ""
    for _ in range(4):
        taken = node.output[0]
        found = [t.node for t in scopes.takers(scope, taken) if t.node.op_type in _UP_TO_SCALE]
        if len(found) != 1:
            return ""
        (node,) = found
        if node.op_type == "Mul":
            break
    factors = [name for name in node.input if name != taken] if node.op_type == "Mul" else []
    makers = [scope.makers.get(name) for name in factors]
    if len(makers) == 1 and makers[0] is not None and makers[0].op_type == "Mul":
        factors = list(makers[0].input)
    constants = [name for name in factors if scope.constant(name) is not None]
    if len(constants) > 1:
        constants = [name for name in constants if name == f"{weight.removesuffix(_INT)}_scale"]
    return constants[0] if len(constants) == 1 else ""


def decoded_after(scopes: Scopes, taker: Taker, table: str, layout: ArrayLayout) -> Coded | None:
    """The one scale with which the rows that a node takes of a table are decoded.

    onnxruntime may hand integers on to the next product, which then has the scale that is named so.
    """
    for after in scopes.takers(taker.scope, taker.node.output[0]):
        if after.node.op_type == "DequantizeLinear" and after.operand == 0:
            scale, zero = named(after.node, IntegerCoding(1, 2, 0))
            return Coded(after.scope, scale, zero, layout, len(layout.shape))
    plain = table.removesuffix(_INT)
    if plain == table or taker.scope.constant(f"{plain}_scale") is None:
        return None
    scale, zero = f"{plain}_scale", f"{plain}_zero_point"
    return Coded(taker.scope, scale, zero, layout, len(layout.shape))


def _permuted(layout: ArrayLayout | None, order: tuple[int, ...] | None) -> ArrayLayout | None:
    if layout is None or not layout.pure:
        return None
    order = tuple(reversed(range(len(layout.axes)))) if order is None else order
    if sorted(order) != list(range(len(layout.axes))):
        return None
    return ArrayLayout(
        tuple(layout.axes[axis] for axis in order), tuple(layout.shape[axis] for axis in order)
    )


def _reshaped(layout: ArrayLayout | None, taker: Taker) -> ArrayLayout | None:
    """Axes of one entry taken away or added; other shapes are not followed."""
    if layout is None:
        return None
    node, told = taker.node, attributes_of(taker.node)
    axes = told.get("axes")
    if len(node.input) > 1:
        axes = _integers(taker.scope.constant(node.input[1]))
    shape = list(layout.shape)
    if node.op_type == "Squeeze":
        ones = [i for i, axis in enumerate(shape) if axis == 1]
        gone = ones if axes is None else [axis % len(shape) for axis in axes if shape]
        if not set(gone) <= set(ones):
            return None
        return ArrayLayout(
            layout.axes, tuple(axis for i, axis in enumerate(shape) if i not in gone)
        )
    if node.op_type == "Unsqueeze" and axes is not None:
        for axis in sorted(axis % (len(shape) + len(axes)) for axis in axes):
            shape.insert(axis, 1)
        return ArrayLayout(layout.axes, tuple(shape))
    if node.op_type == "Reshape" and axes is not None:
        whole = [shape[i] if a == 0 and i < len(shape) else a for i, a in enumerate(axes)]
        rest = math.prod(axis for axis in whole if axis != -1)
        if whole.count(-1) == 1 and rest > 0:
            whole[whole.index(-1)] = math.prod(shape) // rest
        fits = min(whole, default=1) > 0 and math.prod(whole) == math.prod(shape)
        return ArrayLayout(layout.axes, tuple(whole)) if fits else None
    return None


def _integers(proto: "onnx.TensorProto | None") -> tuple[int, ...] | None:
    from onnx import numpy_helper

    if proto is None or proto.data_type != 7 or proto.external_data or len(proto.dims) > 1:
        return None
    try:
        return tuple(int(value) for value in numpy_helper.to_array(proto).reshape(-1)[:16])
    except (ValueError, TypeError):
        return None
