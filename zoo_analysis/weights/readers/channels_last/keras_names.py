"""Names, classes and order of the parameters in Keras' files."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from zoo_analysis.texts import bounded_json
from zoo_analysis.weights.layers.order import definition_order
from zoo_analysis.weights.readers.channels_last.named_kernels import Parameter

#: Parameters by their number in layers of a class, whose name the pattern finds; else ``kernel``
#: and ``bias`` of a layer that has a matrix.
_NUMBERED: Final[tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]] = (
    (re.compile(r"embedding"), ("embeddings",)),
    (re.compile(r"separable_?conv"), ("depthwise_kernel", "pointwise_kernel", "bias")),
    (re.compile(r"lstm|gru|rnn|cell"), ("kernel", "recurrent_kernel", "bias")),
)
_LAYER: Final = re.compile(r"dense|conv|einsum|linear|query|key|value|output|projection")
_OPTIMISER: Final = ("optimizer", "optimizer_weights", "_optimizer")


@dataclass(frozen=True)
class KerasLayer:
    """A layer as a configuration describes it.

    Attributes:
        layer_class: ``Conv2D``.
        config: its arguments.
        place: in the network, counted over the configuration.
    """

    layer_class: str
    config: Mapping[str, object]
    place: int


@dataclass(frozen=True)
class Named:
    """An array of a file under the name that the network has for it.

    Attributes:
        parameter: None for what an optimiser keeps.
        name: of the tensor.
    """

    parameter: Parameter | None
    name: str


def layers_of(config: str | None) -> dict[str, KerasLayer]:
    """The layers of a network by name, those inside of others too; empty without a configuration.

    Args:
        config: the network's, in JSON.
    """
    try:
        waiting: list[Any] = [bounded_json(config or "null")]
    except ValueError:  # costs what it would have said
        return {}
    found: dict[str, KerasLayer] = {}
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += reversed(item)
        elif isinstance(item, dict):
            inner = item.get("config")
            own, inside = item.get("class_name"), inner if isinstance(inner, dict) else {}
            if isinstance(name := inside.get("name"), str) and isinstance(own, str):
                found.setdefault(name, KerasLayer(own, inside, len(found)))
            waiting += reversed(list(item.values()))
    return found


def name_all(
    paths: Sequence[tuple[str, ...]],
    shapes: Sequence[tuple[int, ...]],
    titles: Mapping[tuple[str, ...], str],
    layers: Mapping[str, KerasLayer],
) -> list[Named]:
    """The arrays of a file by the names of layers; by their paths where two would be called alike.

    Args:
        paths: of the arrays among the groups.
        shapes: of the arrays.
        titles: what groups are called in the network, as Keras 3 notes it.
        layers: of the configuration; may be empty.
    """
    weights = [path for path in paths if path[0] not in _OPTIMISER]
    shape_of = dict(zip(paths, shapes, strict=True))
    beside: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for path in sorted(paths, key=lambda p: (len(p[-1]), p[-1])):  # 2 before 10
        beside[path[:-1]].append(path)
    modules = {path: _module(path, titles) for path in weights}
    if len({*modules.values()}) < len(modules):
        modules = {path: tuple(part.removesuffix(":0") for part in path) for path in weights}
    named = []
    for path in paths:
        if path not in modules:
            named.append(Named(None, ".".join(("optimizer", *path[1:]))))
            continue
        *module, leaf = modules[path]
        layer = next((layers[part] for part in reversed(module) if part in layers), None)
        group = path[-3] if len(path) > 2 and path[-2] == "vars" else ""
        if group:
            leaf = _numbered(path, beside[path[:-1]], group, layer, shape_of)
        known = layer.layer_class if layer else re.sub(r"_\d+$", "", group)
        parameter = Parameter(
            tuple(module), leaf, shape_of[path], known, layer.config if layer else {}
        )
        named.append(Named(parameter, ".".join((*module, leaf or path[-1]))))
    return named


def in_written_order(paths: Sequence[tuple[str, ...]], addresses: Sequence[int]) -> list[int]:
    """Numbers of arrays of Keras 3 in the order of creation, as far as a bare file tells it.

    Layers of a class are numbered as they are made (``dense``, ``dense_1``, …, ``dense_10``). Those
    of a network lie in its list ``layers``, which Keras writes in order, so that places in the file
    tell layers of different classes apart, up to gaps that HDF5 fills.

    Args:
        paths: of the arrays among the groups.
        addresses: of their headers in the file.
    """
    inside: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for path, address in zip(paths, addresses, strict=True):
        for depth in range(1, len(path)):
            if path[depth - 1] == "layers":
                inside[path[: depth + 1]].append(address)
    lists: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for layer in sorted(inside, key=lambda layer: median(inside[layer])):
        lists[layer[:-1]].append(layer)
    place: dict[tuple[str, ...], int] = {}
    for own in lists.values():
        slots: dict[str, list[int]] = defaultdict(list)
        for slot, layer in enumerate(own):
            slots[_natural(layer[-1])[0]].append(slot)
        for layer in sorted(own, key=lambda layer: _natural(layer[-1])):
            place[layer] = slots[_natural(layer[-1])[0]].pop(0)

    def key(number: int) -> list[tuple[int, tuple[str, int]]]:
        path = paths[number]
        return [
            (place.get(path[: depth + 1], -1), _natural(part)) for depth, part in enumerate(path)
        ]

    return sorted(range(len(paths)), key=key)


def _natural(name: str) -> tuple[str, int]:
    """(the class, the number) of a layer's name."""
    found = re.fullmatch(r"(.*?)_?(\d{1,18})", name)
    return (found[1], int(found[2])) if found else (name, -1)


def in_network_order(
    named: Sequence[Named], layers: Mapping[str, KerasLayer], listed: Mapping[str, int]
) -> list[int]:
    """Numbers of `named` in the order of the network, as far as the file tells it.

    Args:
        named: the arrays.
        layers: of the configuration.
        listed: places of the names of layers in the file's own list.
    """
    rank = {name: i for i, name in enumerate(definition_order({n.name for n in named}))}

    def key(number: int) -> tuple[Any, ...]:
        parameter, last = named[number].parameter, len(layers) + len(listed)
        module = parameter.module if parameter else ()
        places = [listed[part] for part in module[:1] if part in listed]
        places += [layers[part].place for part in module if part in layers]
        return parameter is None, places or [last], rank[named[number].name]

    return sorted(range(len(named)), key=key)


def _module(path: tuple[str, ...], titles: Mapping[tuple[str, ...], str]) -> tuple[str, ...]:
    """The layer's names and the parameter's."""
    if "vars" in path[:-1]:  # Keras 3: layers/dense/vars/0
        groups = path[:-2]
        return (
            *(
                titles.get(groups[: i + 1], group)
                for i, group in enumerate(groups)
                if group not in ("layers", "_layer_checkpoint_dependencies")
            ),
            path[-1],
        )
    parts = [part for part in path if part != "model_weights"]
    # dense/dense/kernel:0, bert/tf_bert_model/bert/pooler/dense/kernel:0: the layer, then the name
    # of the parameter, which most times begins with the layer again.
    if len(parts) > 2 and parts[0] in parts[1:3]:
        parts = parts[1 + parts[1:3].index(parts[0]) :]
    names = re.sub(r"(^|/)[^/]*___", r"\1", "/".join(parts)).replace("_._", "/")
    return tuple(part for part in names.removesuffix(":0").split("/") if part)


def _numbered(
    path: tuple[str, ...],
    own: Sequence[tuple[str, ...]],
    group: str,
    layer: KerasLayer | None,
    shapes: Mapping[tuple[str, ...], tuple[int, ...]],
) -> str:
    """What the parameter of this number is called; empty where that is not known."""
    number = own.index(path)
    told = f"{layer.layer_class if layer else ''} {group}".lower()
    first = shapes[own[0]]
    beside = len(own) > 1 and shapes[own[1]] == first[-1:] and len(first) > 1
    for pattern, names in _NUMBERED:
        a_table = len(first) == 2 and not beside
        if pattern.search(told) and (a_table or names[0] != "embeddings"):
            return names[number] if number < len(names) else ""
    if (_LAYER.search(told) or beside) and len(first) > 1 and number < 2:
        return ("kernel", "bias")[number]
    return "" if len(shapes[path]) > 1 else path[-1]
