"""Parameters of Keras' and Flax' layers, told apart by names, neighbours and classes."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from zoo_analysis.weights.layers.groups import guess_groups
from zoo_analysis.weights.layers.order import definition_order
from zoo_analysis.weights.readers.channels_last import layouts
from zoo_analysis.weights.readers.channels_last.layouts import Arrangement, Shape
from zoo_analysis.weights.spec import TensorKind

_KERNEL: Final = re.compile(r"(\w+_)?kernel")
_TABLE: Final = re.compile(r"embeddings?")
_TABLE_PATH: Final = re.compile(r"embed|(^|[._])(wte|wpe|shared)([._]|$)", re.IGNORECASE)
#: Statistics, scales and shifts; those of a stack of layers are matrices in shape alone.
_VECTOR: Final = re.compile(
    r"bias|scale|gamma|beta|mean|var|moving_(mean|variance)|(recurrent|input)_bias", re.IGNORECASE
)
_CONV: Final = re.compile(r"conv", re.IGNORECASE)
_TRANSPOSED: Final = re.compile(r"transpose|deconv|upsampl", re.IGNORECASE)
_DEPTHWISE: Final = re.compile(r"depth_?wise", re.IGNORECASE)
_HEADS_OUT: Final = re.compile(r"(query|key|value)(_dense)?")
_HEADS_IN: Final = re.compile(r"(out|attention_output|output_dense|output)")
_SCANNED: Final = re.compile(r"scan|layers|blocks", re.IGNORECASE)


@dataclass(frozen=True)
class Parameter:
    """One array of a layer.

    Attributes:
        module: names from the network down to the layer.
        name: of the array in it: ``kernel``, ``gamma``; empty if the file does not say.
        shape: as stored.
        layer_class: the layer's class where that is known, else empty.
        config: of the layer, where that is known.
    """

    module: tuple[str, ...]
    name: str
    shape: Shape
    layer_class: str = ""
    config: Mapping[str, object] = field(default_factory=dict)


def arrange(
    parameters: Sequence[Parameter], transposed_outputs_last: bool, ordered: bool
) -> list[Arrangement | None]:
    """Kind and layout of each parameter, None where the file says nothing of it.

    Args:
        parameters: of one network.
        transposed_outputs_last: transposed convolutions are (*kernel, in, out), as Flax has them,
            rather than Keras' (*kernel, out, in).
        ordered: they are in the order of definition, which tells the inputs of convolutions.
    """
    shapes = {(p.module, p.name): p.shape for p in parameters}
    scanned = _scanned(parameters)
    found: list[Arrangement | None] = []
    for parameter in parameters:
        lead = any(parameter.module[: len(root)] == root for root in scanned)
        found.append(_one(parameter, shapes, int(lead), transposed_outputs_last))
    return _grouped(parameters, found, ordered)


def _one(
    parameter: Parameter,
    shapes: Mapping[tuple[tuple[str, ...], str], Shape],
    lead: int,
    outputs_last: bool,
) -> Arrangement | None:
    shape, name = parameter.shape, parameter.name
    axes = len(shape) - lead
    if axes < 2 or 0 in shape or _VECTOR.fullmatch(name):
        return layouts.no_matrix(shape)
    if _TABLE.fullmatch(name) and axes == 2:
        return layouts.table(shape, lead)
    bias = shapes.get((parameter.module, "bias"))
    if name == "weight" and axes == 2:  # of transformers' own layers for TensorFlow
        beside = bias and bias[-1] == shape[-1]
        if beside or not _TABLE_PATH.search(".".join(parameter.module)):
            return layouts.dense(shape, 1, lead)
        return layouts.table(shape, lead)
    if not name:
        return layouts.not_understood(shape)
    if not _KERNEL.fullmatch(name):
        return None
    if axes == 2:
        return layouts.dense(shape, 1, lead)
    equation = parameter.config.get("equation")
    if isinstance(equation, str) and not lead:
        return layouts.by_equation(equation, 1, shape)
    last = parameter.module[-1] if parameter.module else ""
    if axes == 3 and _HEADS_OUT.fullmatch(last):
        return layouts.dense(shape, 1, lead)
    if axes == 3 and _HEADS_IN.fullmatch(last) and _among_heads(parameter.module, shapes):
        return layouts.dense(shape, 2, lead)
    return _convolution(parameter, bias, lead, outputs_last)


def _convolution(
    parameter: Parameter, bias: Shape | None, lead: int, outputs_last: bool
) -> Arrangement:
    """A kernel of three axes or more: of a convolution, if all that is known agrees with that."""
    shape, name = parameter.shape, parameter.name
    into, out = shape[-2:]
    told = parameter.layer_class or (parameter.module[-1] if parameter.module else "")
    outputs = bias[-1] if bias and len(bias) == 1 + lead else None
    separable = name == "depthwise_kernel" or (_DEPTHWISE.search(told) and name == "kernel")
    if separable and not lead:
        wide = outputs_last and into == 1  # Flax has grouped convolutions alone
        return layouts.convolution(shape, out) if wide else layouts.depthwise(shape)
    if _TRANSPOSED.search(told):
        if outputs is not None and into != out and outputs in (into, out):
            outputs_last = outputs == out
        return layouts.transposed_convolution(shape, outputs_last, lead)
    is_conv = _CONV.search(told) or len(shape) - lead > 3
    groups = parameter.config.get("groups")
    if name != "kernel" or outputs == out or (is_conv and bias is None):
        if not outputs_last and name == "kernel" and outputs is None and out == 1 < into:
            return layouts.not_understood(shape)  # depthwise, or of one output
        if is_conv:
            known = groups if isinstance(groups, int) and groups > 0 and out % groups == 0 else 1
            return layouts.convolution(shape, known, lead)
    elif outputs == into * out and not lead and is_conv:
        return layouts.depthwise(shape)
    elif bias == shape[1:] and not lead:  # a dense layer of several output axes
        return layouts.dense(shape, 1)
    return layouts.not_understood(shape)


def _among_heads(
    module: tuple[str, ...], shapes: Mapping[tuple[tuple[str, ...], str], Shape]
) -> bool:
    """True beside a query of the same heads."""
    queries = (shapes.get(((*module[:-1], query), "kernel")) for query in ("query", "query_dense"))
    own = shapes[module, "kernel"]
    return any(query is not None and query[-2:] == own[-3:-1] for query in queries)


def _scanned(parameters: Sequence[Parameter]) -> set[tuple[str, ...]]:
    """Modules that stand for many, one behind the other: their arrays have an axis more (nn.scan).

    Such a module is called so, all its arrays have the same first axis, and the biases and scales
    among them are matrices.
    """
    inside: dict[tuple[str, ...], list[Parameter]] = defaultdict(list)
    for parameter in parameters:
        for depth, name in enumerate(parameter.module):
            if _SCANNED.search(name):
                inside[parameter.module[: depth + 1]].append(parameter)
    roots = set()
    for root, own in inside.items():
        firsts = {p.shape[:1] for p in own}
        vectors = [len(p.shape) for p in own if _VECTOR.fullmatch(p.name)]
        if len(firsts) == 1 and firsts != {()} and vectors and min(vectors) > 1:
            roots.add(root)
    return roots


def _grouped(
    parameters: Sequence[Parameter], found: list[Arrangement | None], ordered: bool
) -> list[Arrangement | None]:
    """`found` with the groups of convolutions that no configuration tells guessed from shapes."""
    names = [".".join((*p.module, "weight" if p.name == "kernel" else p.name)) for p in parameters]
    recurrent = {p.module for p in parameters if p.name == "recurrent_kernel"}  # ConvLSTM has none
    shapes = {}
    for name, parameter, arrangement in zip(names, parameters, found, strict=True):
        if parameter.module in recurrent:
            continue
        if arrangement and (kind := arrangement[0]) and not kind.status and not kind.stacked:
            outputs_last = kind.kind in ("embedding", "linear")
            shapes[name] = arrangement[1].shape[:: -1 if outputs_last else 1]
    order = list(shapes) if ordered else definition_order(shapes)
    groups = guess_groups({name: shapes[name] for name in order})
    out = []
    for name, parameter, arrangement in zip(names, parameters, found, strict=True):
        kind = arrangement[0] if arrangement else None
        plain = kind and "conv" in kind.kind and not kind.transposed and not kind.stacked
        if arrangement and kind and plain and kind.groups == 1 and "groups" not in parameter.config:
            count = groups.get(name, 1)
            fits = arrangement[1].shape[0] % count == 0
            arrangement = replace(kind, groups=count if fits else 1), arrangement[1]
        out.append(arrangement)
    return out


def judged(kind: TensorKind | None, dtype: str) -> TensorKind | None:
    """`kind` of an array of the type `dtype`: bytes are of a quantised matrix, others of none."""
    if kind is None or dtype.startswith(("float", "bfloat")):
        return kind
    return replace(kind, status="quantized") if dtype in ("int8", "uint8") else None
