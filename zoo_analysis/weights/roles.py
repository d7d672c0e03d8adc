"""What a matrix is for, told from its name."""

import re
from typing import Final

from zoo_analysis.weights.layer import Kind, Role

_QUERY: Final = (
    r"(?:q|query|q_proj|q_lin|query_proj|to_q|wq|linear_q|q_linear|q_a_proj|q_b_proj|q_attn)"
)
_LAST: Final[tuple[tuple[Role, re.Pattern[str]], ...]] = (
    (
        "qkv",
        re.compile(
            r"^(in_proj|qkv|c_attn|query_key_value|w?qkv(_proj)?|qkv_(proj|conv)|Wqkv|qkv_dw)$"
        ),
    ),
    ("q", re.compile(rf"^{_QUERY}$")),
    ("k", re.compile(rf"^{re.sub('query', 'key', _QUERY).replace('q', 'k')}$")),
    ("v", re.compile(rf"^{re.sub('query', 'value', _QUERY).replace('q', 'v')}$")),
)
_EXPERT: Final = re.compile(
    r"(^|[._])(local_)?(shared_)?experts?([._\d]|$)|moe\.(input|output)_linear$"
)
_ROUTER: Final = re.compile(
    r"(^|[._])(router|gate)$|(^|\.)(moe|mlp|block_sparse_moe|feed_forward)\.(gate|router)(\.|$)"
)
_ATTENTION: Final = re.compile(
    r"(^|[._])(\w*attn\w*|\w*attention\w*|token_mixer|o_proj|out_proj|q_proj|k_proj|v_proj|to_out)([._]|$)",
    re.I,
)
_MLP: Final = re.compile(
    r"(^|[._])(\w*mlp\w*|ffn\w*|ff|fc\d+|intermediate|feed_?forward\w*|up_proj|down_proj|gate_proj"
    r"|gate_up_proj|wi(_\d)?|wo|w[123]|DenseReluDense|dense_h_to_4h|dense_4h_to_h|c_fc"
    r"|lin[12]|linear[12]|layer\.\d+\.output\.dense|ffn_output|full_layer\w*)([._]|$)"
)
_HEAD: Final = re.compile(
    r"^(\w+\.)?(lm_head|head|heads|head_dist|heads?\.\w+|classifier\w*(\.\d+|\.\w+)*|fc|_fc|last_linear|score"
    r"|embed_out|output_projection|head\.(fc|flatten|l)|head\.fc\.fc\d|cls\.predictions\.decoder|qa_outputs"
    r"|logits|output|predictions)$"
)
_STEM: Final = re.compile(
    r"(^|[._])(stem\w*|conv_stem|patch_embed\w*|patch_embeddings?|patchifier|to_patch_embedding)([._]|$)"
)


def role_of(layer: str, kind: Kind, first_conv: bool) -> Role:
    """The role of the layer at the module path `layer`.

    Args:
        layer: module path, with ``in_proj`` for ``in_proj_weight``.
        kind: of the layer.
        first_conv: whether it is the network's first convolution, and sees an image or a signal.
    """
    last = layer.rpartition(".")[2]
    if kind == "embedding":
        return "embedding"
    if first_conv or ("conv" in kind and _STEM.search(layer)):
        return "stem"
    if _ROUTER.search(layer):
        return "router"
    if _EXPERT.search(layer):
        return "expert"
    for role, pattern in _LAST:
        # timm wraps convolutions: …qkv.conv, …qkv.linear
        if pattern.match(last) or pattern.match(
            re.sub(r"\.(conv|linear|proj|c|w)$", "", layer).rpartition(".")[2]
        ):
            return role
    if "conv" in kind and not _HEAD.match(layer):
        return "attention" if _ATTENTION.search(layer) else "conv"
    if _HEAD.match(layer):
        return "head"
    if _MLP.search(layer) and not re.search(r"attention\.output|attn\.(c_proj|fc)", layer):
        return "mlp"
    if _ATTENTION.search(layer):
        return "attention"
    if _STEM.search(layer):
        return "stem"
    return "other"
