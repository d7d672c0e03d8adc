"""Quantised weights: which tensors are codes, of which weight, and what else belongs to it.

Layouts that are understood are those of `weights.decoding`. Integers that look like codes of any
other are weights too, of which no spectrum can be had.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.decoding.by_layout import LAYOUTS
from zoo_analysis.weights.decoding.layout import Declared, Found
from zoo_analysis.weights.layers.composed import Weight
from zoo_analysis.weights.lenient_json import lenient_json

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
_CODEBOOK: Final = re.compile(r"(^|[._])(codebooks?|\w*centroids)([._]|$)")
#: Names that only one scheme uses.
_SCHEMES: Final = (
    ("hqq", re.compile(r"(^|\.)W_q$")),
    ("aqlm", re.compile(r"(^|\.)codes$")),
    ("quip#", re.compile(r"(^|\.)Qidxs\w*$")),
    ("marlin", re.compile(r"(^|\.)B$")),
    ("quanto", re.compile(r"\._data(\._data)?$")),
)


def is_packed(info: TensorInfo) -> bool:
    """True if a tensor holds weights as packed integers or in a type below a byte."""
    if info.dtype in _SUB_BYTE:
        return True
    # An index table or an attention mask is an integer too, but of 64 bits or another name.
    return info.dtype in _INTEGERS and len(info.shape) > 1 and bool(_PACKED.search(info.name))


def is_companion(name: str) -> bool:
    """True if the tensor `name` holds scales, zero points or code books of a quantised one."""
    return bool(_COMPANION.search(name))


def coded_weights(checkpoint: Checkpoint, config: Mapping[str, Any]) -> dict[str, Weight]:
    """The coded weights of `checkpoint`, by the name of the tensor of their codes.

    The name of a weight's info is its plain one, which no tensor has; its tensors are the parts in
    the order of its coding, and then whatever else belongs to it.

    Args:
        checkpoint: whose headers are looked at, and where they do not say it, small tensors.
        config: contents of config.json; may be empty.
    """
    tensors = checkpoint.tensors
    says = _Declaration(checkpoint, config)
    weights: dict[str, Weight] = {}
    taken: set[str] = set()
    for info in tensors.values():
        weight = _of_known_layout(info, checkpoint, says)
        if weight is not None:
            weights[info.name] = weight
            taken.update(weight.tensors)
    modules: dict[str, list[TensorInfo]] = defaultdict(list)
    for info in tensors.values():
        if info.name not in taken:
            modules[_module(info.name)].append(info)
    for info in [each for own in modules.values() for each in own]:
        if info.name in taken or not _may_be_codes(info):
            continue
        own = modules[_module(info.name)]
        if _are_codes(info, own, modules, says):
            weights[info.name] = weight = _unknown(info, own, modules, says.method)
            taken.update(weight.tensors)
    for name, weight in weights.items():
        own = modules.pop(_module(name), [])
        rest = [each.name for each in own if each.name not in taken and _belongs(each.name)]
        weights[name] = replace(weight, tensors=(*weight.tensors, *rest))
        taken.update(rest)
    return {name: _apart(weight, tensors, taken) for name, weight in weights.items()}


class _Declaration:
    """What the model's configuration says of its quantisation, looked up when it is asked for."""

    def __init__(self, checkpoint: Checkpoint, config: Mapping[str, Any]) -> None:
        self._checkpoint, self._config = checkpoint, config
        self.given: Declared = _quantization(config)

    @cached_property
    def said(self) -> Declared:
        """``quantization_config``; empty if there is no configuration, None if it is silent."""
        if self.given is not None:
            return self.given
        config = self._beside("config.json")
        if found := _quantization(config or {}):
            return found
        # AutoGPTQ's and AutoAWQ's own files, and ModelOpt's.
        for name in ("quantize_config.json", "quant_config.json", "hf_quant_config.json"):
            if (own := self._beside(name)) is not None:
                return own
        return {} if config is None and not self._config else None

    @property
    def method(self) -> str | None:
        """The method of quantisation; None where nothing says it."""
        method = (self.said or {}).get("quant_method")
        return method if isinstance(method, str) else None

    def _beside(self, name: str) -> Mapping[str, Any] | None:
        text = self._checkpoint.beside(name)
        try:
            content = None if text is None else lenient_json(text)
        except ValueError:
            content = {}
        return content if content is None or isinstance(content, dict) else {}


def _quantization(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Of the model, or of the language model in it."""
    for part in (config, *(each for each in config.values() if isinstance(each, dict))):
        if isinstance(found := part.get("quantization_config"), dict):
            return found
    return None


def _of_known_layout(info: TensorInfo, checkpoint: Checkpoint, says: _Declaration) -> Weight | None:
    first: Found | None = None
    for layout in LAYOUTS.values():
        found = layout.find(info, checkpoint.tensors)
        if found is None or len(info.shape) < 2:
            continue
        known = layout.undeclared and layout.describe(found, says.given, checkpoint.read)
        known = known or layout.describe(found, says.said, checkpoint.read)
        if known:
            plain = replace(
                info, name=found.plain, shape=known.shape, dtype=known.dtype, coded=known.scheme
            )
            names = tuple(part.name for part in found.parts.values())
            return Weight(
                plain,
                names,
                coding=known.coding,
                outputs_first=layout.outputs_first,
            )
        first = first or found
    if first is None:
        return None
    names = tuple(part.name for part in first.parts.values())
    scheme = None if info.dtype.startswith("float") else says.method or _named(info.name)
    plain = replace(info, name=first.plain, coded=scheme)
    return Weight(plain, names, quantized=True)


def _may_be_codes(info: TensorInfo) -> bool:
    if info.dtype in _SUB_BYTE:
        return True
    whole = info.dtype in (*_INTEGERS, "int64")
    return whole and len(info.shape) > 1 and math.prod(info.shape) >= _FEWEST


def _are_codes(
    info: TensorInfo,
    own: list[TensorInfo],
    modules: Mapping[str, list[TensorInfo]],
    says: _Declaration,
) -> bool:
    """True if `info` holds codes, as its type, its name or the rest `own` of its module tell."""
    narrow = info.dtype != "int64"
    if is_packed(info):
        return True
    if any(_code_books(info.name, own, modules)):
        return True
    if _INDEX.search(info.name):
        return False
    floats = [each for each in own if each.dtype.startswith(("float", "bfloat"))]
    if any(_SCALE.search(_parameter(each.name)) for each in floats):
        return True
    weighty = any(len(each.shape) > 1 for each in floats)
    return narrow and not weighty and says.method is not None


def _unknown(
    info: TensorInfo,
    own: list[TensorInfo],
    modules: Mapping[str, list[TensorInfo]],
    method: str | None,
) -> Weight:
    module, parameter = _module(info.name), _parameter(info.name)
    codes = [each for each in own if _may_be_codes(each) and not _INDEX.search(each.name)]
    whole = bool(module) and len(codes) == 1
    others = [
        each.name
        for each in own
        if each.name != info.name
        and (_belongs(each.name) or whole)
        and not (parameter == "bias" or _parameter(each.name) in ("bias", "weight"))
    ]
    others += _code_books(info.name, [], modules)
    plain = info.name
    if whole and not _PARAMETER.search(info.name):
        plain = f"{module.removesuffix('.weight')}.weight"
    return Weight(
        replace(info, name=plain, coded=method or _named(info.name)),
        (info.name, *others),
        quantized=True,
    )


def _belongs(name: str) -> bool:
    """True if a tensor beside codes is one of theirs."""
    return is_companion(name) or bool(_SCALE.search(_parameter(name)))


def _code_books(
    name: str, own: list[TensorInfo], modules: Mapping[str, list[TensorInfo]]
) -> list[str]:
    """Names of the code books of a module, in it or in a module of their own."""
    inside = [each.name for each in own if _CODEBOOK.search(_parameter(each.name))]
    child = f"{_module(name)}."
    return inside + [
        each.name
        for module, found in modules.items()
        if module.startswith(child) and _CODEBOOK.search(module.removeprefix(child))
        for each in found
    ]


def _named(name: str) -> str | None:
    return next((scheme for scheme, pattern in _SCHEMES if pattern.search(name)), None)


def _apart(weight: Weight, tensors: Mapping[str, TensorInfo], taken: set[str]) -> Weight:
    """`weight` under the name of its codes where its plain name is another tensor's."""
    name = weight.info.name
    if name not in tensors or name in taken:
        return weight
    return replace(weight, info=replace(weight.info, name=weight.tensors[0]))


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _parameter(name: str) -> str:
    return name.rpartition(".")[2]
