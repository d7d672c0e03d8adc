"""The operators of ONNX, by what they make of constant inputs.

The operators' own definitions (https://onnx.ai/onnx/operators) say which input is a matrix, and how
it lies; those of the domain ``com.microsoft`` are onnxruntime's (ContribOperators.md).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from zoo_analysis.weights.checkpoint import MOST_AXES
from zoo_analysis.weights.readers.arranged import ArrayLayout, as_stored
from zoo_analysis.weights.readers.channels_last.layouts import (
    Arrangement,
    Shape,
    by_equation,
    no_matrix,
)
from zoo_analysis.weights.spec import Kind, TensorKind

if TYPE_CHECKING:
    import onnx

Attributes = Mapping[str, Any]

#: Attributes that are lists, and the one that is a text; they come once for each use of a node.
_LISTS: Final = ("axes", "ends", "perm", "starts")
_EQUATION: Final = "equation"
_MOST_ATTRIBUTES: Final = 64
_LONGEST_EQUATION: Final = 1000

_CONV: Final[Mapping[int, tuple[Kind, Kind]]] = {
    3: ("conv1d", "conv_transpose1d"),
    4: ("conv2d", "conv_transpose2d"),
    5: ("conv3d", "conv_transpose3d"),
}


@dataclass(frozen=True)
class IntegerCoding:
    """The inputs in which an operator has the scale and the zero point of a coded matrix.

    Attributes:
        scale: number of the input; beyond all of them if the scale is applied by a later node.
        zero: number of the input.
        axis: along which there is a scale for each, if there are several.
    """

    scale: int
    zero: int
    axis: int


def arrangement(node: "onnx.NodeProto", operand: int, shape: Shape) -> Arrangement:
    """Kind and layout of a constant that a node takes; kind None if it is no matrix.

    Args:
        node: the node.
        operand: which of its inputs.
        shape: of the constant.
    """
    attributes = attributes_of(node)
    found = _OPERATORS.get(node.op_type) if node.domain in _DOMAINS else None
    if 0 in shape:
        return no_matrix(shape)
    if found is None:
        # What an operator of a library's own does with it cannot be told from its name.
        matrix = node.domain not in _STANDARD and sum(axis > 1 for axis in shape) > 1
        kind = TensorKind("linear", status="not-understood") if matrix else None
        return kind, as_stored(shape)
    return found(operand, shape, attributes)


def coding(node: "onnx.NodeProto", operand: int) -> IntegerCoding | None:
    """The coding of an integer matrix that a node takes; None if the node has no scales."""
    known = _CODINGS.get((node.op_type, operand)) if node.domain in _DOMAINS else None
    if known and node.op_type == "QGemm":
        return replace(known, axis=0 if attributes_of(node).get("transB") else -1)
    return known


def takes_vector(node: "onnx.NodeProto", operand: int) -> bool:
    """True for biases, states and peepholes by directions, and for scales and zero points."""
    return node.domain in _DOMAINS and operand in _VECTORS.get(node.op_type, ())


def attributes_of(node: "onnx.NodeProto") -> dict[str, Any]:
    """The attributes of a node that are whole numbers, lists of these, or an equation.

    One of another type or size than its operator takes counts as missing.
    """
    out: dict[str, Any] = {}
    for attribute in node.attribute[:_MOST_ATTRIBUTES]:
        name = attribute.name
        if name in _LISTS:
            if attribute.type == 7 and len(attribute.ints) <= MOST_AXES:
                out[name] = tuple(attribute.ints)
        elif name == _EQUATION:
            if attribute.type == 3 and len(attribute.s) <= _LONGEST_EQUATION:
                out[name] = attribute.s.decode("utf-8", errors="replace")
        elif attribute.type == 2:
            out[name] = attribute.i
    return out


def _matrix(shape: Shape, transposed: bool) -> Arrangement:
    """A matrix, or a stack of them; the first axes count them."""
    if len(shape) < 2:
        return no_matrix(shape)
    if math.prod(shape[:-2]) == 1:
        return TensorKind("linear", transposed=transposed), _joined(shape[-2:], shape)
    stack = (math.prod(shape[:-2]), *shape[-2:])
    return TensorKind("linear", transposed=transposed, stacked=True), _joined(stack, shape)


def _joined(whole: Shape, shape: Shape) -> ArrayLayout:
    return ArrayLayout(tuple(range(len(shape))), whole)


def _product(weight: int = 1) -> "Callable[[int, Shape, Attributes], Arrangement]":
    def arrange(operand: int, shape: Shape, attributes: Attributes) -> Arrangement:
        """x @ W has W as (in, out); of W @ x the rows are outputs."""
        if operand == weight:
            return _matrix(shape, not attributes.get("transB"))
        return _matrix(shape, bool(attributes.get("transA"))) if operand == 0 else no_matrix(shape)

    return arrange


def _convolution(weight: int = 1) -> "Callable[[int, Shape, Attributes], Arrangement]":
    def arrange(operand: int, shape: Shape, attributes: Attributes) -> Arrangement:
        groups = attributes.get("group", 1)
        if operand != weight or len(shape) < 3:
            return no_matrix(shape)
        if len(shape) not in _CONV or groups < 1 or shape[0] % groups:
            return TensorKind("linear", status="not-understood"), as_stored(shape)
        return TensorKind(_CONV[len(shape)][0], groups), as_stored(shape)

    return arrange


def _transposed(operand: int, shape: Shape, attributes: Attributes) -> Arrangement:
    kind, layout = _convolution()(operand, shape, attributes)
    if kind and not kind.status:
        kind = TensorKind(_CONV[len(shape)][1], kind.groups, transposed=True)
    return kind, layout


def _recurrent(operand: int, shape: Shape, attributes: Attributes) -> Arrangement:
    """W and R, (directions, gates · hidden, in)."""
    return _matrix(shape, False) if operand in (1, 2) and len(shape) == 3 else no_matrix(shape)


def _recurrent_integers(operand: int, shape: Shape, attributes: Attributes) -> Arrangement:
    """W and R, (directions, in, gates · hidden)."""
    return _matrix(shape, True) if operand in (1, 2) and len(shape) == 3 else no_matrix(shape)


def _table(*operands: int) -> "Callable[[int, Shape, Attributes], Arrangement]":
    def arrange(operand: int, shape: Shape, attributes: Attributes) -> Arrangement:
        rows = operand in operands and len(shape) == 2 and attributes.get("axis", 0) == 0
        return TensorKind("embedding") if rows else None, as_stored(shape)

    return arrange


def _einsum(operand: int, shape: Shape, attributes: Attributes) -> Arrangement:
    return by_equation(attributes.get(_EQUATION, ""), operand, shape)


def _packed(kind: Kind, *operands: int) -> "Callable[[int, Shape, Attributes], Arrangement]":
    def arrange(operand: int, shape: Shape, attributes: Attributes) -> Arrangement:
        coded = TensorKind(kind, status="quantized") if operand in operands else None
        return coded, as_stored(shape)

    return arrange


_STANDARD: Final = ("", "ai.onnx", "ai.onnx.ml")
_DOMAINS: Final = (*_STANDARD, "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc")
_OPERATORS: "Final[Mapping[str, Callable[[int, Shape, Attributes], Arrangement]]]" = {
    "Conv": _convolution(),
    "FusedConv": _convolution(),
    "NhwcFusedConv": _convolution(),
    "DeformConv": _convolution(),
    "ConvInteger": _convolution(),
    "QLinearConv": _convolution(3),
    "ConvTranspose": _transposed,
    "Gemm": _product(),
    "FusedGemm": _product(),
    "QGemm": _product(3),
    "MatMul": _product(),
    "FusedMatMul": _product(),
    "TransposeMatMul": _product(),
    "MatMulInteger": _product(),
    "MatMulIntegerToFloat": _product(),
    "DynamicQuantizeMatMul": _product(),
    "QLinearMatMul": _product(3),
    "Attention": _product(),
    "QAttention": _product(),
    "Gather": _table(0),
    "EmbedLayerNormalization": _table(2, 3, 4),
    "QEmbedLayerNormalization": _table(2, 3, 4),
    "GatherBlockQuantized": _packed("embedding", 0),
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "DynamicQuantizeLSTM": _recurrent_integers,
    "MatMulNBits": _packed("linear", 1),
    "MatMulBnb4": _packed("linear", 1),
    "MatMulFpQ4": _packed("linear", 1),
    "Einsum": _einsum,
}
_VECTORS: Final[Mapping[str, tuple[int, ...]]] = {
    "LSTM": (3, 5, 6, 7),
    "GRU": (3, 5),
    "RNN": (3, 5),
    "DynamicQuantizeLSTM": (3, 5, 6, 7, 8, 9, 10, 11),
    "DequantizeLinear": (1, 2),
    "MatMulNBits": (2, 3, 5),
}
_CODINGS: Final = {
    ("QLinearConv", 3): IntegerCoding(4, 5, 0),
    ("QLinearMatMul", 3): IntegerCoding(4, 5, -1),
    ("MatMulInteger", 1): IntegerCoding(4, 3, -1),
    ("ConvInteger", 1): IntegerCoding(4, 3, 0),
    ("MatMulNBits", 1): IntegerCoding(2, 3, 0),
    ("DynamicQuantizeLSTM", 1): IntegerCoding(8, 9, 0),
    ("DynamicQuantizeLSTM", 2): IntegerCoding(10, 11, 0),
    ("QLinearMatMul", 0): IntegerCoding(1, 2, -2),
    ("QGemm", 3): IntegerCoding(4, 5, -1),
    ("DynamicQuantizeMatMul", 1): IntegerCoding(2, 3, -1),
    ("MatMulIntegerToFloat", 1): IntegerCoding(3, 5, -1),
    ("QAttention", 1): IntegerCoding(4, 7, -1),
    ("DequantizeLinear", 0): IntegerCoding(1, 2, 1),
}
