"""Numbers of 8 bits times scales: float8, int8, LLM.int8.

W = (q − z)·s, with one scale for all, for a row or column, for a group of a row, or for a block of
rows and columns (DeepSeek-V3's report, arXiv 2412.19437: 128 × 128). That holds for scales called
``scale_inv`` too. Written by transformers (fine-grained and FBGEMM float8), compressed-tensors,
ModelOpt, torchao, quanto and ComfyUI; LLM.int8 (Dettmers et al. 2022, arXiv 2208.07339;
bitsandbytes) has W = q·SCB/127 with the largest entry of each row as SCB.
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
from zoo_analysis.weights.spec import Coding

Shape = tuple[int, ...]

_FLOATS: Final = ("float16", "bfloat16", "float32", "float64")
#: Methods whose integers of 8 bits lie in the matrix's own order.
_INT8_WRITERS: Final = ("compressed-tensors", "torchao", "quanto")
_FLOAT8: Final = (
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
)
#: Side of the square blocks of DeepSeek's float8, where no configuration says another.
_SIDE: Final = 128
_PLAIN: Final = Naming(
    "",
    "",
    {"_scale_inv": "scales", "_scale": "scales", "_zero_point": "zeros", "_g_idx": "g_idx"},
    frozenset({"scales"}),
)
#: Names that are only used for float8: an int8 tensor beside them may be of any layout.
_OF_FLOAT8: Final = (
    Naming("", "", {"_scales": "scales", ".scale": "scales", ".scales": "scales"}, _PLAIN.needed),
    Naming(
        "weight",
        "weight",
        dict.fromkeys(("scale_weight", "scale", "scales", "scale_inv"), "scales"),
        _PLAIN.needed,
    ),
)
_TORCHAO: Final = (
    Naming(
        "_weight_qdata",
        "weight",
        {"_weight_scale": "scales", "_weight_zero_point": "zeros"},
        _PLAIN.needed,
    ),
    Naming(":qdata", "", {":scale": "scales", ":zero_point": "zeros"}, _PLAIN.needed),
)
_QUANTO: Final = Naming("._data", "", {"._scale": "scales"}, _PLAIN.needed)


def _described_float8(found: Found, declared: Declared, read: Read) -> Decodable | None:
    shape, block = found.codes.shape, _block(declared)
    scales = found.parts["scales"]
    known = scales.dtype in (*_FLOATS, "float8_e8m0fnu", "uint8")
    if not known or not _fits(shape, scales.shape, block) or "g_idx" in found.parts:
        return None
    coding = Coding("float8", tuple(found.parts), block=block)
    return Decodable(coding, shape, None, found.codes.dtype)


def _described_int8(found: Found, declared: Declared, read: Read) -> Decodable | None:
    method = (declared or {}).get("quant_method", "compressed-tensors")
    shape, scales = found.codes.shape, found.shape("scales")
    if declared is None or method not in _INT8_WRITERS or scales is None or len(shape) < 2:
        return None
    if found.parts["scales"].dtype not in _FLOATS or not _fits(shape, scales, _block(declared)):
        return None
    # torchao's integers of 4 bits have scales a group, in another order.
    if method != "compressed-tensors" and math.prod(scales) not in (1, shape[0]):
        return None
    order = found.shape("g_idx")
    if found.shape("zeros") not in (None, scales) or order not in (None, shape[-1:]):
        return None
    coding = Coding("int8", tuple(found.parts), block=_block(declared))
    return Decodable(coding, shape, "int8")


def _described_llm_int8(found: Found, declared: Declared, read: Read) -> Decodable | None:
    shape, form = found.codes.shape, found.parts.get("form")
    if declared is None or len(shape) != 2 or found.shape("row_maxima") != shape[:1]:
        return None
    # 0 is the order of rows; others are those of GPU kernels.
    if form is not None and (form.nbytes, form.dtype) != (1, "uint8"):
        return None
    if form is not None and int(read(form.name)) != 0:
        return None
    return Decodable(Coding("llm-int8", tuple(found.parts)), shape, "llm-int8")


def _block(declared: Declared) -> tuple[int, int] | None:
    """Rows and columns of a block, as the configuration says; None if it does not."""
    groups = (declared or {}).get("config_groups")
    weights = [
        group.get("weights")
        for group in (groups.values() if isinstance(groups, dict) else ())
        if isinstance(group, dict)
    ]
    said = [each.get("block_structure") for each in weights if isinstance(each, dict)]
    for block in ((declared or {}).get("weight_block_size"), *said):
        if isinstance(block, list | tuple) and len(block) == 2:
            rows, columns = block
            if type(rows) is type(columns) is int and rows > 0 and columns > 0:
                return rows, columns
    return None


def _fits(shape: Shape, scales: Shape | None, block: tuple[int, int] | None) -> bool:
    """True if `scales` are those of a matrix or of a stack of matrices of this shape."""
    if scales is None or not shape:
        return False
    stacked = len(shape) == 3 and scales[:1] == shape[:1]
    return bool(_span(shape, scales, block) or (stacked and _span(shape[1:], scales[1:], block)))


def _span(shape: Shape, scales: Shape, block: tuple[int, int] | None) -> tuple[int, int] | None:
    """Rows and columns that share one of `scales`; None if that is unclear."""
    rows, columns = shape[0], math.prod(shape[1:])
    if math.prod(scales) == 1:
        return rows, columns
    if math.prod(scales) == rows and scales[0] == rows:
        return 1, columns
    if len(shape) != 2 or 0 in scales:
        return None
    if math.prod(scales) == columns and scales[-1] == columns:
        return rows, 1
    if len(scales) != 2:
        return None
    sides = block or (_SIDE, _SIDE)
    if scales == (-(-rows // sides[0]), -(-columns // sides[1])):
        return sides
    sides = rows // scales[0], columns // scales[1]
    even = (sides[0] * scales[0], sides[1] * scales[1]) == shape
    powers = all(side & (side - 1) == 0 for side in sides)
    return sides if even and powers and block is None else None


def factors(scales: torch.Tensor) -> torch.Tensor:
    """Scales in float32, where those of type uint8 are exponents of two, biased by 127."""
    if scales.dtype == torch.uint8:
        exponents = scales.to(torch.int32) - 127
        return torch.ldexp(torch.ones_like(exponents, dtype=torch.float32), exponents)
    return scales.to(torch.float32)


def _times_scales(weight: torch.Tensor, scales: torch.Tensor, coding: Coding) -> torch.Tensor:
    span = _span(tuple(weight.shape), tuple(scales.shape), coding.block)
    if span is None:
        raise ValueError(f"scales of shape {tuple(scales.shape)} do not fit {tuple(weight.shape)}")
    matrix = weight.flatten(1)
    (rows, columns), (down, across) = matrix.shape, span
    grid = factors(scales).reshape(-(-rows // down), -(-columns // across))
    if grid.shape[1] > 1:
        grid = grid.repeat_interleave(across, dim=1)[:, :columns]
    if grid.shape[0] > 1:
        grid = grid.repeat_interleave(down, dim=0)[:rows]
    matrix *= grid
    return weight


def _decoded(
    parts: Mapping[str, torch.Tensor], coding: Coding, shape: Shape, index: int
) -> torch.Tensor:
    weight = parts["codes"].to(torch.float32)
    scales, zeros, order = parts["scales"], parts.get("zeros"), parts.get("g_idx")
    if order is not None:  # which group of scales each input has
        order = order.to(torch.int64)
        if order.numel() and not 0 <= int(order.min()) <= int(order.max()) < scales.shape[-1]:
            raise ValueError(f"g_idx speaks of other groups than its {scales.shape[-1]}")
        scales, zeros = scales[:, order], None if zeros is None else zeros[:, order]
    if zeros is not None:
        ones = torch.ones_like(weight)
        weight -= _times_scales(ones, zeros, coding)
    return _times_scales(weight, scales, coding)


def _decoded_llm_int8(
    parts: Mapping[str, torch.Tensor], coding: Coding, shape: Shape, index: int
) -> torch.Tensor:
    weight = parts["codes"].to(torch.float32)
    weight *= parts["row_maxima"].to(torch.float32)[:, None] / 127
    return weight


FLOAT8: Final = Layout(
    "float8",
    (_PLAIN, *_OF_FLOAT8, *_TORCHAO, _QUANTO),
    _FLOAT8,
    _described_float8,
    _decoded,
    undeclared=True,
    outputs_first=False,
)
INT8: Final = Layout(
    "int8",
    (_PLAIN, *_TORCHAO, _QUANTO),
    ("int8",),
    _described_int8,
    _decoded,
    outputs_first=False,
)
LLM_INT8: Final = Layout(
    "llm-int8",
    (
        Naming(
            "weight",
            "weight",
            {"SCB": "row_maxima", "weight_format": "form"},
            frozenset({"row_maxima"}),
        ),
    ),
    ("int8",),
    _described_llm_int8,
    _decoded_llm_int8,
)
