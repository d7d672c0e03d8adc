"""MXFP4 and NVFP4: floating numbers of 4 bits with a scale a group.

E2M1 numbers, two a byte, the first in the lower half, times a power of two for every 32 (OCP
Microscaling Formats 1.0) or a float8 for every 16 and one factor for all (NVIDIA's NVFP4). MXFP4 as
gpt-oss, compressed-tensors and transformers' fine-grained float4 write it, NVFP4 as ModelOpt (its
factor multiplies) and compressed-tensors (it divides) do.
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
from zoo_analysis.weights.decoding.packed_bits import looked_up
from zoo_analysis.weights.decoding.scaled import factors
from zoo_analysis.weights.spec import Coding

_E2M1: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
_VALUES: Final = _E2M1 + tuple(-value for value in _E2M1)
_SCALES: Final = frozenset({"scales"})
_NAMINGS: Final = (
    Naming("_blocks", "", {"_scales": "scales"}, _SCALES),
    Naming(
        "_packed",
        "",
        {"_scale": "scales", "_global_scale": "divisor", "_zero_point": "zeros"},
        _SCALES,
    ),
    Naming("", "", {"_scale": "scales", "_scale_2": "factor"}, frozenset({"scales", "factor"})),
    Naming("", "", {"_scale_inv": "scales"}, _SCALES),
    Naming("", "", {"_scale": "scales"}, _SCALES),
)


def _described(found: Found, declared: Declared, read: Read) -> Decodable | None:
    shape, scales = _weight_shape(found), found.parts["scales"]
    if declared is None or shape is None or 0 in shape or "zeros" in found.parts:
        return None
    size = shape[-1] // scales.shape[-1]
    factors = [info for part, info in found.parts.items() if part in ("divisor", "factor")]
    powers = scales.dtype in ("uint8", "float8_e8m0fnu") and size == 32 and not factors
    floats = scales.dtype == "float8_e4m3fn" and size == 16 and len(factors) == 1
    if not (powers or floats) or (found.codes.dtype == "int8" and scales.dtype == "uint8"):
        return None
    if any(math.prod(info.shape) not in (1, *shape[:-2]) for info in factors):
        return None
    scheme = "mxfp4" if powers else "nvfp4"
    return Decodable(Coding("fp4", tuple(found.parts), 4, block=(1, size)), shape, scheme)


def _weight_shape(found: Found) -> tuple[int, ...] | None:
    """The weight's, where codes and scales agree on it."""
    codes, scales = found.codes.shape, found.parts["scales"].shape
    if found.codes.name.endswith("_blocks"):  # (…, out, groups, bytes a group)
        rows, columns = codes[:-2], 2 * math.prod(codes[-2:])
        whole = codes[:-1] == scales
    else:
        rows, columns = codes[:-1], 2 * math.prod(codes[-1:])
        whole = len(scales) > 0 and scales[:-1] == rows and scales[-1] > 0
        whole = whole and columns % scales[-1] == 0
    return (*rows, columns) if whole and len(rows) in (1, 2) else None


def _decoded(
    parts: Mapping[str, torch.Tensor], coding: Coding, shape: tuple[int, ...], index: int
) -> torch.Tensor:
    octets = parts["codes"].flatten(1).view(torch.uint8)
    weight = looked_up(octets, torch.tensor(_VALUES), upper_first=False)
    scales = factors(parts["scales"])
    weight.view(*scales.shape, -1).mul_(scales[..., None])
    if "factor" in parts:
        weight *= parts["factor"].to(torch.float32).reshape(())
    if "divisor" in parts:
        weight /= parts["divisor"].to(torch.float32).reshape(())
    return weight


FP4: Final = Layout("fp4", _NAMINGS, ("uint8", "int8"), _described, _decoded)
