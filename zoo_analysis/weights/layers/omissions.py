"""Why a tensor is no matrix: told by its type, axes and neighbours first, and then by its name."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.layers.adapters.factors import is_factor
from zoo_analysis.weights.layers.quantized import is_companion, is_packed
from zoo_analysis.weights.spec import Omission

#: Parameters that are multiplied with activations, by the last word of their names: what is not
#: called ``weight`` is a ``kernel``, ``w1``, ``W_Q``, ``q_proj``, ``mm_weight``.
WEIGHT: Final = re.compile(
    r"weight|weight_([ih]h|hr)(_l\d+(_reverse)?)?"
    r"|(\w+(?<!pos)(?<!gaussian)_)?(weights?|kernel|matrix|linear|fc|[wW])\d*|\w*proj(ection)?\d*"
    r"|[vw]\d+|diff|[wW][qkvou]|W_(?!pos)\w+"
)
_NORM: Final = re.compile(r"(?P<of>\w*?)_?(layer_?)?norm\w*|bn\d*|ln(_\w+|\d+)?|grn|gn\d*", re.I)

#: Scales that are also names of the vectors of a norm: of a quantised weight only beside one.
_AMBIGUOUS: Final = re.compile(r"(^|[._])(_?scales?|zeros|_shift|meta)$")
_CODED: Final = ("weight", "qweight", "weight_packed", "w")
_OPTIMISER: Final = re.compile(
    r"^(optim(izer)?(s|_states?)?|opt_state)\.|(^|\.)((max_)?exp_avg(_sq)?|momentum_buffer|square_avg)$"
)

#: Names of parameters and buffers with two axes or more, in the order in which they are asked.
_NAMED: Final[tuple[tuple[Omission, re.Pattern[str]], ...]] = (
    ("mask", re.compile(r"(^|_)(masks?|tril|triu|masked_bias)(_(cached?|buffer))?$")),
    ("codebook", re.compile(r"(^|_)(codebooks?|code_?book_?\w*)$")),
    (
        "position-table",
        re.compile(
            r"(^|_)(rel|relative|rope|rotary|alibi|pe|inv_freq|freqs?|cos|sin|coords?"
            r"|(abs_?|rel_?)?pos(emb|itions?|itional)?\d*|temporal|time_emb\w*)(_|$)|(attention|attn)_bias"
        ),
    ),
    (
        "buffer",
        re.compile(
            r"(^|_)(running_\w+|ema_\w+|embed_(avg|sum)|cluster_(size|usage)|moving_\w+|queue|decay"
            r"|mean|std|var|window|filters?|fbanks?|mel_\w+|anchors?|cache|strides?)$"
        ),
    ),
    (
        "token",
        re.compile(
            r"(^|_)(tokens?|quer(y|ies)|latents?|registers?|prompts?|slots?|prototypes?|memory"
            r"|level_embed|cls|class_embed\w*|seeds?)(_|$)"
        ),
    ),
    (
        "vector",
        re.compile(
            r"(^|_)(bias(es)?|alphas?|betas?|gammas?|lambdas?|scales?|gains?|slopes?|temperatures?"
            r"|ls\d*|layer_?scale\w*|b|D|A_log|dt)(_[uv\d])?$"
        ),
    ),
)
#: Modules that hold such things under a name that says nothing (``embedding``, ``weights.0``).
_POSITIONS: Final = re.compile(r"(^|[._])(pos|rel_pos|posi?tion(al)?|rotary|rope)([._]|$)")
_FIXED: Final = re.compile(r"(^|[._])(i?d[cf]t|stft|fft|wavelet)([._]|$)")
#: Tables of words that are bare parameters.
TABLE: Final = re.compile(r"(word|tok(en)?(_type)?)_?emb|^W_E$|^wte$")


def omission(info: TensorInfo, tensors: Mapping[str, TensorInfo]) -> Omission:
    """Why the tensor `info` is no matrix; ``not-understood`` where nothing says that it is none.

    `judge` takes its matrices from among those, and what it leaves of them is not understood.

    Args:
        info: of a tensor.
        tensors: all of its checkpoint, in which its neighbours are looked up.
    """
    if 0 in info.shape:
        return "empty"
    if is_factor(info.name):
        return "factor"
    if info.dtype == "bool":
        return "mask"
    if _is_coded(info) or (is_companion(info.name) and _beside_coded(info.name, tensors)):
        return "packed"
    if info.dtype.startswith("complex") and len(info.shape) > 1:  # of Fourier layers
        return "not-understood"
    if not info.dtype.startswith(("float", "bfloat")):
        return "buffer"
    if _OPTIMISER.search(info.name):
        return "training-state"
    path, last = module_and_parameter(info.name)
    weight = WEIGHT.fullmatch(last)
    if len(info.shape) > 1 and last == "weight":
        return _of_weight(info, path, tensors)
    if len(info.shape) == 2 and weight and re.search("^weight_|_weight$", last):  # a side may be 1
        return "not-understood"
    found = next((reason for reason, named in _NAMED if named.search(last)), None)
    if sum(size > 1 for size in info.shape) < 2:
        still = found == "buffer" and not last.endswith("decay")
        return "buffer" if still or last == "inv_freq" else "vector"
    return _of_parameter(info, path, last, found, tensors)


def module_and_parameter(name: str) -> tuple[str, str]:
    """The module of the tensor `name`, and its own name there; numbers in a list are of neither."""
    module, _, last = name.rpartition(".")
    while last.isdigit() and module:
        module, _, last = module.rpartition(".")
    return module, last


def beside(module: str, parameter: str) -> str:
    """The name of `parameter` of `module`, which may be the whole network (an empty path)."""
    return f"{module}.{parameter}" if module else parameter


def _of_weight(info: TensorInfo, module: str, tensors: Mapping[str, TensorInfo]) -> Omission:
    """A vector, if a norm has it: one axis, or the shape of its bias, or a neighbour's outputs.

    So are the factors of channels that LyCORIS' IA³ has, with a flag of the side they are on.
    """
    if sum(axis > 1 for axis in info.shape) < 2 and beside(module, "on_input") in tensors:
        return "vector"
    bias = tensors.get(beside(module, "bias"))
    if bias is not None and bias.shape == info.shape:  # a norm over several axes
        return "vector"
    parent, _, last = module.rpartition(".")
    norm = _NORM.fullmatch(last)
    if norm is None:
        return "not-understood"
    size = math.prod(info.shape)
    if sum(length > 1 for length in info.shape) < 2:
        return "vector"
    # One norm a head, (heads × width of a head): Cohere, Chameleon.
    outputs = (_outputs(name, tensors) for name in _normed(parent, norm["of"] or ""))
    return "vector" if any(out == size for out in outputs) else "not-understood"


def _normed(parent: str, of: str) -> Iterable[str]:
    for module in (f"{of}_proj", of, f"to_{of}", f"w{of}", "qkv_proj", "qkv"):
        yield beside(parent, f"{module}.weight")


def _outputs(name: str, tensors: Mapping[str, TensorInfo]) -> int | None:
    info = tensors.get(name)
    return info.shape[0] if info is not None and len(info.shape) == 2 else None


def _of_parameter(
    info: TensorInfo,
    path: str,
    last: str,
    named: Omission | None,
    tensors: Mapping[str, TensorInfo],
) -> Omission:
    if _FIXED.search(path):
        return "buffer"
    positions = _POSITIONS.search(path) is not None
    if WEIGHT.fullmatch(last) and not (positions and last == "weights"):
        return "not-understood"
    square = len(info.shape) == 4 and info.shape[-1] == info.shape[-2]
    if last == "bias" and square and beside(path, "weight") not in tensors:
        return "mask"  # GPT-2's causal one
    if last in ("embed", "embedding") and f"{path}.cluster_size" in tensors:
        return "codebook"
    if len(info.shape) == 2 and TABLE.search(last):
        return "not-understood"
    if named is None and positions:
        return "position-table"
    if named is None and len(info.shape) > 2 and "embed" in last:
        return "token"
    return named or "not-understood"


def _is_coded(info: TensorInfo) -> bool:
    return is_packed(info) or info.name.endswith(".weight_integer")


def _beside_coded(name: str, tensors: Mapping[str, TensorInfo]) -> bool:
    if not _AMBIGUOUS.search(name):
        return True
    module = name.rpartition(".")[0]
    own = re.sub(r"[._:]?_?(scales?|zeros|shift|meta)$", "", name)
    names = [own, *(beside(module, weight) for weight in _CODED)]
    return any(name in tensors and _is_of_few_bits(tensors[name]) for name in names)


def _is_of_few_bits(info: TensorInfo) -> bool:
    return is_packed(info) or info.dtype.startswith("float8")
