"""Layouts of quantised weights: the names of their tensors, their signs, their decoders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.spec import Coding

if TYPE_CHECKING:
    import torch

#: Reads one small tensor of the checkpoint while its layers are listed.
Read = Callable[[str], "torch.Tensor"]
#: What the model's configuration says of its quantisation; None if it says nothing.
Declared = Mapping[str, Any] | None


@dataclass(frozen=True)
class Naming:
    """Names of the tensors of one weight, all of which begin alike.

    Attributes:
        codes: how the name of the tensor of codes ends; empty if it is the weight's own.
        plain: what takes the place of that ending in the weight's plain name.
        beside: ending → what the tensor is, of the parts that decoding takes.
        needed: parts without which the tensors are not of this layout.
    """

    codes: str
    plain: str
    beside: Mapping[str, str]
    needed: frozenset[str]


@dataclass(frozen=True)
class Found:
    """The tensors of one coded weight.

    Attributes:
        plain: the weight's plain name (``….q_proj.weight``).
        parts: by what they are, the codes first.
    """

    plain: str
    parts: Mapping[str, TensorInfo]

    @property
    def codes(self) -> TensorInfo:
        """The tensor of codes."""
        return self.parts["codes"]

    def shape(self, part: str) -> tuple[int, ...] | None:
        """Shape of a part; None if there is none."""
        info = self.parts.get(part)
        return None if info is None else info.shape


@dataclass(frozen=True)
class Decodable:
    """A coded weight whose layout is understood.

    Attributes:
        coding: for the decoder.
        shape: of the weight.
        scheme: as the column `precision` shows it; None for one named by its type.
        dtype: torch's name of the type that the weight's numbers have.
    """

    coding: Coding
    shape: tuple[int, ...]
    scheme: str | None
    dtype: str = "float32"


@dataclass(frozen=True)
class Layout:
    """One published layout.

    Attributes:
        name: of the layout, as `Coding.layout` has it.
        namings: the names of its tensors, any one of them.
        codes: types of the tensor of codes; empty for any.
        describe: what the headers (and where they do not say it, small tensors) make of the found
            tensors; None if they are not of this layout after all.
        decode: the weight in float32, from its parts, the coding, the weight's shape (without the
            axis of a stack) and its place in the stack (0 if there is none).
        undeclared: whether its tensors say all, so that a configuration need not speak of it.
        outputs_first: whether the decoded weight is (out, in) whatever the module's own order.
        cut: whether the parts of a stack have its axis too, so that those of one matrix are read.
    """

    name: str
    namings: tuple[Naming, ...]
    codes: tuple[str, ...]
    describe: Callable[[Found, Declared, Read], Decodable | None]
    decode: Callable[[Mapping[str, "torch.Tensor"], Coding, tuple[int, ...], int], "torch.Tensor"]
    undeclared: bool = False
    outputs_first: bool = True
    cut: bool = True

    def find(self, info: TensorInfo, tensors: Mapping[str, TensorInfo]) -> Found | None:
        """The tensors of the weight whose codes `info` holds; None if it holds none of this kind.

        Args:
            info: of a tensor.
            tensors: all of the checkpoint.
        """
        if self.codes and info.dtype not in self.codes:
            return None
        for naming in self.namings:
            stem = info.name.removesuffix(naming.codes)
            if not info.name.endswith(naming.codes) or not _ends(stem, naming.codes):
                continue
            parts = {"codes": info}
            for ending, part in naming.beside.items():
                if stem + ending in tensors:
                    parts.setdefault(part, tensors[stem + ending])
            if naming.needed <= parts.keys():
                return Found(stem + naming.plain, parts)
        return None


def _ends(stem: str, codes: str) -> bool:
    """True if the ending `codes` is a word of the name, or an ending of one."""
    return bool(stem) if not codes[:1].isalpha() else not stem or stem.endswith(".")
