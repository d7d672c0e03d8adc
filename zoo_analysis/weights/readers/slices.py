"""Slices into which parallel training cuts every matrix: told by their names, and put together."""

import json
import re
from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo

if TYPE_CHECKING:
    import torch

#: Numbers of the slices into which training in parallel cuts every matrix: Llama's, Megatron's and
#: DeepSpeed's, metaseq's, GPT-NeoX's.
_SLICE: Final = re.compile(
    r"(?:(?<=consolidated\.)\d{2,3}(?=\.)|(?<=[mtp]p_rank_)\d+|(?<=model_part-)\d+"
    r"|(?<=-shard)\d+|(?<=-model_)\d+(?=-model_states))"
)
#: Slices that are put together, for their layout is known: Llama's.
_JOINED: Final = re.compile(r"consolidated\.(\d{2,3})\.pth")
#: The axis along which a matrix is cut: the outputs of layers that are parallel by columns, the
#: inputs of those that are parallel by rows.
_CUT: Final = (
    (re.compile(r"(layers\.\d+\.(attention\.w[qkv]|feed_forward\.w[13])|output)\.weight"), 0),
    (re.compile(r"layers\.\d+\.(attention\.wo|feed_forward\.w2)\.weight"), 1),
)
_EMBEDDING: Final = "tok_embeddings.weight"
#: What every slice has whole.
_WHOLE: Final = re.compile(r"(layers\.\d+\.(attention|ffn)_)?norm\.weight|rope\.freqs")


def slice_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names that are those of slices: several that differ by a rank, or a rank above 0."""
    ranks: dict[str, list[str]] = {}
    for name in sorted(names):
        if _SLICE.search(name):
            ranks.setdefault(_SLICE.sub("*", name), []).append(name)
    return tuple(
        name
        for group in ranks.values()
        for name in group
        if len(group) > 1 or any(int(rank) for rank in _SLICE.findall(name))
    )


def are_joined(files: Sequence[Path]) -> bool:
    """True for the files of a model that are slices of the same matrices, to be put together."""
    return len(files) > 1 and all(_JOINED.fullmatch(file.name) for file in files)


def all_slices(names: Sequence[str], where: str) -> str:
    """A name for all slices of a model, as `hub.path.expanded` takes it.

    Args:
        names: of a folder's weights, some of which are slices.
        where: the folder's name, for errors.

    Raises:
        CheckpointError: slices whose layout is not known, or other weights beside them.
    """
    ranks = [match[1] for name in names if (match := _JOINED.fullmatch(name))]
    if len(ranks) < len(names):
        raise _slice(slice_names(names)[0], where)
    return f"consolidated.{{{0:0{len(ranks[0])}}..{ranks[-1]}}}.pth"


def refuse_slice(path: Path) -> None:
    """Refuse a slice, and what lies in the folder of one: ``mp_rank_00`` beside ``mp_rank_01``.

    Raises:
        CheckpointError: it is one.
    """
    path = path.absolute()
    if not _SLICE.search(path.name):
        return
    if path.name in slice_names(beside.name for beside in path.parent.iterdir()):
        raise _slice(path.name, str(path.parent))


def _slice(name: str, where: str) -> CheckpointError:
    what = f"{where}: {name} is one of the slices that parallel training cuts every matrix into"
    remedy = "put them together with the tool they come from, or fetch the model converted"
    if _JOINED.fullmatch(name):
        remedy = "name their folder, to have them together"
    return CheckpointError(f"{what}, and no model; {remedy}")


class LlamaSlices(Checkpoint):
    """A Llama model of Meta's own layout, cut for several devices: ``consolidated.00.pth`` and on.

    The queries, keys and values, the first and the third matrix of a feed-forward layer and the
    output are cut along the outputs, what follows them along the inputs; the embedding along its
    width (Llama 1 and 2) or along the vocabulary (Llama 3), which the model's width tells.
    Source: Meta's model.py (github.com/meta-llama/llama, llama3) over fairscale's parallel layers.

    Args:
        path: what was asked for.
        slices: in the order of their ranks.

    Raises:
        CheckpointError: tensors that such a model does not have, or slices that do not fit.
    """

    ordered = True

    def __init__(self, path: Path, slices: Sequence[Checkpoint]) -> None:
        self.path, self.format, self._slices = path, slices[0].format, slices
        for each in slices:
            self.resources.callback(each.close)
        names = set(slices[0].tensors)
        if any(set(each.tensors) != names for each in slices):
            raise self._misfit("the slices hold different tensors")
        self._axes: dict[str, int | None] = {}
        width = self._width()
        self.tensors = {name: self._joined(name, width) for name in slices[0].tensors}

    def read(self, name: str) -> "torch.Tensor":
        """See `Checkpoint.read`."""
        import torch

        self.info(name)
        if (axis := self._axes[name]) is None:
            return self._slices[0].read(name)
        return torch.cat([each.read(name) for each in self._slices], axis)

    def read_rows(self, name: str, start: int, stop: int) -> "torch.Tensor":
        """See `Checkpoint.read_rows`."""
        import torch

        self.rows_of(name, start, stop)
        if (axis := self._axes[name]) is None:
            return self._slices[0].read_rows(name, start, stop)
        if axis:
            parts = [each.read_rows(name, start, stop) for each in self._slices]
            return torch.cat(parts, axis)
        rows = self._slices[0].info(name).shape[0]
        parts = [
            each.read_rows(name, max(start - i * rows, 0), min(stop - i * rows, rows))
            for i, each in enumerate(self._slices)
            if start < (i + 1) * rows and stop > i * rows
        ]
        return torch.cat(parts) if parts else self._slices[0].read_rows(name, 0, 0)

    @property
    def nbytes(self) -> int:
        """See `Checkpoint.nbytes`."""
        return sum(each.nbytes for each in self._slices)

    def release(self) -> None:
        """See `Checkpoint.release`."""
        for each in self._slices:
            each.release()

    def _width(self) -> int | None:
        """The length of the residual stream: that of a norm, else as params.json has it."""
        if "norm.weight" in self._slices[0].tensors:
            return prod(self._slices[0].info("norm.weight").shape)
        try:
            width = json.loads(self.beside("params.json") or "{}")["dim"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return width if isinstance(width, int) else None

    def _joined(self, name: str, width: int | None) -> TensorInfo:
        """A whole tensor; its shape must be one that a model of this width has."""
        import torch

        first, *others = infos = [each.info(name) for each in self._slices]
        if any((info.shape, info.dtype) != (first.shape, first.dtype) for info in others):
            raise self._misfit(f"{name} has another shape or type in every slice")
        if _WHOLE.fullmatch(name):
            self._axes[name] = None
            vectors = [each.read(name) for each in self._slices]
            if not all(torch.equal(vector, vectors[0]) for vector in vectors):
                raise self._misfit(f"{name} is not the same in every slice")
            return first
        axis = next((axis for pattern, axis in _CUT if pattern.fullmatch(name)), None)
        if name == _EMBEDDING and len(first.shape) == 2 and width:
            axis = 0 if first.shape[1] == width else 1
        if axis is None or len(first.shape) != 2:
            raise self._misfit(f"how {name} is cut is not known")
        self._axes[name] = axis
        shape = list(first.shape)
        shape[axis] *= len(infos)
        # The queries of all heads are as wide as the model: fewer, and a slice is missing.
        square = name.endswith("attention.wq.weight") and shape[0] != shape[1]
        if square or (width and shape[0 if axis and name != _EMBEDDING else 1] != width):
            raise self._misfit(f"{name} of shape {tuple(shape)} is not that of the whole model")
        nbytes = sum(info.nbytes for info in infos)
        return TensorInfo(name, tuple(shape), first.dtype, nbytes, (0, *first.storage))

    def _misfit(self, why: str) -> CheckpointError:
        return CheckpointError(
            f"{self.path}: slices of parallel training that cannot be put together: {why}; fetch "
            "the model converted"
        )
