"""Checkpoints whose arrays are put into torch's order as they are read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.readers.byte_source import FileBytes
from zoo_analysis.weights.spec import TensorKind

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ArrayLayout:
    """The way of an array into torch's order, outputs first.

    Attributes:
        axes: its axes in the new order.
        shape: after that, where axes are joined or split.
    """

    axes: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def pure(self) -> bool:
        """True if axes are moved and none is joined, split, added or taken away."""
        return len(self.axes) == len(self.shape)

    def of(self, stored: "torch.Tensor") -> "torch.Tensor":
        """`stored` in the new order, a view where that can be."""
        return stored.permute(self.axes).reshape(self.shape)


def as_stored(shape: tuple[int, ...]) -> ArrayLayout:
    """The layout of an array that is in order already."""
    return ArrayLayout(tuple(range(len(shape))), shape)


@dataclass(frozen=True)
class Arranged:
    """One array of a file.

    Attributes:
        info: as it is offered, in torch's order.
        load: the array as it is stored.
        layout: from the one to the other.
        kind: what the file says it is.
        told: False where the file says nothing, so that names and shapes decide.
    """

    info: TensorInfo
    load: Callable[[], "torch.Tensor"]
    layout: ArrayLayout
    kind: TensorKind | None = None
    told: bool = True


class ArrangedCheckpoint(Checkpoint):
    """The arrays of files of any format.

    Args:
        path: what was asked for, for errors.
        files: the open files; closed with the checkpoint.
        arrays: of all of them, in the order of the checkpoint.

    Raises:
        CheckpointError: two arrays of one name, or none at all.
    """

    def __init__(self, path: Path, files: Iterable[FileBytes], arrays: Iterable[Arranged]) -> None:
        self.path = path
        self._files = tuple(files)
        for file in self._files:
            self.resources.callback(file.close)
        self._arrays: dict[str, Arranged] = {}
        for array in arrays:
            if array.info.name in self._arrays:
                raise CheckpointError(f"{path}: two tensors are called {array.info.name}")
            self._arrays[array.info.name] = array
        if not self._arrays:
            raise CheckpointError(f"{path}: no weights: the file holds no arrays")
        self.tensors = {name: array.info for name, array in self._arrays.items()}
        self.kinds = {name: array.kind for name, array in self._arrays.items() if array.told}

    def read(self, name: str) -> "torch.Tensor":
        """See `Checkpoint.read`."""
        self.info(name)
        array = self._arrays[name]
        return array.layout.of(array.load())

    def read_rows(self, name: str, start: int, stop: int) -> "torch.Tensor":
        """See `Checkpoint.read_rows`; of a mapped array the rest stays untouched."""
        self.rows_of(name, start, stop)
        return self.read(name)[start:stop]

    def release(self) -> None:
        """See `Checkpoint.release`."""
        for file in self._files:
            file.release()

    @property
    def nbytes(self) -> int:
        """See `Checkpoint.nbytes`."""
        return sum(file.size for file in self._files)
