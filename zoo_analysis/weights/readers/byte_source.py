"""Ranges of bytes of a file, each mapped on its own."""

import mmap
import os
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zoo_analysis.errors import CheckpointError
from zoo_analysis.folders import RegularFile

if TYPE_CHECKING:
    import torch

#: A writable object that supports the buffer protocol (torch refuses read-only memory).
Buffer = mmap.mmap | bytearray


class ByteSource(Protocol):
    """The bytes of a weight file: on a disk here, by ranges of HTTP elsewhere."""

    name: str
    size: int

    def read(self, start: int, stop: int) -> tuple[Buffer, int]:
        """Bytes ``[start, stop)``: a buffer, and the place in it at which `start` lies."""
        ...

    def opened(self, end: int) -> None:
        """Say that the header has been read, and ends before byte `end`."""
        ...

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Say which ranges will be read, in any order."""
        ...

    def release(self) -> None:
        """Let go of the memory of pages that can be read again."""
        ...

    def close(self) -> None:
        """Let go of the source; buffers that were read stay valid."""
        ...


class FileBytes:
    """A local file as a source of bytes.

    Every range is a mapping of its own, private to the process and unmapped when the last tensor
    made of it goes: pages that were touched then leave the resident set, which one mapping of the
    whole file would pile up to the size of the checkpoint.

    Args:
        path: of the file.
        within: the model's folder, see `open_regular`.

    Raises:
        CheckpointError: not there, or no regular file of the model.
    """

    def __init__(self, path: Path, within: Path | None = None) -> None:
        self.name = str(path)
        try:
            self._file = RegularFile(path, within)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be opened: {error.strerror}") from None
        self.size = self._file.size
        self._mapped: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()

    def read(self, start: int, stop: int) -> tuple[Buffer, int]:
        """Map bytes ``[start, stop)``; CheckpointError if the file has been closed or cut short."""
        if start >= stop:
            return bytearray(), 0
        skip = start % mmap.ALLOCATIONGRANULARITY
        try:
            with self._file.opened() as file:
                # The size is asked for anew: touching a page beyond the end would kill the process.
                if stop > os.fstat(file.fileno()).st_size:
                    raise CheckpointError(f"{self.name}: truncated: ends before byte {stop}")
                size, access = stop - start + skip, mmap.ACCESS_COPY
                mapped = mmap.mmap(file.fileno(), size, access=access, offset=start - skip)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{self.name}: cannot be read: {error}") from None
        self._mapped.add(mapped)
        return mapped, skip

    def opened(self, end: int) -> None:
        """Nothing: a mapped header is read again as quickly."""

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Nothing: the operating system reads ahead by itself."""

    def release(self) -> None:
        """Drop the pages of all living mappings; nobody writes to them, so they come back."""
        for mapped in self._mapped:
            mapped.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def numbers(source: ByteSource, start: int, count: int, dtype: "torch.dtype") -> "torch.Tensor":
    """`count` numbers that begin at byte `start`: a view of what `source` maps, (count,).

    Raises:
        CheckpointError: the bytes cannot be read.
    """
    import torch

    size = dtype.itemsize
    if not count:
        return torch.empty(0, dtype=dtype)
    buffer, skip = source.read(start, start + count * size)
    if skip % size:  # old files do not align their data; torch wants it aligned
        buffer, skip = bytearray(memoryview(buffer)[skip : skip + count * size]), 0
    return torch.frombuffer(buffer, dtype=dtype, count=count, offset=skip)
