"""compressed-tensors' ``pack-quantized``: integers of 1 to 8 bits in words of 32, without gaps.

W = (q − z)·s, q and z less half their range as they are stored, with a scale for all, a row or a
group of a row (package compressed-tensors, compressors/pack_quantized).
"""

import math
from collections.abc import Mapping
from typing import Final

import torch

from zoo_analysis.weights.decoding.coded_layout import (
    Declared,
    Decodable,
    Found,
    Layout,
    Naming,
    Read,
)
from zoo_analysis.weights.decoding.packed_bits import unpacked
from zoo_analysis.weights.spec import Coding


def _described(found: Found, declared: Declared, read: Read) -> Decodable | None:
    packed, scales = found.codes.shape, found.parts["scales"].shape
    if len(packed) < 2 or found.shape("shape") != (len(packed),):
        return None
    if found.parts["shape"].dtype not in ("int32", "int64"):
        return None
    shape = tuple(int(side) for side in read(found.parts["shape"].name))
    *rows, words = packed
    into = shape[-1]
    if shape[:-1] != tuple(rows) or not 0 < into <= 32 * words:
        return None
    bits = 32 * words // into
    groups = scales[-1] if len(scales) == len(shape) else 1
    fits = 1 <= bits <= 8 and -(-into * bits // 32) == words and groups > 0 and into % groups == 0
    order, zeros = found.shape("g_idx"), found.shape("zeros")
    by_row = scales == (*rows, groups) or math.prod(scales) == 1
    tight = zeros in (None, scales, (*rows[:-1], -(-rows[-1] * bits // 32), groups))
    if not (fits and by_row and tight) or order not in (None, (into,)):
        return None
    coding = Coding("pack-quantized", tuple(found.parts), bits, block=(1, into // groups))
    return Decodable(coding, shape, f"pack-quantized-{bits}bit")


def _decoded(
    parts: Mapping[str, torch.Tensor], coding: Coding, shape: tuple[int, ...], index: int
) -> torch.Tensor:
    out, into = shape
    assert coding.block is not None
    half = 1 << (coding.bits - 1)
    weight = unpacked(parts["codes"], coding.bits, into).to(torch.float32)
    scales, zeros = parts["scales"].to(torch.float32), parts.get("zeros")
    if zeros is None:
        weight -= half
    elif zeros.shape == parts["scales"].shape:  # one for all is not packed
        weight -= half
        weight -= _by_input(zeros.to(torch.float32), parts, coding, into)
    else:
        plain = unpacked(zeros.T, coding.bits, out).T
        weight -= _by_input(plain.to(torch.float32), parts, coding, into)
    weight *= _by_input(scales, parts, coding, into)
    return weight


def _by_input(
    groups: torch.Tensor, parts: Mapping[str, torch.Tensor], coding: Coding, into: int
) -> torch.Tensor:
    """Values (rows, groups) for each input; as they are where there is one group."""
    if groups.numel() == 1 or groups.shape[-1] == 1:
        return groups
    order = parts.get("g_idx")
    if order is None or int(order.min()) < 0:  # -1 where there is no order
        assert coding.block is not None
        return groups.repeat_interleave(coding.block[1], dim=-1)
    if int(order.max()) >= groups.shape[-1]:
        raise ValueError(f"g_idx speaks of other groups than its {groups.shape[-1]}")
    return groups[:, order.to(torch.int64)]


PACK_QUANTIZED: Final = Layout(
    "pack-quantized",
    (
        Naming(
            "_packed",
            "",
            {
                "_scale": "scales",
                "_shape": "shape",
                "_zero_point": "zeros",
                "_g_idx": "g_idx",
            },
            frozenset({"scales", "shape"}),
        ),
    ),
    ("int32",),
    _described,
    _decoded,
    undeclared=True,
)
