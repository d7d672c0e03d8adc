"""Integers that are codes of a weight, told by their type, their name and what is beside them."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
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
#: Elements of the smallest table of codes.
_FEWEST: Final = 64

#: What accompanies quantised weights and is no matrix itself.
_COMPANION: Final = re.compile(
    r"(^|[._:])(scales?|scale_inv|zeros|qzeros|zero_points?|g_idx|absmax|quant_map|nested_absmax"
    r"|nested_quant_map|SCB|weight_format|weight_shape|lookup_table|bitsandbytes__\w+"
    r"|scale_(weight|input|output)|scaled_fp8|input_scale|output_scale|weight_scale(_inv|_2)?|_scale|_shift|meta)$"
)
#: Names that the weight itself has.
_PARAMETER: Final = re.compile(
    r"(^|[._])(weight|gate_up_proj|down_proj|up_proj|gate_proj|w[123]|in_proj_weight)$"
)
#: Tables of places and masks: integers of many elements that are no weights.
_INDEX: Final = re.compile(
    r"(^|[._])(ids|index|indices|idx|mask|bias|tracked|tril|positions?|offsets?|cache)$"
)
#: Parts by which a module shows that its integers are codes, and those that stand for the codes.
_SCALE: Final = re.compile(
    r"(^|[._])(scales?|zeros?|absmax|SCB|S[UV]|Wscale|s|codebooks?|\w*centroids)([._]|$)"
)
_CODEBOOK: Final = re.compile(r"^(\w*codebooks?|\w*centroids)(\.|$)")
#: Names that only one scheme uses.
_SCHEMES: Final = (
    ("hqq", re.compile(r"(^|\.)W_q$")),
    ("aqlm", re.compile(r"(^|\.)codes$")),
    ("quip#", re.compile(r"(^|\.)Qidxs\w*$")),
    ("marlin", re.compile(r"(^|\.)B$")),
    ("quanto", re.compile(r"\._data(\._data)?$")),
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


def by_module(tensors: Iterable[TensorInfo]) -> dict[str, list[TensorInfo]]:
    """`tensors` by their modules, see `module_of`."""
    modules: dict[str, list[TensorInfo]] = defaultdict(list)
    for info in tensors:
        modules[module_of(info.name)].append(info)
    return modules


def module_of(name: str) -> str:
    """The module of the tensor `name`, be it in the module or in one of the weight's own."""
    module = name.rpartition(".")[0]
    parent, _, last = module.rpartition(".")
    while last in ("weight", "_data") or _CODEBOOK.search(last):
        module = parent
        parent, _, last = module.rpartition(".")
    return module


def belongs(name: str) -> bool:
    """True if a tensor beside codes is one of theirs."""
    return is_companion(name) or bool(_SCALE.search(name.rpartition(".")[2]))


def codes_in(
    module: str, own: list[TensorInfo], method: Callable[[], str | None]
) -> dict[str, tuple[str, ...]]:
    """The codes among the tensors of a module, and what else belongs to them.

    Args:
        module: its path.
        own: its tensors.
        method: says the method of quantisation that the model's configuration names.

    Returns:
        By the names of tensors of codes: the weight's plain name, and the names of the others.
    """
    rest = {each.name: each.name.removeprefix(f"{module}.") for each in own}
    codes = [each for each in own if _are_codes(each, own, rest, method)]
    if not codes:
        return {}
    others = [each.name for each in own if each not in codes]
    alone = bool(module) and len(codes) == 1
    companions = [
        name for name in others if belongs(name) or (alone and rest[name] not in ("bias", "weight"))
    ]
    plain = [each.name for each in codes]
    if alone and not _PARAMETER.search(plain[0]):
        plain = [f"{module}.weight"]
    found: dict[str, tuple[str, ...]] = {
        each.name: (name,) for each, name in zip(codes, plain, strict=True)
    }
    found[codes[0].name] += tuple(companions)
    return found


def scheme_of(name: str) -> str | None:
    """The one scheme that calls its codes `name`; None if there is none."""
    return next((scheme for scheme, pattern in _SCHEMES if pattern.search(name)), None)


def _are_codes(
    info: TensorInfo,
    own: list[TensorInfo],
    rest: Mapping[str, str],
    method: Callable[[], str | None],
) -> bool:
    large = len(info.shape) > 1 and (math.prod(info.shape) >= _FEWEST or bool(info.coded))
    if info.dtype not in (*_INTEGERS, *_SUB_BYTE, "int64") or not large:
        return False
    if is_packed(info) or (
        rest[info.name] != "bias" and any(_CODEBOOK.search(name) for name in rest.values())
    ):
        return True
    if _INDEX.search(info.name):
        return False
    floats = [each for each in own if each.dtype.startswith(("float", "bfloat"))]
    if any(_SCALE.search(rest[each.name]) for each in floats):
        return True
    weighty = any(len(each.shape) > 1 for each in floats)
    return not weighty and method() is not None
