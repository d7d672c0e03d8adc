"""Quantised weights: which tensors hold them, and which can be had exactly."""

import re
from collections.abc import Mapping
from typing import Final

from zoo_analysis.weights.checkpoint import TensorInfo

#: Names under which packed integers are stored: GPTQ and AWQ, compressed-tensors, MXFP4, torchao,
#: HQQ, quanto, and bitsandbytes (an integer ``weight``).
_PACKED: Final = re.compile(
    r"(^|[._])(qweight|weight_packed|blocks|qdata|W_q|_data|_packed|int_data|weight|packed_weight"
    r"|gate_up_proj|down_proj|w[123]|up_proj|gate_proj|in_proj_weight)$|:_?\w*(data|packed)\w*$"
)
_INTEGERS: Final = ("int8", "uint8", "int16", "int32", "uint16", "uint32")
_SUB_BYTE: Final = ("float4_e2m1", "float6_e2m3", "float6_e3m2", "float4_e2m1fn_x2")

#: Names of the scales of float8 weights: what follows the weight's name, and the module's.
_SCALES: Final = ("_scale_inv", "_scale", "_scales", ".scale", ".scales")
_OWN_SCALES: Final = ("scale_weight", "scale", "scales", "scale_inv")

#: What accompanies quantised weights and is no matrix itself.
_COMPANION: Final = re.compile(
    r"(^|[._:])(scales?|scale_inv|zeros|qzeros|zero_points?|g_idx|absmax|quant_map|nested_absmax"
    r"|nested_quant_map|SCB|weight_format|weight_shape|lookup_table|bitsandbytes__\w+"
    r"|scale_(weight|input|output)|scaled_fp8|input_scale|output_scale|weight_scale(_inv|_2)?|_scale|_shift|meta)$"
)


def is_packed(info: TensorInfo) -> bool:
    """True if a tensor holds weights as packed integers, below a byte, or in an unknown coding."""
    if info.dtype in _SUB_BYTE or (info.coded and info.dtype == "uint8" and len(info.shape) > 1):
        return True
    # An index table or an attention mask is an integer too, but of 64 bits or another name.
    return info.dtype in _INTEGERS and len(info.shape) > 1 and bool(_PACKED.search(info.name))


def is_companion(name: str) -> bool:
    """True if the tensor `name` holds scales, zero points or code books of a quantised one."""
    return bool(_COMPANION.search(name))


def float8_scale(
    info: TensorInfo, tensors: Mapping[str, TensorInfo]
) -> tuple[TensorInfo | None, bool]:
    """The scales of the float8 tensor `info`, and whether they can be applied exactly.

    One scale for all, one a row, or one a block of 128 × 128 can be (W = q·s in all of them); any
    other arrangement is reported as quantised.

    Returns:
        (scales or None, exact).
    """
    if not info.dtype.startswith("float8"):
        return None, True
    module, dot, parameter = info.name.rpartition(".")
    names = [info.name + end for end in _SCALES]
    # ComfyUI's "scaled" files and DeepSeek's own keep them beside the weight.
    names += [module + dot + own for own in _OWN_SCALES if parameter == "weight"]
    scales = next((tensors[name] for name in names if name in tensors), None)
    if scales is None:
        return None, True
    stack, matrix = info.shape[:-2], info.shape[-2:]
    shape = scales.shape
    if len(stack) == 1 and shape[:1] == stack:
        shape = shape[1:]
    rows, columns = matrix if len(matrix) == 2 else (0, 0)
    blocks = (-(-rows // 128), -(-columns // 128))
    exact = len(stack) < 2 and shape in ((), (1,), (1, 1), (rows,), (rows, 1), blocks)
    return scales, exact
