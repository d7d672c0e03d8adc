"""Rows of q, k and v in a fused matrix, and of the gates of recurrent layers.

Only layouts in which each part is one range of rows are told apart: thirds (timm, torch's
MultiheadAttention, GPT-2, in its columns) and q, k, v of grouped-query attention (phi 3, DBRX,
multi-query GPT-BigCode and Falcon). GPT-NeoX, Bloom, other Falcons, CodeGen, InternLM 2, LeViT,
TinyViT, MaxViT and their like interleave the heads, and 1 × 1 convolutions split in many ways:
these have no parts.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.spec import Role, TensorKind

_FUSED: Final = re.compile(
    r"(?P<module>.*?)\.?(?P<last>in_proj_weight|qkv_weight|(qkv|c_attn|qkv_proj|Wqkv|attn_qkv|query_key_value)\.weight)$"
)
_RECURRENT: Final = re.compile(r"(?P<module>(.*\.)?)weight_[ih]h(?P<layer>(_l\d+(_reverse)?)?)$")
_GATES: Final = {3: "rzn", 4: "ifgo"}
_INTERLEAVED_TYPES: Final = ("codegen", "gpt_neox", "bloom", "falcon", "persimmon", "internlm2")
_FALCON: Final = ("falcon", "RefinedWebModel")


def qkv_rows(
    info: TensorInfo,
    verdict: TensorKind,
    tensors: Mapping[str, TensorInfo],
    config: Mapping[str, Any],
) -> dict[Role, tuple[int, int]]:
    """Ranges of the outputs of q, k and v in `info`; empty if it is not fused or not contiguous.

    Args:
        info: a matrix.
        verdict: what it is.
        tensors: all of the checkpoint.
        config: config.json of a transformers model, for the numbers of heads; may be empty.
    """
    match = _FUSED.match(info.name)
    if not match or verdict.kind != "linear" or len(info.shape) != 2:
        return {}
    module, model_type = match["module"], config.get("model_type")
    into, out = info.shape if verdict.transposed else info.shape[::-1]
    if match["last"].startswith("query_key_value"):
        sizes = _sizes(config, out) if _multi_query_falcon(config) else None
        return _ranges(sizes) if sizes else {}
    if model_type in _INTERLEAVED_TYPES or _interleaved(module, tensors):
        return {}
    if sizes := _sizes(config, out):
        return _ranges(sizes)
    last = match["last"]
    if last.startswith("c_attn") and not (
        verdict.transposed or model_type in ("gpt2", "openai-gpt")
    ):
        return {}  # GPT-BigCode interleaves unless it is multi-query
    if out == 3 * into or (last == "in_proj_weight" and out % 3 == 0):
        return _ranges((out // 3,) * 3)
    return {}


def gate_rows(info: TensorInfo, tensors: Mapping[str, TensorInfo]) -> dict[str, tuple[int, int]]:
    """Ranges of the outputs of an LSTM's or a GRU's gates in `info`; empty if it has none.

    torch stacks i, f, g, o of an LSTM and r, z, n of a GRU. The state is as wide as the recurrent
    matrix, or as what a projection (``weight_hr``) takes.
    """
    match = _RECURRENT.match(info.name)
    if not match or len(info.shape) != 2:
        return {}
    recurrent = tensors.get(f"{match['module']}weight_hh{match['layer']}")
    projection = tensors.get(f"{match['module']}weight_hr{match['layer']}")
    if recurrent is None or len((projection or recurrent).shape) != 2:
        return {}
    width = (projection or recurrent).shape[1]
    gates = _GATES.get(info.shape[0] // width if width and info.shape[0] % width == 0 else 0, "")
    return {gate: (i * width, (i + 1) * width) for i, gate in enumerate(gates)}


def _multi_query_falcon(config: Mapping[str, Any]) -> bool:
    """All queries, then the key and the value that they share; other Falcons interleave groups."""
    shared = config.get("multi_query") and not config.get("new_decoder_architecture")
    return config.get("model_type") in _FALCON and bool(shared)


def _interleaved(module: str, tensors: Mapping[str, TensorInfo]) -> bool:
    blocks = re.search(r"(^|\.)attn_(block|grid)(\.|$)", module)
    return bool(blocks) or f"{module}.attention_biases" in tensors


def _sizes(config: Mapping[str, Any], out: int) -> tuple[int, int, int] | None:
    """(q, k, v) where the heads of `config` add up to `out` and k, v are narrower than q."""
    attention = config.get("attn_config")
    heads = _count(config, "num_attention_heads", "n_head", "n_heads")
    kv_heads = _count(config, "num_key_value_heads")
    if not kv_heads and isinstance(attention, dict):
        kv_heads = _count(attention, "kv_n_heads")
    hidden = _count(config, "hidden_size", "n_embd", "d_model")
    if config.get("multi_query"):
        kv_heads = 1
    if not heads or not kv_heads or not hidden:
        return None
    width = _count(config, "head_dim") or hidden // heads
    sizes = heads * width, kv_heads * width, kv_heads * width
    return sizes if sum(sizes) == out else None


def _count(config: Mapping[str, Any], *keys: str) -> int:
    """The first of these that is a number of something; else 0."""
    values = (config.get(key) for key in keys)
    return next((value for value in values if type(value) is int and value > 0), 0)


def _ranges(sizes: tuple[int, int, int]) -> dict[Role, tuple[int, int]]:
    q, k, v = sizes
    return {"q": (0, q), "k": (q, q + k), "v": (q + k, q + k + v)}
