"""The graphs of an ONNX model, inside of each other, and its local functions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from zoo_analysis.errors import CheckpointError

if TYPE_CHECKING:
    import onnx

#: Steps that following all tensors through a model may take.
_MOST_STEPS: Final = 2_000_000


@dataclass(eq=False)
class Scope:
    """A graph, or the body of a function: what is defined in it and who takes it.

    Attributes:
        label: of the node and the branch that it is, empty for the model's graph.
        parent: whose values its nodes see too.
        constants: tensors by name: initialisers and what Constant nodes give.
        takers: the nodes that take a value, as (place in the model, node, which input, its scope).
        makers: the node that gives a value.
    """

    label: str
    parent: "Scope | None"
    constants: "dict[str, onnx.TensorProto]" = field(default_factory=dict)
    takers: "dict[str, list[Taker]]" = field(default_factory=lambda: defaultdict(list))
    makers: "dict[str, onnx.NodeProto]" = field(default_factory=dict)
    inputs: Sequence[str] = ()
    _own: frozenset[str] = frozenset()

    def takes(self, inputs: Iterable[str]) -> None:
        """Say what it is called with, in order."""
        self.inputs = tuple(inputs)
        self._own = frozenset(self.inputs)

    def home(self, name: str) -> "Scope":
        """The scope that defines a name which is seen from here."""
        scope = self
        while name not in scope.constants and name not in scope.makers and scope.parent:
            if name in scope._own:
                break
            scope = scope.parent
        return scope

    def constant(self, name: str) -> "onnx.TensorProto | None":
        """The constant tensor of that name, as seen from here."""
        return self.home(name).constants.get(name) if name else None


@dataclass(frozen=True, eq=False)
class Taker:
    """A node that takes a value, as its input of a number, at a place in the model's order."""

    place: int
    node: "onnx.NodeProto"
    operand: int
    scope: Scope


class Scopes:
    """All graphs of a model, and its local functions by domain and name.

    Args:
        model: parsed.
        name: of its file, for errors.
    """

    def __init__(self, model: "onnx.ModelProto", name: str) -> None:
        self._name = name
        self._place = self._steps = 0
        self.all: list[Scope] = []
        self.main = self._graph(model.graph, "", None)
        self.functions = {
            (function.domain, function.name): self._function(function)
            for function in model.functions
        }

    def called(self, node: "onnx.NodeProto") -> Scope | None:
        """The body of the local function that a node calls; None for an operator."""
        return self.functions.get((node.domain, node.op_type))

    def takers(self, scope: Scope, value: str) -> "Sequence[Taker]":
        """The nodes that take a value of a scope; looking at each is a step.

        Args:
            scope: in which it has that name.
            value: the name.

        Raises:
            CheckpointError: see `step`.
        """
        found = scope.takers.get(value, ())
        self.step(len(found))
        return found

    def step(self, count: int = 1) -> None:
        """Count steps of following a tensor.

        Raises:
            CheckpointError: there were too many.
        """
        self._steps += count
        if self._steps > _MOST_STEPS:
            raise CheckpointError(f"{self._name}: its graph is too tangled to be followed")

    def _graph(self, graph: "onnx.GraphProto", label: str, parent: Scope | None) -> Scope:
        scope = Scope(label, parent)
        self.all.append(scope)
        scope.takes(value.name for value in graph.input)
        for tensor in (*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)):
            if scope.constants.setdefault(tensor.name, tensor) is not tensor:
                raise CheckpointError(f"{self._name}: two tensors are called {tensor.name[:80]}")
        self._nodes(graph.node, scope)
        return scope

    def _function(self, function: "onnx.FunctionProto") -> Scope:
        scope = Scope(function.name, None)
        self.all.append(scope)
        scope.takes(function.input)
        self._nodes(function.node, scope)
        return scope

    def _nodes(self, nodes: Any, scope: Scope) -> None:
        for node in nodes:
            for output in node.output:
                scope.makers[output] = node
            if node.op_type == "Constant" and node.output:
                for attribute in node.attribute:
                    if (tensor := _value(attribute)) is not None:
                        scope.constants[node.output[0]] = tensor
        for node in nodes:
            self._place += 1
            for operand, value in enumerate(node.input):
                if value:
                    taker = Taker(self._place, node, operand, scope)
                    scope.home(value).takers[value].append(taker)
            for attribute, graph in _graphs(node):
                label = ".".join(part for part in (node.name or node.op_type, attribute) if part)
                self._graph(graph, label, scope)


def _value(attribute: "onnx.AttributeProto") -> "onnx.TensorProto | None":
    """The tensor that a Constant gives; None for texts, for sparse ones, and for other types."""
    import numpy as np
    from onnx import numpy_helper

    if attribute.name == "value" and attribute.HasField("t"):
        return attribute.t
    if attribute.ref_attr_name:  # of the function that the node is in
        return None
    match attribute.name, attribute.type:
        case "value_float", 1:
            return numpy_helper.from_array(np.array(attribute.f, np.float32))
        case "value_int", 2:
            return numpy_helper.from_array(np.array(attribute.i, np.int64))
        case "value_floats", 6:
            return numpy_helper.from_array(np.fromiter(attribute.floats, np.float32))
        case "value_ints", 7:
            return numpy_helper.from_array(np.fromiter(attribute.ints, np.int64))
    return None


def _graphs(node: "onnx.NodeProto") -> "Iterator[tuple[str, onnx.GraphProto]]":
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.name, attribute.g
        for number, graph in enumerate(attribute.graphs):
            yield f"{attribute.name}{number}", graph
