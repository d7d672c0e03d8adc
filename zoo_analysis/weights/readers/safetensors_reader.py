"""The reader of safetensors files, one or many shards, tensor by tensor."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zoo_analysis.errors import CheckpointError
from zoo_analysis.folders import folder_of
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.readers.byte_source import ByteSource, FileBytes
from zoo_analysis.weights.readers.reader import Reader
from zoo_analysis.weights.readers.safetensors_header import HeaderEntry, read_header
from zoo_analysis.weights.spec import LayerSpec

if TYPE_CHECKING:
    import torch


class SafetensorsCheckpoint(Checkpoint):
    """Tensors of safetensors sources, such as the shards of one model.

    Args:
        path: what was asked for, for errors.
        sources: where the bytes of each shard come from.

    Raises:
        CheckpointError: a malformed header, or a tensor that two shards claim.
    """

    format = "safetensors"
    ordered = False

    def __init__(self, path: Path | str, sources: Sequence[ByteSource]) -> None:
        self.path = path
        self._sources = sources
        self._entries: dict[str, tuple[ByteSource, HeaderEntry]] = {}
        self.tensors = tensors = {}
        for number, source in enumerate(sources):
            self.resources.callback(source.close)
            for name, entry in read_header(source).entries.items():
                if name in tensors:
                    raise CheckpointError(f"{path}: two shards hold the tensor {name}")
                self._entries[name] = source, entry
                tensors[name] = TensorInfo(
                    name, entry.shape, entry.dtype, entry.stop - entry.start, (number, entry.start)
                )

    def read(self, name: str) -> "torch.Tensor":
        """See `Checkpoint.read`."""
        shape = self.info(name).shape
        return self._tensor(name, 0, math.prod(shape)).reshape(shape)

    def read_rows(self, name: str, start: int, stop: int) -> "torch.Tensor":
        """See `Checkpoint.read_rows`."""
        shape = self.rows_of(name, start, stop).shape
        row = math.prod(shape[1:])
        return self._tensor(name, start * row, stop * row).reshape(stop - start, *shape[1:])

    def release(self) -> None:
        """See `Checkpoint.release`."""
        for source in self._sources:
            source.release()

    @property
    def nbytes(self) -> int:
        """See `Checkpoint.nbytes`."""
        return sum(source.size for source in self._sources)

    def expect(self, specs: Iterable[LayerSpec]) -> None:
        """See `Checkpoint.expect`."""
        ranges: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for spec in specs:
            if spec.status is not None:
                continue
            for name in spec.tensors:
                info, entry = self.info(name), self._entries[name][1]
                start, stop = entry.start, entry.stop
                if spec.index is not None and name == spec.tensors[0]:
                    size = (stop - start) // info.shape[0]
                    start, stop = start + spec.index * size, start + (spec.index + 1) * size
                ranges[info.storage[0]].append((start, stop))
        for number, source in enumerate(self._sources):
            source.expect(ranges[number])

    def _tensor(self, name: str, first: int, last: int) -> "torch.Tensor":
        import torch

        source, entry = self._entries[name]
        dtype = getattr(torch, entry.dtype, None)
        if not isinstance(dtype, torch.dtype):
            raise CheckpointError(f"{source.name}: {name}: torch has no type {entry.dtype}")
        size = dtype.itemsize
        start, stop = entry.start + first * size, entry.start + last * size
        if start == stop:
            return torch.empty(0, dtype=dtype)
        buffer, skip = source.read(start, stop)
        if skip % size:  # old files do not align their data; torch wants it aligned
            buffer, skip = bytearray(memoryview(buffer)[skip:]), 0
        return torch.frombuffer(buffer, dtype=dtype, count=last - first, offset=skip)


def open_safetensors(path: Path, files: Sequence[Path]) -> SafetensorsCheckpoint:
    """The checkpoint of local files.

    Args:
        path: of the model, for errors.
        files: its shards.

    Raises:
        CheckpointError: a file that is missing or malformed.
    """
    return SafetensorsCheckpoint(path, [FileBytes(file, folder_of(path)) for file in files])


READER = Reader(SafetensorsCheckpoint.format, (".safetensors",), open_safetensors, streamed=True)
