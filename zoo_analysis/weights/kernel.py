"""Loads one layer as a kernel in canonical shape."""

import math
from typing import Final

import torch

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.decoding.by_layout import decoded
from zoo_analysis.weights.effective import effective_weight
from zoo_analysis.weights.layers.adapters.cores import update_core
from zoo_analysis.weights.scratch import LARGE, release_scratch, scratch
from zoo_analysis.weights.spec import LayerSpec

#: Elements of a large matrix that are converted at a time.
_AT_ONCE: Final = 1 << 22


def kernel_dims(spec: LayerSpec) -> tuple[int, int, int, int]:
    """(groups, out per group, in per group, kernel elements) of `spec`, from the header alone.

    For an update of rank r these are those of its core, (1, min(out, r), min(in, r), 1).
    """
    if spec.rank is not None:
        out, into = spec.shape
        return 1, min(out, spec.rank), min(into, spec.rank), 1
    shape = spec.shape if spec.index is None else spec.shape[1:]
    first, second = shape[0], math.prod(shape[1:2])
    groups, rest = spec.groups, math.prod(shape[2:])
    if spec.transposed:  # (in, out / groups, *kernel)
        out, into = second, first // groups
    else:  # (out, in / groups, *kernel)
        out, into = first // groups, second
    if spec.rows is not None:
        out = spec.rows[1] - spec.rows[0]
    return groups, out, into, rest


def load_kernel(checkpoint: Checkpoint, spec: LayerSpec) -> torch.Tensor:
    """The kernel of `spec`, shape (groups, out / groups, in / groups, *kernel), floating.

    float32 and float64 stay what they are and, where the stored order allows, are a view of the
    mapped file; float16, bfloat16, float8 and what codes decode to become float32, large ones on
    disk (see `scratch`). An adapter's update gives a core in float64, whose singular values are the
    non-zero ones of the update (see `update_core`).

    Args:
        checkpoint: where `spec` was found by `list_layers`.
        spec: the layer.

    Raises:
        CheckpointError: a quantised layer, tensors that are missing or unreadable, or a shape that
            is not what `spec` says.
    """
    try:
        return _kernel(checkpoint, spec)
    except (RuntimeError, IndexError, ZeroDivisionError) as error:  # torch's, of shapes and types
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"{checkpoint.path}: the tensors of {spec.layer} do not fit each other: {why}"
        ) from error


def _kernel(checkpoint: Checkpoint, spec: LayerSpec) -> torch.Tensor:
    if spec.status is not None:
        raise CheckpointError(f"{checkpoint.path}: {spec.layer} is {spec.status}: no kernel")
    if spec.rank is not None:
        return update_core(checkpoint, spec)[None]
    if spec.coding is not None:
        weight = decoded(checkpoint, spec)
        weight = weight if spec.index is not None else _own_rows(spec, weight)
    else:
        weight = _floating(checkpoint, spec, _read(checkpoint, spec))
    if spec.recipe is not None:
        weight = _own_rows(spec, effective_weight(checkpoint, spec, weight))
    groups, out, into, _ = kernel_dims(spec)
    if spec.transposed:
        by_group = weight.reshape(groups, into, -1, *weight.shape[2:]).transpose(1, 2)
        if spec.rows is not None:
            by_group = by_group[:, spec.rows[0] : spec.rows[1]]
        return by_group
    return weight.reshape(groups, out, into, *weight.shape[2:])


def _read(checkpoint: Checkpoint, spec: LayerSpec) -> torch.Tensor:
    name = spec.tensors[0]
    stored = checkpoint.info(name).shape
    if stored != spec.shape and (stored[0], math.prod(stored[1:])) != spec.shape:
        raise CheckpointError(f"{checkpoint.path}: {name} has shape {stored}, not {spec.shape}")
    if spec.recipe is not None:  # lengths and norms are those of the whole
        return checkpoint.read(name)
    if spec.index is not None:
        return checkpoint.read_rows(name, spec.index, spec.index + 1)[0]
    if spec.rows is not None and not spec.transposed:
        return checkpoint.read_rows(name, *spec.rows)
    large = 4 * math.prod(spec.shape) >= LARGE
    if large and (spec.coded or spec.dtype in ("float16", "bfloat16")):
        return _converted(checkpoint, spec)
    return checkpoint.read(name).reshape(spec.shape)


def _converted(checkpoint: Checkpoint, spec: LayerSpec) -> torch.Tensor:
    """The tensor in float32, converted some rows at a time and not held in memory."""
    weight = scratch(spec.shape)
    step = max(1, _AT_ONCE // math.prod(spec.shape[1:]))
    for start in range(0, len(weight), step):
        stop = min(start + step, len(weight))
        rows = checkpoint.read_rows(spec.tensors[0], start, stop)
        weight[start:stop] = rows.reshape(stop - start, *spec.shape[1:])
        release_scratch()
    return weight


def _own_rows(spec: LayerSpec, whole: torch.Tensor) -> torch.Tensor:
    if spec.index is not None:
        return whole[spec.index]
    return whole if spec.rows is None or spec.transposed else whole[slice(*spec.rows)]


def _floating(checkpoint: Checkpoint, spec: LayerSpec, stored: torch.Tensor) -> torch.Tensor:
    if stored.dtype in (torch.float32, torch.float64):
        return stored
    if not stored.is_floating_point():
        raise CheckpointError(f"{checkpoint.path}: {spec.layer} is {stored.dtype}, not floating")
    return stored.to(torch.float32)
