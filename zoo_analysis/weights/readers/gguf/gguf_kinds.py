"""Kinds of llama.cpp's tensors, told from its names (gguf.constants.TENSOR_NAMES).

Only where names and shapes alone mislead: other programs keep the names that torch gave.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.spec import TensorKind

_EMBEDDING: Final = re.compile(
    r"(^|\.)(token_types|embed_tokens|attn_rel_b|(?!patch_|class_)\w*_embd)\.weight$"
)
#: Experts, altup's projections, multi-head latent attention by heads, RWKV's mixing.
_STACK: Final = re.compile(
    r"(^|\.)(\w+_(ch)?exps|altup_(unembd_)?proj|attn_[kv]_b|time_mix_w2)\.weight$"
)
#: Depthwise convolutions, which come without their axis of length 1.
_DEPTHWISE: Final = re.compile(r"(^|\.)(ssm_conv1d(_[qkv])?|shortconv\.conv)\.weight$")
#: Norms and other vectors kept by heads, the decays of state spaces by channels.
_VECTORS: Final = re.compile(
    r"(^|\.)((\w+_norm|time_mix_(lerp_\w+|first|decay|[kra]_k|k_a|[wav]0)|channel_mix_lerp_\w+)"
    r"\.weight|ssm_[ad])$"
)


def gguf_kinds(tensors: Mapping[str, TensorInfo]) -> dict[str, TensorKind | None]:
    """Kinds of the tensors whose names say them, None for one that is no matrix.

    Args:
        tensors: of a GGUF checkpoint.
    """
    kinds: dict[str, TensorKind | None] = {}
    for name, info in tensors.items():
        axes = len(info.shape)
        if "float" not in info.dtype or axes < 2 or 0 in info.shape:
            continue
        if _VECTORS.search(name):
            kinds[name] = None
        elif _DEPTHWISE.search(name):
            kinds[name] = TensorKind("conv1d", groups=info.shape[0])
        elif axes == 2 and _EMBEDDING.search(name):
            kinds[name] = TensorKind("embedding")
        elif axes == 3 and _STACK.search(name):
            kinds[name] = TensorKind("linear", stacked=True)
    return kinds


def with_channel_axis(info: TensorInfo) -> TensorInfo:
    """The entry of a depthwise convolution as (channels, 1, length), any other as it is."""
    if not _DEPTHWISE.search(info.name) or len(info.shape) < 2 or 0 in info.shape:
        return info
    return replace(info, shape=(math.prod(info.shape[:-1]), 1, info.shape[-1]))
