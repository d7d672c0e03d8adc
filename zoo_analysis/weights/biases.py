"""Biases of layers: which tensor it is, and its numbers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Final

from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.spec import LayerSpec

if TYPE_CHECKING:
    import torch

_WEIGHT: Final = re.compile(r"(weight|kernel)(?!.*(weight|kernel))")
_FLOATING: Final = re.compile(r"(b?float(16|32|64))$")


def with_biases(
    specs: Sequence[LayerSpec], tensors: Mapping[str, TensorInfo]
) -> tuple[LayerSpec, ...]:
    """The layers with the tensors that are their biases.

    A bias is called as its weight is, with ``bias`` for ``weight`` or ``kernel``, or with ``_bias``
    after it, or ``bias`` in its module; it has one floating number an output, or of a stack one an
    output of each matrix. Where names tell nothing, as in many an ONNX file, there is none.

    Args:
        specs: of the layers.
        tensors: of the checkpoint.
    """
    return tuple(
        spec if (name := _name(spec, tensors)) is None else replace(spec, bias=name)
        for spec in specs
    )


def load_bias(checkpoint: Checkpoint, spec: LayerSpec) -> "torch.Tensor | None":
    """The bias of a layer, (out,); that of a part or of one matrix of a stack alone.

    Args:
        checkpoint: where the layer was found.
        spec: of the layer.

    Returns:
        Its numbers in the stored type; None where it has none.

    Raises:
        CheckpointError: they cannot be read.
    """
    if spec.bias is None:
        return None
    if spec.index is not None:
        bias = checkpoint.read_rows(spec.bias, spec.index, spec.index + 1)
    else:
        bias = checkpoint.read(spec.bias)
    bias = bias.reshape(-1)
    return bias if spec.rows is None else bias[slice(*spec.rows)]


def bias_comes_first(checkpoint: Checkpoint, spec: LayerSpec) -> bool:
    """True where the file has a layer's bias before its weight."""
    if spec.bias is None:
        return False
    return checkpoint.info(spec.bias).storage < checkpoint.info(spec.tensors[0]).storage


def _name(spec: LayerSpec, tensors: Mapping[str, TensorInfo]) -> str | None:
    if spec.status is not None or spec.rank is not None:
        return None
    shape = spec.shape if spec.index is None else spec.shape[1:]
    outputs = shape[1] * spec.groups if spec.transposed else shape[0]
    stack = () if spec.index is None else spec.shape[:1]
    module, dot, last = spec.tensors[0].rpartition(".")
    whole = spec.layer.partition("[")[0]
    for name in (
        f"{module}{dot}{_WEIGHT.sub('bias', last)}",
        f"{module}{dot}{last}_bias",
        f"{whole}.bias",
    ):
        info = tensors.get(name)
        if info is None or name in spec.tensors or info.coded or not _FLOATING.match(info.dtype):
            continue
        if info.shape[: len(stack)] == stack and prod(info.shape[len(stack) :]) == outputs:
            return name
    return None
