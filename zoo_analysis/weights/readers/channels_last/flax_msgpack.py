"""Arrays in the msgpack files of ``flax.serialization``, found without reading them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import msgspec

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import MOST_AXES
from zoo_analysis.weights.readers.byte_source import FileBytes
from zoo_analysis.weights.readers.limits import MAX_TENSORS, refuse_many

#: Values of a file, its keys among them, of which decoding makes an object each.
_MOST_VALUES: Final = 4 * MAX_TENSORS
#: Bytes of a shape.
_LONGEST_SHAPE: Final = 5 + 9 * MOST_AXES
#: What follows a value's first byte: bytes of a length, bytes beside, and the values for each of
#: that length where it counts no bytes (https://github.com/msgpack/msgpack/blob/master/spec.md).
_BEHIND: Final[Mapping[int, tuple[int, int, int]]] = {
    **{0xC4 + i: (1 << i, 0, 0) for i in range(3)},  # bytes
    **{0xC7 + i: (1 << i, 1, 0) for i in range(3)},  # extensions
    **{0xCA + i: (0, 4 << i, 0) for i in range(2)},  # floats
    **{0xCC + i: (0, 1 << i % 4, 0) for i in range(8)},  # integers
    **{0xD4 + i: (0, 1 + (1 << i), 0) for i in range(5)},  # extensions of fixed length
    **{0xD9 + i: (1 << i, 0, 0) for i in range(3)},  # texts
    **{0xDC + i: (2 << i, 0, 1) for i in range(2)},  # lists
    **{0xDE + i: (2 << i, 0, 2) for i in range(2)},  # tables
}
#: Extension types of flax.serialization.
_ARRAY: Final = 1
_SCALAR: Final = 3
_CHUNKED: Final = "__msgpack_chunked_array__"

#: Bytes a number in the types that are read, by their names in numpy and ml_dtypes.
ITEM_SIZES: Final = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "float8_e4m3fn": 1,
    "float8_e4m3fnuz": 1,
    "float8_e5m2": 1,
    "float8_e5m2fnuz": 1,
    "complex64": 8,
    "complex128": 16,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint64": 8,
    "uint32": 4,
    "uint16": 2,
    "uint8": 1,
    "bool": 1,
}


@dataclass(frozen=True)
class FlaxArray:
    """One array: its type, shape, and where its numbers lie in the file.

    Attributes:
        path: the keys that lead to it.
        dtype: by numpy's name.
        shape: as stored.
        starts: byte at which it begins, or each of its pieces.
        counts: numbers in each piece.
    """

    path: tuple[str, ...]
    dtype: str
    shape: tuple[int, ...]
    starts: tuple[int, ...]
    counts: tuple[int, ...]


_Piece = tuple[str, tuple[int, ...], int, int]  # type, shape, first byte, numbers


def flax_arrays(source: FileBytes) -> list[FlaxArray]:
    """The arrays of a file, in its order; what is no array (counts, texts) is passed over.

    Raises:
        CheckpointError: no msgpack, nested too deep, of more values than a model has, or an array
            that is not what it says.
    """
    buffer, skip = source.read(0, source.size)
    view = memoryview(buffer)[skip : skip + source.size]
    _refuse_many(view, source.name)
    base, counted = _address(view), count(1)

    def extension(code: int, data: memoryview) -> Any:
        if code not in (_ARRAY, _SCALAR):
            return None
        refuse_many(next(counted), source.name)
        return _piece(data, base, source.name)

    try:
        tree = msgspec.msgpack.Decoder(ext_hook=extension).decode(view)
        return list(_walk(tree, (), source.name))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise CheckpointError(f"{source.name}: not a msgpack file of Flax: {error}") from None


def _refuse_many(view: memoryview, name: str) -> None:
    """Count the values before they are decoded; what is malformed is left to the decoder to say."""
    at, left, size = 0, 1, len(view)
    for _ in range(_MOST_VALUES):
        if not left or at >= size:
            return
        first, at, left = view[at], at + 1, left - 1
        if 0x80 <= first < 0xA0:  # short tables and lists
            left += (first & 15) << (first < 0x90)
        elif 0xA0 <= first < 0xC0:  # short texts
            at += first & 31
        elif first in _BEHIND:
            width, beside, each = _BEHIND[first]
            length = int.from_bytes(view[at : at + width], "big")
            at += width + beside + (0 if each else length)
            left += each * length
        if left > max(size - at, 0):
            raise CheckpointError(f"{name}: not a msgpack file of Flax: cut short, or malformed")
    raise CheckpointError(f"{name}: more than {_MOST_VALUES:,} values, as no model has")


def _piece(data: memoryview, base: int, name: str) -> _Piece:
    try:
        axes, dtype, raw = msgspec.msgpack.decode(data, type=tuple[msgspec.Raw, str, memoryview])
        if len(memoryview(axes)) > _LONGEST_SHAPE:
            raise CheckpointError(f"{name}: an array of more than {MOST_AXES} axes")
        shape = msgspec.msgpack.decode(axes, type=list[int])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise CheckpointError(f"{name}: a malformed array: {error}") from None
    size = ITEM_SIZES.get(dtype)
    if size is None:
        raise CheckpointError(f"{name}: an array of the unknown type {dtype[:40]!r}")
    if any(axis < 0 for axis in shape) or math.prod(shape) * size != len(raw):
        raise CheckpointError(
            f"{name}: an array of {dtype} {shape[:8]} does not fit its {len(raw)} bytes"
        )
    return dtype, tuple(shape), _address(raw) - base if len(raw) else 0, len(raw) // size


def _walk(tree: Any, path: tuple[str, ...], name: str) -> Iterator[FlaxArray]:
    if isinstance(tree, tuple):
        dtype, shape, start, count = tree
        yield FlaxArray(path, dtype, shape, (start,), (count,))
    elif isinstance(tree, Mapping) and _CHUNKED in tree:
        yield _joined(tree, path, name)
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _walk(value, (*path, str(key)), name)
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from _walk(value, (*path, str(number)), name)


def _joined(tree: Mapping[Any, Any], path: tuple[str, ...], name: str) -> FlaxArray:
    """An array of more than a gigabyte, which is kept in pieces."""
    where = f"{name}: {'.'.join(path)}"
    shape, pieces = tree.get("shape"), tree.get("chunks")
    if not isinstance(shape, Mapping) or not isinstance(pieces, Mapping) or not pieces:
        raise CheckpointError(f"{where}: a malformed array in pieces")
    axes = [shape.get(str(i)) for i in range(len(shape))]
    parts = [pieces.get(str(i)) for i in range(len(pieces))]
    sizes = [axis for axis in axes if type(axis) is int and axis >= 0]
    known = [part for part in parts if isinstance(part, tuple)]
    counts = tuple(part[3] for part in known)
    whole = len(sizes) == len(axes) and len(known) == len(parts)
    if not whole or len({p[0] for p in known}) != 1 or math.prod(sizes) != sum(counts):
        raise CheckpointError(f"{where}: pieces that do not make up an array of {axes[:8]}")
    return FlaxArray(path, known[0][0], tuple(sizes), tuple(part[2] for part in known), counts)


def _address(view: memoryview) -> int:
    import numpy as np

    return np.frombuffer(view, np.uint8).ctypes.data if len(view) else 0
