"""Quantised weights: which tensors are codes, of which weight, and what else belongs to it.

Layouts that are understood are those of `weights.decoding`. Integers that look like codes of any
other are weights too, of which no spectrum can be had.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.decoding.by_layout import LAYOUTS
from zoo_analysis.weights.decoding.coded_layout import Found
from zoo_analysis.weights.decoding.declared import Declaration
from zoo_analysis.weights.decoding.packed_integers import (
    belongs,
    by_module,
    codes_in,
    module_of,
    scheme_of,
)
from zoo_analysis.weights.decoding.packed_integers import is_companion as is_companion
from zoo_analysis.weights.decoding.packed_integers import is_packed as is_packed
from zoo_analysis.weights.layers.composed import Weight


def coded_weights(checkpoint: Checkpoint, config: Mapping[str, Any]) -> dict[str, Weight]:
    """The coded weights of `checkpoint`, by the name of the tensor of their codes.

    The name of a weight's info is its plain one, which no tensor has; its tensors are the parts in
    the order of its coding, and then whatever else belongs to it.

    Args:
        checkpoint: whose headers are looked at, and where they do not say it, small tensors.
        config: contents of config.json; may be empty.
    """
    tensors, says = checkpoint.tensors, Declaration(checkpoint, config)
    weights: dict[str, Weight] = {}
    for info in tensors.values():
        weight = _of_known_layout(info, checkpoint, says)
        if weight is not None:
            weights[info.name] = weight
    taken = {name for weight in weights.values() for name in weight.tensors}
    modules = by_module(info for info in tensors.values() if info.name not in taken)
    for name, weight in weights.items():  # scales of activations, and the like
        left = modules.get(module_of(name), [])
        rest = [info.name for info in left if belongs(info.name) and info.name not in taken]
        weights[name] = replace(weight, tensors=(*weight.tensors, *rest))
        taken.update(rest)
    for module, left in modules.items():
        own = [info for info in left if info.name not in taken]
        for name, (plain, *rest) in codes_in(module, own, lambda: says.method).items():
            scheme = tensors[name].coded or says.method or scheme_of(name)
            info = replace(tensors[name], name=plain, coded=scheme)
            weights[name] = Weight(info, (name, *rest), quantized=True)
            taken.update((name, *rest))
    return {name: _apart(weight, tensors, taken) for name, weight in weights.items()}


def _of_known_layout(info: TensorInfo, checkpoint: Checkpoint, says: Declaration) -> Weight | None:
    first: Found | None = None
    for layout in LAYOUTS.values():
        found = layout.find(info, checkpoint.tensors)
        if found is None or len(info.shape) < 2:
            continue
        known = layout.undeclared and layout.describe(found, says.given, checkpoint.read)
        known = known or layout.describe(found, says.said, checkpoint.read)
        if known:
            plain = replace(
                info, name=found.plain, shape=known.shape, dtype=known.dtype, coded=known.scheme
            )
            names = tuple(part.name for part in found.parts.values())
            return Weight(plain, names, coding=known.coding, outputs_first=layout.outputs_first)
        first = first or found
    if first is None:
        return None
    names = tuple(part.name for part in first.parts.values())
    scheme = None if info.dtype.startswith("float") else says.method or scheme_of(info.name)
    plain = replace(info, name=first.plain, coded=scheme)
    return Weight(plain, names, quantized=True)


def _apart(weight: Weight, tensors: Mapping[str, TensorInfo], taken: set[str]) -> Weight:
    """`weight` under the name of its codes where its plain name is another tensor's."""
    name = weight.info.name
    if name not in tensors or name in taken:
        return weight
    return replace(weight, info=replace(weight.info, name=weight.tensors[0]))
