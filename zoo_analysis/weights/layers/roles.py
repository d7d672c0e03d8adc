"""Roles of matrices in a network (q, mlp, head, …), told from their names."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from zoo_analysis.weights.spec import Kind, LayerSpec, Role

_QUERY: Final = (
    r"(q|query|(q|query)_(proj|lin|linear|attn|dense)|(to|linear|query)_q|wq|q_[ab]_proj"
    r"|(cross_)?attn_q(_[ab])?)"
)
_FUSED: Final = r"(w?qkv|Wqkv|(attn_)?qkv(_proj|_conv|_dw)?|c_attn|query_key_value)"
_PROJECTIONS: Final[tuple[tuple[Role, re.Pattern[str]], ...]] = (
    ("qkv", re.compile(rf"{_FUSED}$")),
    ("q", re.compile(rf"{_QUERY}$")),
    ("k", re.compile(rf"{_QUERY.replace('query', 'key').replace('q', 'k')}$")),
    ("v", re.compile(rf"{_QUERY.replace('query', 'value').replace('q', 'v')}$")),
)
#: What wrappers of layers add to a path: timm's …qkv.conv, gemma's …q_proj.linear.
_WRAPPER: Final = re.compile(r"\.(conv|linear|proj|c|w|layer)$")
_EXPERT: Final = re.compile(
    r"(^|[._])experts?([._\d]|$)|(moe|mlp)\.(input|output)_linear$|(^|\.)ffn_\w+_(ch|sh)?exps?$"
)
_ROUTER: Final = re.compile(
    r"(^|\.)((moe|mlp|block_sparse_moe|feed_forward)\.gate|\w*router(\.\w+)?|ffn_gate_inp)$"
)
_ATTENTION: Final = re.compile(
    r"(^|[._])(\w*attn\w*|\w*attention\w*|att|xca|(e_)?mhsa|mhca|factoratt\w*|token_mixer|[okqv]_proj"
    r"|out_proj|to_out)([._]|$)",
    re.IGNORECASE,
)
_MLP: Final = re.compile(
    r"(^|[._])(\w*mlp\w*|ffn\w*|ff|fc\d+|intermediate|feed_?forward\w*|(gate|up|down|gate_up)_proj"
    r"|wi(_\d)?|wo|w[123]|DenseReluDense|dense_h_to_4h|dense_4h_to_h|c_fc|pwconv\d|lin[12]"
    r"|linear[12]|layer\.\d+\.output\.dense)([._]|$)"
)
#: The end of an attention block may be called as that of an MLP is.
_ATTENTION_OUTPUT: Final = re.compile(
    r"attention\.output|att\w*\.(c_proj|fc|wo)(\.|$)", re.IGNORECASE
)
_HEAD: Final = re.compile(
    r"^(\w+\.)?((\w*lm_head|heads?\w*|aux_head|\w*classifier)(\.(\d+|fc\d?|l|linear|proj|dense|classifier"
    r"|decoder|head|head_dist|flatten))*|_?fc|last_linear|score|embed_out|output_projection|proj_out"
    r"|(\w+\.)?predictions\.decoder|vocab_projector|qa_outputs|logits|lm_loss|classif|pred_layer\.proj"
    r"|output|predictions|head\.fc\.fc\d)$"
)
_STEM: Final = re.compile(
    r"(^|[._])(stem\w*|conv_stem|patch_embe?d\w*(?!\.backbone)|pixel_embed|patchifier)([._]|$)"
)
_BODY: Final = re.compile(r"backbone\.(stages|layer\d|blocks|\d)")


def role_of(layer: str, kind: Kind, first: bool) -> Role:
    """The role of the layer at the module path `layer`.

    Args:
        layer: module path, with ``in_proj`` for ``in_proj_weight``.
        kind: of the layer.
        first: whether it is the network's first matrix.
    """
    path = _WRAPPER.sub("", layer)
    conv = "conv" in kind
    if kind == "embedding":
        return "embedding"
    if (first and conv) or (_STEM.search(layer) and not _BODY.search(layer)):
        return "stem"
    if _ROUTER.search(layer):
        return "router"
    if _EXPERT.search(layer):
        return "expert"
    for role, pattern in _PROJECTIONS:
        if pattern.match(layer.rpartition(".")[2]) or pattern.match(path.rpartition(".")[2]):
            return role
    attention = _ATTENTION.search(layer)
    if attention and path.endswith("in_proj"):
        return "qkv"
    if _HEAD.match(layer):
        return "head"
    if conv:
        return "attention" if attention else "conv"
    if _MLP.search(layer) and not _ATTENTION_OUTPUT.search(layer):
        return "mlp"
    return "attention" if attention else "other"


def only_last_heads(specs: Sequence[LayerSpec]) -> list[LayerSpec]:
    """`specs` in which of a head of several layers (VGG's ``classifier.0 .3 .6``) the last is it.

    Heads side by side, as wide as each other, all stay.
    """
    last = {_unnumbered(spec.layer): spec for spec in specs if spec.role == "head"}

    def corrected(spec: LayerSpec) -> LayerSpec:
        final = last.get(_unnumbered(spec.layer))
        if spec.role != "head" or final is None or spec.shape[0] == final.shape[0]:
            return spec
        return replace(spec, role="conv" if "conv" in spec.kind else "mlp")

    return [corrected(spec) for spec in specs]


def _unnumbered(layer: str) -> str:
    return re.sub(r"\d+$", "", layer)
