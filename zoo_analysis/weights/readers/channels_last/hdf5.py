"""Arrays of HDF5 files, which may not lead out of the file nor claim more than it can hold."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.readers.byte_source import FileBytes, numbers
from zoo_analysis.weights.readers.channels_last.hdf5_chunks import refuse_bombs, refuse_filters

if TYPE_CHECKING:
    import h5py
    import torch

#: An array may be this many times as large as the bytes that hold it, and all arrays as the file.
_DENSEST: Final = 100
#: Small files of zeros may be more.
_SLACK: Final = 16 << 20
_DEEPEST: Final = 64
#: Groups and arrays of a file, under all their names.
_MOST_MEMBERS: Final = 100_000
_TYPES: Final = {
    "f2": "float16",
    "f4": "float32",
    "f8": "float64",
    "i1": "int8",
    "i2": "int16",
    "i4": "int32",
    "i8": "int64",
    "u1": "uint8",
    "u2": "uint16",
    "u4": "uint32",
    "u8": "uint64",
    "b1": "bool",
    "c8": "complex64",
    "c16": "complex128",
}


@dataclass(frozen=True)
class Hdf5Array:
    """One array: its place among the groups, type, shape, and where its numbers lie.

    Attributes:
        path: groups and name.
        dtype: by torch's name.
        shape: as stored.
        address: of its header in the file, the same under every name.
        start: byte of the source at which it begins, if it is in one piece as numbers of `dtype`.
        nbytes: of its numbers, unfolded.
    """

    path: tuple[str, ...]
    dtype: str
    shape: tuple[int, ...]
    address: int
    start: int | None
    nbytes: int
    _file: "h5py.File"
    _place: "h5py.Reference"  # a dataset that is kept open takes nine kilobytes

    def load(self, source: FileBytes) -> "torch.Tensor":
        """The array, mapped where it is in one piece, else read by h5py.

        Raises:
            CheckpointError: its bytes cannot be read.
        """
        import numpy as np
        import torch

        dtype = getattr(torch, self.dtype)
        if self.start is not None:
            return numbers(source, self.start, math.prod(self.shape), dtype).reshape(self.shape)
        with told(source.name):
            dataset = self._file[self._place]
            refuse_bombs(dataset, f"{source.name}: {'/'.join(self.path)[:200]}")
            array = dataset[...]
            if self.dtype == "bfloat16":
                return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
            return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))


class Window(io.RawIOBase):
    """A file that lies inside another one in one piece, as in an archive that does not compress.

    Args:
        source: the outer file.
        start: its first byte there.
        size: in bytes.
    """

    def __init__(self, source: FileBytes, start: int, size: int) -> None:
        self._source, self._start, self._size, self._at = source, start, size, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """See `io.IOBase.seek`."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        """See `io.IOBase.tell`."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase.readinto`."""
        count = max(0, min(len(buffer), self._size - self._at))
        start = self._start + self._at
        found, skip = self._source.read(start, start + count)
        buffer[:count] = memoryview(found)[skip : skip + count]
        self._at += count
        return count

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True


@contextmanager
def told(name: str) -> Iterator[None]:
    """Whatever h5py raises of a file is one line."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:  # h5py raises nearly everything, depending on what HDF5 says
        first = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise CheckpointError(f"{name}: not a readable HDF5 file: {first[:200]}") from None


def hdf5_arrays(file: "h5py.File", name: str, size: int, start: int | None) -> list[Hdf5Array]:
    """The arrays of an open file, each once; of a group that is its own member nothing is repeated.

    Args:
        file: open.
        name: of it, for errors.
        size: of it in bytes.
        start: byte of the mapped source at which it begins; None if it cannot be mapped.

    Raises:
        CheckpointError: a malformed file, links that lead elsewhere, arrays that are kept outside
            or claim more than there is.
    """
    with told(name):
        arrays = list(_walk(file, name, size, None if file.userblock_size else start))
        total = sum(array.nbytes for array in arrays)
        if total > _DENSEST * size + _SLACK:
            raise CheckpointError(f"{name}: claims arrays of {total} bytes in a file of {size}")
        return arrays


def _walk(file: "h5py.File", name: str, size: int, start: int | None) -> Iterator[Hdf5Array]:
    import h5py

    seen: set[int] = set()
    members = 0
    waiting: list[tuple[tuple[str, ...], h5py.Group, str]] = [((), file, "/")]
    while waiting:
        path, group, key = waiting.pop()
        item = _member(group, key, name) if path else group
        if isinstance(item, h5py.Dataset):
            array = _array(path, item, name, size, start)
            if array is not None:
                yield array
        elif isinstance(item, h5py.Group):
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            members += len(item)
            if len(path) > _DEEPEST or members > _MOST_MEMBERS:
                raise CheckpointError(f"{name}: groups nested or repeated without end")
            waiting += [((*path, key), item, key) for key in reversed(list(item))]


def _member(group: "h5py.Group", key: str, name: str) -> Any:
    import h5py

    link = group.get(key, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise CheckpointError(f"{name}: {key[:80]} is a link to elsewhere, which is not followed")
    return group[key]


def _array(
    path: tuple[str, ...], dataset: "h5py.Dataset", name: str, size: int, start: int | None
) -> Hdf5Array | None:
    """None for texts and records, which are no arrays of numbers."""
    import h5py

    where, shape = f"{name}: {'/'.join(path)[:200]}", dataset.shape
    if dataset.is_virtual or dataset.external:
        raise CheckpointError(f"{where} is kept in another file, which is not opened")
    stored = dataset.dtype
    brain = stored.kind == "V" and stored.itemsize == 2 and dataset.attrs.get("dtype") == "bfloat16"
    dtype = "bfloat16" if brain else _TYPES.get(stored.str[1:])
    if dtype is None or shape is None:
        return None
    held, nbytes = min(dataset.id.get_storage_size(), size), _nbytes(dataset)
    coded = nbytes > 0 and refuse_filters(dataset, where, max(_DENSEST * held, nbytes))
    if nbytes > (_DENSEST * held if coded else held):
        raise CheckpointError(f"{where} claims {nbytes} bytes and holds {held}")
    offset = dataset.id.get_offset() if start is not None and stored.isnative else None
    place = None if offset is None or start is None else start + offset
    return Hdf5Array(
        path, dtype, shape, h5py.h5o.get_info(dataset.id).addr, place if nbytes else None, nbytes,
        dataset.file, dataset.ref,
    )  # fmt: skip


def _nbytes(dataset: "h5py.Dataset") -> int:
    return int(math.prod(dataset.shape) * dataset.dtype.itemsize)
