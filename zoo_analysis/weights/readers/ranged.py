"""Checkpoints of files whose headers say at which bytes each tensor lies."""

import math
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.readers.byte_source import ByteSource, numbers
from zoo_analysis.weights.readers.limits import refuse_many
from zoo_analysis.weights.spec import LayerSpec

if TYPE_CHECKING:
    import torch

#: Headers of shards that are read at the same time: those on the hub take a while to come.
AT_ONCE: Final = 8


@dataclass(frozen=True)
class HeaderEntry:
    """One tensor of a file: its type, its shape, and where its bytes ``[start, stop)`` lie.

    Attributes:
        dtype, coded: see `TensorInfo`.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int
    coded: str | None = None


class RangedCheckpoint(Checkpoint):
    """Tensors of byte sources with headers, such as the shards of one model.

    Args:
        path: what was asked for, for errors.
        sources: where the bytes of each shard come from.

    Raises:
        CheckpointError: a malformed header, or a tensor that two shards claim.
    """

    #: Text files of the model by name, where they are not beside `path`; set by who opens it.
    texts: Callable[[str], str | None] | None = None

    def __init__(self, path: Path | str, sources: Sequence[ByteSource]) -> None:
        self.path = path
        self.sources = sources
        self.entries: dict[str, tuple[ByteSource, HeaderEntry]] = {}
        self.tensors: dict[str, TensorInfo] = {}
        for source in sources:
            self.resources.callback(source.close)
        self._told = 0
        if len(sources) == 1:
            headers = [self._bounded(sources[0])]
        else:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                headers = list(pool.map(self._bounded, sources))
        for number, (source, entries) in enumerate(zip(sources, headers, strict=True)):
            for name, entry in entries.items():
                if name in self.tensors:
                    raise CheckpointError(f"{path}: two shards hold the tensor {name}")
                self.entries[name] = source, entry
                place, size = (number, entry.start), entry.stop - entry.start
                self.tensors[name] = TensorInfo(
                    name, entry.shape, entry.dtype, size, place, entry.coded
                )

    def _bounded(self, source: ByteSource) -> Mapping[str, HeaderEntry]:
        """The tensors of one file, where those before it have not told of too many already."""
        refuse_many(self._told, str(self.path))
        entries = self.entries_of(source)
        self._told += len(entries)
        return entries

    @abstractmethod
    def entries_of(self, source: ByteSource) -> Mapping[str, HeaderEntry]:
        """The tensors of one file by name, from its header.

        Raises:
            CheckpointError: a malformed header.
        """

    def read(self, name: str) -> "torch.Tensor":
        """See `Checkpoint.read`."""
        shape = self.info(name).shape
        return self.elements(name, 0, math.prod(shape)).reshape(shape)

    def read_rows(self, name: str, start: int, stop: int) -> "torch.Tensor":
        """See `Checkpoint.read_rows`."""
        shape = self.rows_of(name, start, stop).shape
        row = math.prod(shape[1:])
        return self.elements(name, start * row, stop * row).reshape(stop - start, *shape[1:])

    def elements(self, name: str, first: int, last: int) -> "torch.Tensor":
        """Elements ``[first, last)`` of a tensor in the order of the file, shape (last − first,).

        Raises:
            CheckpointError: a type that torch does not have, or bytes that cannot be read.
        """
        import torch

        source, entry = self.entries[name]
        dtype = getattr(torch, entry.dtype, None)
        if not isinstance(dtype, torch.dtype):
            raise CheckpointError(f"{source.name}: {name}: torch has no type {entry.dtype}")
        return numbers(source, entry.start + first * dtype.itemsize, last - first, dtype)

    def beside(self, name: str) -> str | None:
        """See `Checkpoint.beside`."""
        return self.texts(name) if self.texts else super().beside(name)

    def release(self) -> None:
        """See `Checkpoint.release`."""
        for source in self.sources:
            source.release()

    @property
    def nbytes(self) -> int:
        """See `Checkpoint.nbytes`."""
        return sum(source.size for source in self.sources)

    def expect(self, specs: Iterable[LayerSpec]) -> None:
        """See `Checkpoint.expect`."""
        ranges: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for spec in specs:
            if spec.status is not None:
                continue
            for name in (*spec.tensors, *([spec.bias] if spec.bias else [])):
                info, entry = self.info(name), self.entries[name][1]
                start, stop = entry.start, entry.stop
                if (
                    spec.index is not None
                    and spec.rank is None
                    and info.shape[:1] == spec.shape[:1]
                ):
                    size = (stop - start) // info.shape[0]
                    start, stop = start + spec.index * size, start + (spec.index + 1) * size
                ranges[info.storage[0]].append((start, stop))
        for number, source in enumerate(self.sources):
            source.expect(ranges[number])
