"""Matrices of a model that make a block together: heads of attention, mixtures of experts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from zoo_analysis.weights.spec import Kind, LayerSpec

_PART: Final = re.compile(r"\[q\]$")
#: The number of an expert in its layer's name: of a stack, or of a module of its own.
_NUMBERED: Final = (re.compile(r"\[\d+\]$"), re.compile(r"(?<=experts[._])\d+|(?<=expert[._])\d+"))
_ROLES: Final = ("q", "k", "v", "attention")
_TOLD: Final = {
    "none": "neither attention by heads nor experts: no blocks to measure",
    "apart": "attention of which q, k, v and output are not told apart has no products of heads",
    "heads": "neither architecture nor config.json tells how many heads: no products",
    "fit": "the number of heads does not fit the sides of the projections: no products of heads",
}


@dataclass(frozen=True)
class BlockSpec(LayerSpec):
    """Several matrices that are measured together, described as the first of them.

    Attributes:
        parts: of attention W_Q, W_K, W_V and W_O; else the experts, all of one shape.
        kv_heads: of attention, heads of keys and values.
    """

    parts: tuple[LayerSpec, ...] = ()
    kv_heads: int = 0


@dataclass(frozen=True)
class ModelBlocks:
    """The blocks of a model.

    Attributes:
        specs: of them, in the order of depth.
        remarks: in a sentence each, what cannot be measured, and why.
    """

    specs: tuple[BlockSpec, ...]
    remarks: tuple[str, ...]


def blocks_of(specs: Sequence[LayerSpec]) -> ModelBlocks:
    """The blocks that layers make.

    Args:
        specs: of the layers, fused projections with their parts.
    """
    usable = [spec for spec in specs if spec.status is None and spec.rank is None]
    found: list[BlockSpec] = []
    missing: list[str] = []
    projections = [spec for spec in usable if spec.role in _ROLES]
    fused = {spec.part_of for spec in projections}
    for spec in usable:
        if spec.role == "q":
            block = _attention(spec, projections)
            if isinstance(block, BlockSpec):
                found.append(block)
            else:
                missing.append(block)
        elif spec.role == "qkv" and spec.layer not in fused:
            missing.append("apart")
    some = len(found)
    remarks = [
        (f"{missing.count(why)} of {some + len(missing)} blocks: " if some else "") + _TOLD[why]
        for why in dict.fromkeys(missing)
    ]
    found += _experts(usable)
    if not found and not missing:
        remarks = [_TOLD["none"]]
    return ModelBlocks(tuple(sorted(found, key=lambda block: block.depth)), tuple(remarks))


def _attention(query: LayerSpec, specs: Sequence[LayerSpec]) -> BlockSpec | str:
    """The block of a projection to queries, or why there is none."""
    inner = _PART.sub("", query.layer).rpartition(".")[0]
    for module in (inner, inner.rpartition(".")[0]):  # BERT: attention.self, attention.output
        beside = [spec for spec in specs if module and spec.layer.startswith(f"{module}.")]
        # Convolutions may be among them that make the keys' and values' input smaller (SegFormer).
        linear = [spec for spec in beside if spec.kind == "linear"]
        by_role = [[spec for spec in linear if spec.role == role] for role in _ROLES]
        if all(len(found) == 1 for found in by_role):
            return _of_heads(module, tuple(found[0] for found in by_role))
    return "apart"


def _of_heads(module: str, parts: tuple[LayerSpec, ...]) -> BlockSpec | str:
    heads = parts[0].heads
    if heads is None:
        return "heads"
    (queries, _), (keys, _), (values, _), (_, read) = map(sides, parts)
    width, rest = divmod(queries, heads)
    kv_heads = keys // width if width else 0
    if rest or not kv_heads or keys % width or heads % kv_heads or values % kv_heads:
        return "fit"
    if heads * (values // kv_heads) != read:
        return "fit"
    return _block(module, parts, "product", heads, kv_heads)


def _experts(specs: Sequence[LayerSpec]) -> Iterator[BlockSpec]:
    """Experts that are alike, a block for each matrix that all of them have."""
    groups: dict[tuple[str, tuple[int, int]], list[LayerSpec]] = {}
    for spec in specs:
        if spec.role != "expert" or spec.part_of is not None or spec.kind != "linear":
            continue
        name = spec.layer
        for number in _NUMBERED:
            name = number.sub("*", name)
        if name != spec.layer:
            groups.setdefault((name, sides(spec)), []).append(spec)
    for (name, _), parts in groups.items():
        if len(parts) > 1:
            yield _block(name, tuple(parts), "linear", None, 0)


def _block(
    name: str, parts: tuple[LayerSpec, ...], kind: Kind, heads: int | None, kv_heads: int
) -> BlockSpec:
    first = parts[0]
    return BlockSpec(
        layer=name,
        tensors=tuple(dict.fromkeys(tensor for part in parts for tensor in part.tensors)),
        kind=kind,
        role=first.role,
        depth=first.depth,
        shape=sides(first),
        dtype=first.dtype,
        coded=first.coded,
        heads=heads,
        parts=parts,
        kv_heads=kv_heads,
    )


def sides(spec: LayerSpec) -> tuple[int, int]:
    """Outputs and inputs of a matrix, of a stack or of fused ones those of its own."""
    shape = spec.shape if spec.index is None else spec.shape[1:]
    out, into = reversed(shape[:2]) if spec.transposed else shape[:2]
    return (spec.rows[1] - spec.rows[0], into) if spec.rows is not None else (out, into)
