"""Description of one weight matrix, known before a byte of it is read."""

from dataclasses import dataclass, field
from typing import Final, Literal

from zoo_analysis.texts import clean

Kind = Literal[
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "embedding",
    "lora",  # low-rank updates
    "loha",  # other updates of an adapter
    "lokr",
    "delora",
    "c3a",
    "adapter",  # no matrix of its factors alone
    "product",  # of two matrices of one head of attention
]

#: Why a matrix has a row and no spectrum.
Status = Literal["quantized", "not-understood"]

#: How several tensors make one weight; see `effective_weight`.
Recipe = Literal["weight_norm", "spectral_norm", "mask"]

#: Why a tensor is part of no layer. Those of `UNMEASURED` are, or may be, matrices all the same.
Omission = Literal[
    "vector",  # or scalar, in any dress: biases, norms, layer scales
    "token",  # class and register tokens, learned queries
    "position-table",  # a bare parameter or buffer: positions, relative position biases
    "buffer",  # statistics and other state that is not trained
    "mask",
    "codebook",  # of a vector quantiser
    "copy",  # of weights that are measured: averages, teachers, modules that were replaced
    "tied",  # stored anew, though the network uses another tensor in its place
    "view",  # shows numbers of a tensor that is measured: its transpose, a part of it
    "training-state",  # of optimisers and their like
    "empty",
    "packed",  # codes of quantised weights that are not read, with scales and zero points
    "factor",  # of an adapter's update that is not computed
    "not-understood",
]

#: Reasons that leave a matrix without numbers.
UNMEASURED: Final[tuple[Omission, ...]] = ("packed", "factor", "not-understood")

Role = Literal[
    "embedding",
    "stem",
    "conv",
    "q",
    "k",
    "v",
    "qkv",
    "attention",  # output projections and other matrices of an attention block
    "mlp",
    "expert",
    "router",
    "head",  # the final classification layer, or a language model's output projection
    "other",
    "qk",  # what a head of attention scores by: queries and keys multiplied
    "ov",  # what it writes of what it reads: values and output multiplied
]


@dataclass(frozen=True)
class TensorKind:
    """Kind and layout of one tensor of matrices.

    Attributes:
        kind: of the layer.
        groups: of a convolution.
        transposed: see `LayerSpec`.
        stacked: its first axis counts matrices, such as experts.
        joined: its axes after the first are one, as of projections by heads.
        status: None, or why the file alone tells no spectrum of it; see `LayerSpec`.
    """

    kind: Kind
    groups: int = 1
    transposed: bool = False
    stacked: bool = False
    status: Status | None = None
    joined: bool = False


@dataclass(frozen=True)
class Coding:
    """How the tensors of a layer code its weight; see `weights.decoding`.

    Attributes:
        layout: name of the layout.
        parts: what the layer's first tensors are, in their order (``codes``, ``scales``, …).
        bits: of one code.
        block: rows and columns of the weight that share a scale; None where one is for all, or
            for a row or a column.
        zero_offset: what is added to zero points as they are stored.
    """

    layout: str
    parts: tuple[str, ...]
    bits: int = 8
    block: tuple[int, int] | None = None
    zero_offset: int = 0


@dataclass(frozen=True)
class LayerSpec:
    """One matrix (or one convolution kernel) of a checkpoint.

    Attributes:
        layer: module path without its parameter name (``blocks.0.attn.qkv``); a part of a fused
            matrix or of a stack carries it in brackets (``…qkv[q]``, ``…experts.down_proj[3]``).
            Cleaned, as the tables keep it.
        tensors: the checkpoint tensors it is made of, as the file names them: one; the factors of
            an adapter's update, for LoRA ``(B, A)`` or ``(B, A, alpha)``; the codes, their scales
            and so on of a quantised one; those of `recipe`.
        depth: position in the network, counted from 0 over the model's stored matrices; the
            matrices of one stack and the parts of one fused matrix share the depth of the whole.
        shape: of the stored tensor, or of what it decodes to, heads and their widths joined;
            ``(out, in)`` of an update.
        groups: of a convolution.
        transposed: stored as (in, out): GPT-2's Conv1D, transposed convolutions.
        index: which matrix of a stack of expert matrices.
        rows: ``[start, stop)`` of a fused matrix along its output axis (columns, if transposed).
        part_of: the fused layer this one is a part of; parts never enter averages.
        scale: factor of an update (lora_alpha / r).
        rank: an upper bound of an update's rank, r for LoRA; None for what is no update.
        recipe: how `tensors` make the weight, where it is reparametrised or pruned.
        coded: the scheme in which the file keeps the weight (``q4_k``), where that is not a plain
            floating type; its spectrum is that of the decoded weight.
        coding: how `tensors` are decoded to the weight, where they hold codes.
        status: None, or why no spectrum can be had (``quantized``, ``not-understood``).
        bias: the tensor with the layer's bias, one number an output; None where it has none.
        heads: of a projection to queries, or that part of a fused one, the heads that it is for;
            None where neither the architecture nor the configuration says it.
    """

    layer: str
    tensors: tuple[str, ...]
    kind: Kind
    role: Role
    depth: int
    shape: tuple[int, ...]
    dtype: str
    groups: int = 1
    transposed: bool = False
    index: int | None = None
    rows: tuple[int, int] | None = None
    part_of: str | None = None
    scale: float = 1.0
    rank: int | None = None
    recipe: Recipe | None = None
    coded: str | None = None
    coding: Coding | None = None
    status: Status | None = field(default=None)
    bias: str | None = None
    heads: int | None = None

    def __post_init__(self) -> None:
        clean(self, "bias")

    @property
    def precision(self) -> str:
        """The type in which the file keeps the weight: of numbers, or a scheme that codes them."""
        return self.coded or self.dtype
