"""Kinds of matrices, told from names and shapes of tensors alone.

What is a matrix here: weights of linear layers, convolutions and embeddings, fused and recurrent
projections, stacks of experts and of heads. What is none is for `omission` to say, and of the rest
not understood is what nothing says is a matrix. A table of positions that is an ``nn.Embedding`` is
an embedding.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.layers.groups import guess_groups
from zoo_analysis.weights.layers.omissions import (
    TABLE,
    WEIGHT,
    beside,
    module_and_parameter,
    omission,
)
from zoo_analysis.weights.spec import Kind, TensorKind

#: Stacks of experts under ``weight``, which are as small as kernels of one axis in small models.
_STACK: Final = re.compile(
    r"(^|\.)(\w*experts\.(\w+\.)?|(moe|mlp|block_sparse_moe|experts?|mo[ae])\.|"
    r"(input|output)_linear\.)(\w+_linear\.)?weight$"
)
_EXPERTS: Final = re.compile(r"(^|[._])experts?([._]|$)")
_ROUTERS: Final = ("router", "router.layer", "gate", "gate.wg", "router.classifier")
#: Longer than kernels of one axis over several channels: a stack of matrices.
_LONG: Final = 128
_CONDITIONAL: Final = re.compile(r"(^|\.)conv_(dw|pw|pwl|stem)\.weight$")
_EMBEDDING: Final = re.compile(
    r"(^|[._])(\w*embed(ding|der|s|dings)?(_(in|out|tokens?|positions?|global|layer|table))?"
    r"|\w*embeds_layer|wte|wpe|emb|token_emb|pos_emb|shared|codebook"
    r"|relative_attention_bias|HashBucketCodepointEmbedder|iou_token|mask_tokens|pe_k"
    r"|queries_features|item_embs?)(_?\d+)?$"
)
#: Tables that nn.Embedding holds under a name of no meaning.
_EMBEDDING_PATH: Final = re.compile(
    r"(^|\.)(transformer\.w|\w*embed\w*\.(\d+)|embedding_layers\.\d+|input_embeds_layers\.\d+"
    r"|point_embed\.\d+)\.weight$"
)
_LINEAR_AFTER_ALL: Final = re.compile(
    r"(^|[._])(relative_pos_embeddings|patch_embed\w*|time_embed\w*)$"
)
_TRANSPOSED: Final = re.compile(
    r"(^|[._])(\w*upsampl\w*|ups\.\d+|de_?conv\w*|conv_?t(rans\w*)?(_pre)?|upscale_conv\d*|up_?conv\d*"
    r"|tconv\d*|convtr)(\.|$)"
)
#: A convolution of its own after an upsampling that has no weights: diffusers', Stable Diffusion's.
_AFTER_UPSAMPLING: Final = re.compile(r"(^|\.)(up|upsample|upsamplers)(\.\d+)*(\.upsample)?\.conv$")
#: GPT-2's Conv1D: names of OpenAI's first models, below ``h.N``.
_GPT2: Final = re.compile(r"(^|\.)h\.\d+\.(\w+\.)?(c_attn|q_attn|c_proj|c_fc)\.weight$")

#: XLNet's projections, each (width, heads, width of a head): "ibh,hnd->ibnd", and of o the inverse.
_BY_HEADS: Final = ("q", "k", "v", "o", "r")


def judge(tensors: Mapping[str, TensorInfo], order: Sequence[str]) -> dict[str, TensorKind]:
    """The matrices among `tensors`; why another tensor is none, `omission` tells.

    Args:
        tensors: of a checkpoint.
        order: their names in the order of definition, which tells the inputs of grouped
            convolutions.
    """
    verdicts = {}
    for name in order:
        if verdict := _judge(tensors[name], tensors):
            verdicts[name] = verdict
    gpt2 = _conv1d_layout(tensors)
    # What comes out of an embedding is its width, the second axis.
    groups = guess_groups(
        {
            name: tensors[name].shape[:: -1 if verdict.kind == "embedding" else 1]
            for name, verdict in verdicts.items()
        }
    )
    for name, verdict in verdicts.items():
        if verdict.kind == "linear" and gpt2 and _GPT2.search(name):
            verdicts[name] = TensorKind("linear", transposed=True)
        elif "conv" in verdict.kind and not verdict.transposed:
            verdicts[name] = TensorKind(verdict.kind, groups.get(name, 1))
    return verdicts


def _judge(info: TensorInfo, tensors: Mapping[str, TensorInfo]) -> TensorKind | None:
    name, shape = info.name, info.shape
    if omission(info, tensors) != "not-understood" or info.dtype.startswith("complex"):
        return None
    module, last = module_and_parameter(name)
    if len(shape) == 3 and _is_stack(info, module, last, tensors):
        return TensorKind("linear", transposed=_stack_transposed(name, tensors), stacked=True)
    if last != "weight":
        return _judge_parameter(info, module, last, tensors)
    if len(shape) == 2:
        return _judge_2d(name, module, tensors)
    conv: Mapping[int, tuple[Kind, Kind]] = {
        3: ("conv1d", "conv_transpose1d"),
        4: ("conv2d", "conv_transpose2d"),
        5: ("conv3d", "conv_transpose3d"),
    }
    if len(shape) not in conv:
        return None
    transposed = _is_transposed(module, shape, tensors)
    return TensorKind(conv[len(shape)][transposed], transposed=transposed)


def _is_stack(info: TensorInfo, module: str, last: str, tensors: Mapping[str, TensorInfo]) -> bool:
    """Told by a name of matrices, a long last axis, a router of so many outputs, or a sibling."""
    count, rows, columns = info.shape
    if last == "weight":
        bias = tensors.get(beside(module, "bias"))
        one_each = bias is not None and bias.shape == (count,)
        long = columns > _LONG and rows > 1 and count < max(rows, columns) and not one_each
        return long or bool(_STACK.search(info.name)) or _is_routed(info, module, tensors)
    named = WEIGHT.fullmatch(last) or _EXPERTS.search(info.name)
    return bool(named) or _is_routed(info, module, tensors)


def _is_routed(info: TensorInfo, module: str, tensors: Mapping[str, TensorInfo]) -> bool:
    """True if a router in `module`, or beside it, chooses among as many as are stacked."""
    count, *sides = info.shape
    for parent in (module, module.rpartition(".")[0]):
        for router in _ROUTERS:
            found = tensors.get(beside(parent, f"{router}.weight"))
            if found is not None and found.shape[:1] == (count,) and found.shape[-1] in sides:
                return True
    return False


def _judge_parameter(
    info: TensorInfo, module: str, last: str, tensors: Mapping[str, TensorInfo]
) -> TensorKind | None:
    """A parameter that is not called ``weight``, but as matrices are, or that has a bias."""
    if last in _BY_HEADS and all(
        (other := tensors.get(beside(module, name))) and other.shape == info.shape
        for name in _BY_HEADS
    ):
        return TensorKind("linear", transposed=last != "o", joined=True)
    if len(info.shape) != 2:
        return None
    if TABLE.search(last):
        return TensorKind("embedding")
    if _EXPERTS.search(module) and re.fullmatch(r"[vw]\d", last):  # DBRX's, one below the other
        return None
    if not WEIGHT.fullmatch(last) and not _has_bias(info, module, last, tensors):
        return None
    # torch's own multiply by the transpose; CLIP and others by the parameter as it stands.
    return TensorKind("linear", transposed="weight" not in last)


def _has_bias(info: TensorInfo, module: str, last: str, tensors: Mapping[str, TensorInfo]) -> bool:
    bias = tensors.get(beside(module, f"{last}_bias")) or tensors.get(beside(module, f"{last}_b"))
    return bias is not None and len(bias.shape) == 1 and bias.shape[0] in info.shape


def _judge_2d(name: str, module: str, tensors: Mapping[str, TensorInfo]) -> TensorKind | None:
    if _CONDITIONAL.search(name):  # a bank of flattened kernels, mixed anew for every input
        return None
    last = module.rpartition(".")[2]
    embedding = _EMBEDDING.search(last) and not _LINEAR_AFTER_ALL.search(last)
    if beside(module, "bias") in tensors:
        return TensorKind("linear")
    return TensorKind("embedding" if embedding or _EMBEDDING_PATH.search(name) else "linear")


def _is_transposed(module: str, shape: tuple[int, ...], tensors: Mapping[str, TensorInfo]) -> bool:
    """A bias has one entry an output, and outputs are the second axis of transposed kernels."""
    bias = tensors.get(beside(module, "bias"))
    outputs = bias.shape[0] if bias and len(bias.shape) == 1 else None
    if outputs is not None and shape[0] != shape[1]:
        return outputs == shape[1] and outputs != shape[0]
    if _AFTER_UPSAMPLING.search(module):
        return False
    return bool(_TRANSPOSED.search(module)) and math.prod(shape[2:]) > 1 and shape[1] > 1


def _conv1d_layout(tensors: Mapping[str, TensorInfo]) -> bool:
    """True if linear layers are stored as (in, out): their biases match the second axis."""
    votes = 0
    for name, info in tensors.items():
        bias = tensors.get(f"{name.removesuffix('.weight')}.bias")
        if _GPT2.search(name) and len(info.shape) == 2 and bias and info.shape[0] != info.shape[1]:
            votes += 1 if bias.shape == info.shape[1:] else -1
    return votes > 0


def _stack_transposed(name: str, tensors: Mapping[str, TensorInfo]) -> bool:
    """Experts are stored (E, out, in) or, in gpt-oss, llama 4 and aria, (E, in, out)."""
    stem = re.sub(r"(gate_up_proj|down_proj)$", "", name)
    gate_up, down = tensors.get(f"{stem}gate_up_proj"), tensors.get(f"{stem}down_proj")
    if not gate_up or not down or len(gate_up.shape) != 3 or len(down.shape) != 3:
        return False
    (_, a, b), (_, c, d) = gate_up.shape, down.shape
    return (a, b) == (d, 2 * c) and (a, b) != (2 * d, c)
