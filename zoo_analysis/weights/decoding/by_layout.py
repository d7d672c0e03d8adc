"""The layouts that are understood, and the one way to decode a weight of any of them."""

from collections.abc import Mapping
from typing import Final

import torch

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.decoding.bitsandbytes_4bit import BITSANDBYTES_4BIT
from zoo_analysis.weights.decoding.coded_layout import Layout
from zoo_analysis.weights.decoding.gptq import AWQ, GPTQ
from zoo_analysis.weights.decoding.microscaled import FP4
from zoo_analysis.weights.decoding.pack_quantized import PACK_QUANTIZED
from zoo_analysis.weights.decoding.scaled import FLOAT8, INT8, LLM_INT8
from zoo_analysis.weights.spec import LayerSpec

#: By name; where several take a tensor for theirs, the first that understands all parts has it.
LAYOUTS: Final[Mapping[str, Layout]] = {
    layout.name: layout
    for layout in (
        BITSANDBYTES_4BIT,
        GPTQ,
        AWQ,
        PACK_QUANTIZED,
        FP4,
        LLM_INT8,
        FLOAT8,
        INT8,
    )
}


def decoded(checkpoint: Checkpoint, spec: LayerSpec) -> torch.Tensor:
    """The weight of a layer with a coding, float32; one matrix of a stack, all of a fused one.

    Args:
        checkpoint: where `spec` was found.
        spec: a layer with a coding.

    Raises:
        CheckpointError: parts that are missing, unreadable, or do not fit each other.
    """
    assert spec.coding is not None
    layout = LAYOUTS[spec.coding.layout]
    parts = {
        part: _part(checkpoint, spec, name, layout.cut)
        for part, name in zip(spec.coding.parts, spec.tensors, strict=False)
    }
    shape = spec.shape if spec.index is None else spec.shape[1:]
    try:
        weight = layout.decode(parts, spec.coding, shape, spec.index or 0)
    except (RuntimeError, ValueError, IndexError) as error:
        raise CheckpointError(
            f"{checkpoint.path}: {spec.tensors[0]}: not decoded as {layout.name}: "
            f"{str(error).splitlines()[0]}"
        ) from None
    if tuple(weight.shape) != shape:
        raise CheckpointError(
            f"{checkpoint.path}: {spec.tensors[0]}: decoded as {layout.name} it has shape "
            f"{tuple(weight.shape)}, not {shape}"
        )
    return weight


def _part(checkpoint: Checkpoint, spec: LayerSpec, name: str, cut: bool) -> torch.Tensor:
    stacked = checkpoint.info(name).shape[:1] == spec.shape[:1]
    if cut and spec.index is not None and stacked:
        return checkpoint.read_rows(name, spec.index, spec.index + 1)[0]
    return checkpoint.read(name)
