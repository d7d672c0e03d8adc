"""Lists a checkpoint's matrices and what else it holds, from its headers and its config alone."""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.biases import with_biases
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.layers.adapters.updates import updates
from zoo_analysis.weights.layers.architecture import Blueprint, blueprint
from zoo_analysis.weights.layers.blocks.fused import gate_rows, qkv_rows
from zoo_analysis.weights.layers.blocks.heads import with_heads
from zoo_analysis.weights.layers.composed import Weight, gather
from zoo_analysis.weights.layers.copies import averaged_copies, replaced_modules
from zoo_analysis.weights.layers.inventory import Inventory, inventory_of
from zoo_analysis.weights.layers.kinds import judge
from zoo_analysis.weights.layers.order import definition_order, planned_order
from zoo_analysis.weights.layers.quantized import coded_weights, is_companion
from zoo_analysis.weights.layers.roles import only_last_heads, role_of
from zoo_analysis.weights.layers.ties import tied_names
from zoo_analysis.weights.lenient_json import NO_CONFIG, lenient_json
from zoo_analysis.weights.spec import LayerSpec, Omission, Role, TensorKind

_PARAMETER: Final = re.compile(r"(\.|(?<=in_proj)_|(?<=_proj)_)(weight|kernel|embeddings?)$")


def list_layers(
    checkpoint: Checkpoint,
    config: Mapping[str, Any] | None = None,
    architecture: str | None = None,
    split_qkv: bool = False,
) -> list[LayerSpec]:
    """The matrices of `checkpoint` in the order of the network: the layers of `take_inventory`."""
    return list(take_inventory(checkpoint, config, architecture, split_qkv).layers)


def take_inventory(
    checkpoint: Checkpoint,
    config: Mapping[str, Any] | None = None,
    architecture: str | None = None,
    split_qkv: bool = False,
) -> Inventory:
    """The matrices of `checkpoint` in the order of the network, and why the rest is none.

    Nothing of the weights is read.

    Kind, groups and order come from the architecture where config.json or `architecture` name one
    that timm or transformers build, and from names and shapes for whatever it does not know.
    Tensors that share their storage, or that the config ties, count once.

    Args:
        checkpoint: an open checkpoint.
        config: contents of config.json; None looks for the file beside the weights.
        architecture: ``timm:NAME`` for weights without a config.
        split_qkv: also list the q, k and v parts of fused matrices, with `part_of` set.

    Raises:
        CheckpointError: an adapter_config.json that is no JSON object.
    """
    config = read_config(checkpoint) if config is None else config
    adapter = read_adapter_config(checkpoint)
    plan = blueprint(config, architecture, len(checkpoint.tensors))
    return inventory_by(plan, checkpoint, config, split_qkv, adapter)


def read_config(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """The contents of config.json beside the weights; empty if there is none, or no JSON object."""
    return _json_beside(checkpoint, "config.json")


def read_adapter_config(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """The contents of peft's adapter_config.json beside the weights; empty if there is none.

    Raises:
        CheckpointError: it is no JSON object.
    """
    return _json_beside(checkpoint, "adapter_config.json")


def inventory_by(
    plan: Blueprint | None,
    checkpoint: Checkpoint,
    config: Mapping[str, Any],
    split_qkv: bool = False,
    adapter: Mapping[str, Any] | None = None,
) -> Inventory:
    """The books of `checkpoint` by the architecture `plan`, or by names and shapes if None.

    Args:
        plan: see `blueprint`; one that knows less than half of the tensors is set aside.
        checkpoint: an open checkpoint.
        config: contents of config.json; may be empty.
        split_qkv: see `list_layers`.
        adapter: contents of peft's adapter_config.json; may be empty.
    """
    checkpoint = checkpoint.with_short_names()
    found = updates(checkpoint.tensors, adapter)
    updated: dict[str, list[LayerSpec]] = {}
    for spec in found:
        updated.setdefault(spec.tensors[0], []).append(spec)
    paired = {name for spec in found for name in spec.tensors}
    coded = {
        name: weight
        for name, weight in coded_weights(checkpoint, config).items()
        if name not in checkpoint.kinds  # where the file itself says what is packed
    }
    parts = {part for weight in coded.values() for part in weight.tensors}
    aside = {
        name
        for name in checkpoint.tensors
        if name in parts or (is_companion(name) and name not in checkpoint.kinds)
    }
    weights = gather(
        dict(
            (coded[name].info.name, coded[name].info) if name in coded else (name, info)
            for name, info in checkpoint.tensors.items()
            if name not in paired and (name in coded or name not in aside)
        ),
        {weight.info.name: weight for weight in coded.values()},
        wrapped=bool(found or adapter),
    )
    tensors = {name: weight.info for name, weight in weights.items()}
    if plan and 2 * sum(plan.find(name) is not None for name in tensors) < len(tensors):
        plan = None  # the config belongs to something else
    order = list(tensors) if checkpoint.ordered else definition_order(tensors)
    if plan:
        order = planned_order(order, plan)
    verdicts = {**_verdicts(tensors, order, plan), **checkpoint.kinds}
    unused: dict[str, Omission] = {
        **dict.fromkeys(replaced_modules(tensors) if updated or adapter else (), "copy"),
        **dict.fromkeys(averaged_copies(tensors), "copy"),
        **dict.fromkeys(tied_names(tensors, order, plan, config), "tied"),
    }
    specs: list[LayerSpec] = []
    depth = 0
    for name in _with_updates(order, weights, updated, checkpoint):
        if name in updated:
            specs += [replace(spec, depth=depth) for spec in updated[name]]
            depth += 1
            continue
        weight = weights[name]
        info = weight.info
        told = name in checkpoint.kinds
        verdict = verdicts.get(name) if told else _verdict(weight, verdicts.get(name))
        if verdict is None or name in unused:
            continue
        spec = _spec(weight, verdict, depth)
        specs += _stack(spec) if verdict.stacked and spec.status is None else [spec]
        if split_qkv and spec.status is None:
            specs += _parts(spec, info, verdict, tensors, config)
        depth += 1
    known = {part: reason for name, reason in unused.items() for part in weights[name].tensors}
    if plan:
        known |= dict.fromkeys(_untrained(plan, tensors), "buffer")
    layers = with_biases(only_last_heads(specs), checkpoint.tensors)
    layers = with_heads(layers, plan.heads_of if plan else lambda module: None, config)
    return inventory_of(checkpoint, layers, known)


def _untrained(plan: Blueprint, tensors: Mapping[str, TensorInfo]) -> Iterator[str]:
    for name, info in tensors.items():
        found = plan.find(name)
        if found and len(info.shape) > 1 and plan.verdicts.get(found, True) is None:
            yield name


def _with_updates(
    order: list[str],
    weights: Mapping[str, Weight],
    updated: Collection[str],
    checkpoint: Checkpoint,
) -> list[str]:
    """`order` with each adapter's update after the last tensor that it follows in the file."""
    if not updated:
        return order
    of_file = {name: place for place, name in enumerate(checkpoint.tensors)}
    if not checkpoint.ordered:
        of_file = {name: place for place, name in enumerate(definition_order(of_file))}
    places = {name: (of_file[weights[name].tensors[0]], 0) for name in order}
    keys = []
    latest = (-1, 0)
    for name in order:
        latest = max(latest, places[name])
        keys.append((latest, name))
    keys += [((of_file[name], 1), name) for name in updated]
    return [name for _, name in sorted(keys, key=lambda key: key[0])]


def _json_beside(checkpoint: Checkpoint, name: str) -> Mapping[str, Any]:
    text = checkpoint.beside(name)
    if text is None:
        return {}
    try:
        content = lenient_json(text)
    except ValueError as error:
        content, why = None, f"is not JSON: {error}"
    else:
        why = "is not a JSON object"
    if isinstance(content, dict):
        return content
    if name == "config.json":  # costs what it would have said; an adapter's says its scale
        checkpoint.remarks[NO_CONFIG] = None
        return {}
    raise CheckpointError(f"{checkpoint.path}: {name} {why}")


def _verdicts(
    tensors: Mapping[str, TensorInfo], order: list[str], plan: Blueprint | None
) -> dict[str, TensorKind | None]:
    verdicts: dict[str, TensorKind | None] = {**judge(tensors, order)}
    if plan is None:
        return verdicts
    for name in order:
        found = plan.find(name)
        if found is not None and found in plan.verdicts:
            verdict = plan.verdicts[found]
            if verdict is None or len(tensors[name].shape) < 2:
                verdicts.pop(name, None)
            else:
                verdicts[name] = verdict
    return verdicts


def _verdict(weight: Weight, verdict: TensorKind | None) -> TensorKind | None:
    """What a weight is; one that is coded is a matrix whatever its name."""
    if weight.quantized:  # in an order that is not known
        return TensorKind(verdict.kind if verdict else "linear")
    if weight.coding is None:
        return verdict
    verdict = verdict or TensorKind("linear", stacked=len(weight.info.shape) == 3)
    return replace(verdict, transposed=False) if weight.outputs_first else verdict


def _spec(weight: Weight, verdict: TensorKind, depth: int) -> LayerSpec:
    info = weight.info
    layer = layer_name(info.name)
    return LayerSpec(
        layer=layer + weight.mark,
        tensors=weight.tensors,
        kind=verdict.kind,
        role=role_of(layer, verdict.kind, first=depth == 0),
        depth=depth,
        shape=(info.shape[0], math.prod(info.shape[1:])) if verdict.joined else info.shape,
        dtype=info.dtype,
        groups=verdict.groups,
        transposed=verdict.transposed,
        recipe=weight.recipe,
        coded=info.coded,
        coding=weight.coding,
        status=verdict.status
        or ("quantized" if weight.quantized else None if weight.understood else "not-understood"),
    )


def layer_name(tensor: str) -> str:
    """The module path of `tensor`; a parameter that is not plainly ``weight`` keeps its name."""
    return _PARAMETER.sub("", tensor)


def _stack(spec: LayerSpec) -> list[LayerSpec]:
    count = spec.shape[0]
    return [replace(spec, layer=f"{spec.layer}[{i}]", index=i) for i in range(count)]


def _parts(
    spec: LayerSpec,
    info: TensorInfo,
    verdict: TensorKind,
    tensors: Mapping[str, TensorInfo],
    config: Mapping[str, Any],
) -> list[LayerSpec]:
    rows: Mapping[Role, tuple[int, int]] = qkv_rows(info, verdict, tensors, config)
    parts: list[tuple[str, tuple[int, int], Role]] = [
        (part, span, part) for part, span in rows.items()
    ]
    parts += [(gate, span, spec.role) for gate, span in gate_rows(info, tensors).items()]
    return [
        replace(spec, layer=f"{spec.layer}[{part}]", role=role, rows=span, part_of=spec.layer)
        for part, span, role in parts
    ]
