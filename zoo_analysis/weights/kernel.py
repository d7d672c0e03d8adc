"""Loads one layer as a kernel in canonical shape."""

import math
from typing import Final

import torch

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.effective import effective_weight
from zoo_analysis.weights.layers.lora import lora_core
from zoo_analysis.weights.spec import LayerSpec

#: Side of the square blocks that share a scale in float8 checkpoints in DeepSeek's manner.
SCALE_BLOCK: Final = 128


def kernel_dims(spec: LayerSpec) -> tuple[int, int, int, int]:
    """(groups, out per group, in per group, kernel elements) of `spec`, from the header alone.

    For a LoRA pair of rank r these are those of its core, (1, min(out, r), min(in, r), 1).
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
    mapped file; float16, bfloat16 and float8 become float32. A LoRA pair gives its core in float64,
    whose singular values are the non-zero ones of the update (see `lora_core`).

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
    if spec.kind == "lora":
        return lora_core(checkpoint, spec)[None]
    stored = _read(checkpoint, spec)
    weight = _floating(checkpoint, spec, stored)
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
    if checkpoint.info(name).shape != spec.shape:
        raise CheckpointError(
            f"{checkpoint.path}: {name} has shape {checkpoint.info(name).shape}, not {spec.shape}"
        )
    if spec.recipe is not None:  # lengths and norms are those of the whole
        return checkpoint.read(name)
    if spec.index is not None:
        return checkpoint.read_rows(name, spec.index, spec.index + 1)[0]
    if spec.rows is not None and not spec.transposed:
        return checkpoint.read_rows(name, *spec.rows)
    return checkpoint.read(name)


def _own_rows(spec: LayerSpec, whole: torch.Tensor) -> torch.Tensor:
    if spec.index is not None:
        return whole[spec.index]
    return whole if spec.rows is None or spec.transposed else whole[slice(*spec.rows)]


def _floating(checkpoint: Checkpoint, spec: LayerSpec, stored: torch.Tensor) -> torch.Tensor:
    if stored.dtype in (torch.float32, torch.float64):
        return stored
    if not stored.is_floating_point():
        raise CheckpointError(f"{checkpoint.path}: {spec.layer} is {stored.dtype}, not floating")
    weight = stored.to(torch.float32)
    if stored.dtype.itemsize == 1 and spec.recipe is None and len(spec.tensors) == 2:
        weight *= _expanded(_scales(checkpoint, spec), weight)
    return weight


def _scales(checkpoint: Checkpoint, spec: LayerSpec) -> torch.Tensor:
    name = spec.tensors[1]
    scales = checkpoint.read(name).to(torch.float32)
    stacked = spec.index is not None and scales.ndim > 0 and scales.shape[0] == spec.shape[0]
    if stacked and scales.numel() > 1:
        scales = scales[spec.index]
    if spec.rows is None or spec.transposed or scales.numel() == 1:
        return scales
    start, stop = spec.rows
    if scales.shape[0] == spec.shape[0]:
        return scales[start:stop]
    # A part need not begin where a block of scales does.
    return scales.repeat_interleave(SCALE_BLOCK, dim=0)[start:stop]


def _expanded(scales: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """`scales` (one, one a row, or one a block of 128 × 128) against the matrix `weight`."""
    if scales.numel() == 1:
        return scales.reshape(1)
    if scales.ndim == 1:
        return scales[:, None]
    rows, columns = weight.shape
    if scales.shape[0] != rows:
        scales = scales.repeat_interleave(SCALE_BLOCK, dim=0)[:rows]
    if scales.shape[1] not in (1, columns):
        scales = scales.repeat_interleave(SCALE_BLOCK, dim=1)[:, :columns]
    return scales
