"""Matrices of few bits in blocks, as onnxruntime's MatMulNBits has them.

Layout: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md. Each of N rows
of outputs is cut into blocks of inputs, with a scale and a zero point each; without zero points
they are half of the range.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from zoo_analysis.weights.readers.onnx.onnx_operators import attributes_of
from zoo_analysis.weights.readers.onnx.onnx_steps import Coded
from zoo_analysis.weights.readers.onnx.onnx_values import OnnxTensor, OnnxValues, unpacked

if TYPE_CHECKING:
    import onnx
    import torch


@dataclass(frozen=True)
class Blocks:
    """A matrix in blocks.

    Attributes:
        shape: (outputs, inputs).
        dtype: of its scales.
        scheme: of the numbers (``int4``).
        load: reads and decodes it.
    """

    shape: tuple[int, int]
    dtype: str
    scheme: str
    load: "Callable[[], torch.Tensor]"


def in_blocks(
    node: "onnx.NodeProto", tensor: OnnxTensor, coded: Coded, values: OnnxValues
) -> Blocks | None:
    """The matrix that a MatMulNBits takes; None if its scales are not constants or do not fit.

    Args:
        node: of that type.
        tensor: its packed numbers.
        coded: where its scales are.
        values: of the model.
    """
    told = attributes_of(node)
    into, out, bits, size = (told.get(key, 0) for key in ("K", "N", "bits", "block_size"))
    protos = [coded.scope.constant(name) for name in (coded.scale, coded.zero)]
    reordered = len(node.input) > 4 and node.input[4]
    if bits not in (2, 4, 8) or min(into, out, size) < 1 or protos[0] is None or reordered:
        return None
    scales, zeros = (None if proto is None else values.tensor(proto) for proto in protos)
    blocks = -(-into // size)
    whole = math.prod(tensor.shape) == out * blocks * (size * bits // 8) and not size * bits % 8
    if scales is None or tensor.dtype != "uint8" or not whole:
        return None
    if math.prod(scales.shape) != out * blocks or not scales.dtype.startswith(("float", "bfloat")):
        return None
    if coded.zero and not _zeros_fit(zeros, scales, out, blocks, bits):
        return None
    load = partial(_decode, tensor, scales, zeros, (out, into), bits, size)
    return Blocks((out, into), scales.dtype, f"int{bits}", load)


def _zeros_fit(
    zeros: OnnxTensor | None, scales: OnnxTensor, out: int, blocks: int, bits: int
) -> bool:
    if zeros is None:
        return False
    packed = zeros.dtype == "uint8"
    count = out * -(-blocks * bits // 8) if packed else out * blocks
    return math.prod(zeros.shape) == count and (packed or zeros.dtype == scales.dtype)


def _decode(
    tensor: OnnxTensor,
    scales: OnnxTensor,
    zeros: OnnxTensor | None,
    shape: tuple[int, int],
    bits: int,
    size: int,
) -> "torch.Tensor":
    import torch

    (out, into), blocks = shape, -(-shape[1] // size)
    scale = scales.load()
    weight = unpacked(tensor.load().flatten(), bits, signed=False).to(torch.float32)
    weight = weight.reshape(out, blocks, size)
    if zeros is None:
        weight -= 1 << (bits - 1)
    else:
        stored = zeros.load()
        if zeros.dtype == "uint8":
            stored = unpacked(stored.flatten(), bits, signed=False).reshape(out, -1)[:, :blocks]
        weight -= stored.reshape(out, blocks, 1).to(torch.float32)
    weight *= scale.reshape(out, blocks, 1).to(torch.float32)
    return weight.reshape(out, -1)[:, :into].to(scale.dtype)
