"""Kinds of matrices, told from names and shapes of tensors alone.

What is a matrix here: weights of linear layers, convolutions and embeddings, fused and recurrent
projections, stacks of experts. Not matrices: vectors in any dress (norms, layer scales), biases,
position tables that are bare parameters, relative position biases, class and register tokens,
masks, running statistics and other buffers, code books. A table of positions that is an
``nn.Embedding`` is an embedding.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.layers.groups import guess_groups
from zoo_analysis.weights.spec import Kind, TensorKind

#: Parameters that are multiplied with activations.
_MATRIX: Final = re.compile(
    r"(^|\.)(weight|in_proj_weight|[qkv]_proj_weight|out_proj_weight|qkv_weight"
    r"|weight_[ih]h_l\d+(_reverse)?|weight_[ih]h|weight_hr_l\d+(_reverse)?"
    r"|proj|text_projection)$"
)
_STACK: Final = re.compile(
    r"(^|\.)(\w*experts\.(\w+\.)?(gate_up_proj|gate_proj|up_proj|down_proj|w[123]|v1|weight)"
    r"|(moe|mlp|block_sparse_moe|experts?|mo[ae])\.(input_linear|output_linear)\.weight"
    r"|(input_linear|output_linear)\.weight)$"
)
_NORM: Final = re.compile(r"(^|[._])(\w*norm\w*|bn\d*|ln(_\w+|\d+)?|grn|layernorm\w*|gn\d*)$", re.I)
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
#: GPT-2's Conv1D: names of OpenAI's first models, below ``h.N``.
_GPT2: Final = re.compile(r"(^|\.)h\.\d+\.(\w+\.)?(c_attn|q_attn|c_proj|c_fc)\.weight$")


def judge(tensors: Mapping[str, TensorInfo], order: Sequence[str]) -> dict[str, TensorKind]:
    """The matrices among `tensors`.

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
    if not info.dtype.startswith(("float", "bfloat")) or len(shape) < 2 or 0 in shape:
        return None
    if len(shape) == 3 and _STACK.search(name):
        return TensorKind("linear", transposed=_stack_transposed(name, tensors), stacked=True)
    matched = _MATRIX.search(name)
    if not matched:
        return None
    module = name[: matched.start()]
    last = module.rpartition(".")[2]
    if _NORM.search(last):
        return None
    if len(shape) == 2:
        return _judge_2d(name, module, last, matched.group(2), tensors)
    if matched.group(2) in ("proj", "text_projection") or len(shape) > 5:
        return None
    conv: Mapping[int, tuple[Kind, Kind]] = {
        3: ("conv1d", "conv_transpose1d"),
        4: ("conv2d", "conv_transpose2d"),
        5: ("conv3d", "conv_transpose3d"),
    }
    transposed = _is_transposed(module, shape, tensors)
    return TensorKind(conv[len(shape)][transposed], transposed=transposed)


def _judge_2d(
    name: str, module: str, last: str, parameter: str, tensors: Mapping[str, TensorInfo]
) -> TensorKind | None:
    if _CONDITIONAL.search(name):  # a bank of flattened kernels, mixed anew for every input
        return None
    if parameter in ("proj", "text_projection"):  # CLIP multiplies x @ proj
        return TensorKind("linear", transposed=True)
    embedding = _EMBEDDING.search(last) and not _LINEAR_AFTER_ALL.search(last)
    if parameter != "weight" or _beside(module, "bias") in tensors:
        return TensorKind("linear")
    return TensorKind("embedding" if embedding or _EMBEDDING_PATH.search(name) else "linear")


def _is_transposed(module: str, shape: tuple[int, ...], tensors: Mapping[str, TensorInfo]) -> bool:
    """A bias has one entry an output, and outputs are the second axis of transposed kernels."""
    bias = tensors.get(_beside(module, "bias"))
    outputs = bias.shape[0] if bias and len(bias.shape) == 1 else None
    if outputs is not None and shape[0] != shape[1]:
        return outputs == shape[1] and outputs != shape[0]
    return bool(_TRANSPOSED.search(module)) and math.prod(shape[2:]) > 1 and shape[1] > 1


def _beside(module: str, parameter: str) -> str:
    return f"{module}.{parameter}" if module else parameter


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
