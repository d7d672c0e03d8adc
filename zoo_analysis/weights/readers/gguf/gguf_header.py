"""The header of a GGUF file, checked before anything is believed.

Format, versions 2 and 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), little endian:
``GGUF``, version (u32), counts of tensors and of metadata (u64); the metadata, each a name (length
u64, bytes), a type (u32) and a value; for each tensor its name, its axes (count u32, lengths u64,
the innermost first), its type (u32) and its place (u64) in the data, which begin at the next
multiple of ``general.alignment``. The metadata hold whole vocabularies: these are passed over.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.readers.byte_source import ByteSource
from zoo_analysis.weights.readers.gguf.gguf_cursor import GgufCursor, Value
from zoo_analysis.weights.readers.ranged import HeaderEntry

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
#: More than any model has; llama.cpp's own limits are four axes and names of 63 bytes.
_MOST_TENSORS: Final = 1 << 17
_MOST_KEYS: Final = 1 << 16
_MOST_AXES: Final = 8
_LONGEST_NAME: Final = 1024
_ELEMENTS: Final = 1 << 63

#: ggml's types that are numbers in themselves, and torch's names of them.
_PLAIN: Final[Mapping[str, str]] = {
    "f16": "float16",
    "bf16": "bfloat16",
    "f32": "float32",
    "f64": "float64",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
}
#: The key under which ComfyUI's converter keeps the axes of a tensor that it had to flatten.
_SHAPE: Final = "comfy.gguf.orig_shape."


@dataclass(frozen=True)
class GgufHeader:
    """The tensors of one file by name, in the header's order, and the file's short metadata."""

    entries: Mapping[str, HeaderEntry]
    metadata: Mapping[str, Value]


@dataclass(frozen=True)
class _Coding:
    """A type of ggml: its name, values and bytes of a block; bytes are 0 where not known."""

    name: str
    block: int
    size: int

    @property
    def dtype(self) -> str:
        """Of what is read: bytes, where there is no decoder."""
        return _PLAIN.get(self.name) or ("float32" if decodes(self.name) else "uint8")


def read_gguf_header(source: ByteSource) -> GgufHeader:
    """The checked header of a file; nothing of the tensors is read.

    Raises:
        CheckpointError: no GGUF, a version or byte order that is not read, counts beyond what a
            model has, texts that are no text, tensors that overlap, do not fill their blocks, or
            end after the file does.
    """
    cursor = GgufCursor(source)
    _check_version(cursor, source.name)
    tensors = cursor.count(_MOST_TENSORS, "tensors")
    keys = cursor.count(_MOST_KEYS, "metadata")
    metadata: dict[str, Value] = {}
    for _ in range(keys):
        key = cursor.text(1 << 16)
        value = cursor.value(cursor.number("I"))
        if value is not None:
            metadata[key] = value
    rows = [_row(cursor) for _ in range(tensors)]
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise CheckpointError(f"{source.name}: an alignment of {alignment!r} is no power of two")
    base = -(-cursor.at // alignment) * alignment
    source.opened(cursor.reached)
    return GgufHeader(_entries(rows, base, metadata, source), metadata)


def _check_version(cursor: GgufCursor, name: str) -> None:
    magic = cursor.take(4)
    if magic != _MAGIC:
        raise CheckpointError(f"{name}: not a GGUF file: begins with {magic!r}")
    version = cursor.number("I")
    if version and version & 0xFFFF == 0:
        raise CheckpointError(f"{name}: big-endian; convert it with gguf-convert-endian")
    if version not in _VERSIONS:
        raise CheckpointError(
            f"{name}: GGUF version {version} is not read, only 2 and 3; convert the model anew"
        )


_Row = tuple[str, tuple[int, ...], int, int]


def _row(cursor: GgufCursor) -> _Row:
    name = cursor.text(_LONGEST_NAME)
    axes = cursor.number("I")
    if not name or not name.isprintable():
        raise CheckpointError(f"{cursor.name}: malformed: a tensor called {name[:40]!r}")
    if axes > _MOST_AXES:
        raise CheckpointError(f"{cursor.name}: {name!r} has {axes} axes, more than {_MOST_AXES}")
    shape = tuple(cursor.number("Q") for _ in range(axes))[::-1]
    if max(shape, default=0) >= _ELEMENTS or math.prod(shape) >= _ELEMENTS:
        raise CheckpointError(f"{cursor.name}: {name!r} has no sensible shape: {shape}")
    return name, shape, cursor.number("I"), cursor.number("Q")


def _entries(
    rows: list[_Row], base: int, metadata: Mapping[str, Value], source: ByteSource
) -> dict[str, HeaderEntry]:
    entries: dict[str, HeaderEntry] = {}
    end = base
    by_place = sorted(range(len(rows)), key=lambda i: rows[i][3])
    following = [*(rows[i][3] for i in by_place[1:]), source.size - base]
    for i, behind in zip(by_place, following, strict=False):
        name, shape, number, offset = rows[i]
        start, coding = base + offset, _coding(number)
        room = base + behind - start
        size = _size(name, shape, coding, room, source.name)
        if name in entries:
            raise CheckpointError(f"{source.name}: two tensors are called {name!r}")
        if start + size > source.size:
            raise CheckpointError(
                f"{source.name}: truncated: {name!r} ends at byte {start + size}, "
                f"the file at {source.size}"
            )
        if size and start < end:
            raise CheckpointError(f"{source.name}: {name!r} overlaps the tensor before it")
        end = max(end, start + size)
        whole = metadata.get(_SHAPE + name, shape)
        if (
            not isinstance(whole, tuple)
            or min(whole, default=1) < 0
            or math.prod(whole) != math.prod(shape)
        ):
            raise CheckpointError(f"{source.name}: {name!r} has two shapes, {shape} and {whole!r}")
        coded = None if coding.name in _PLAIN else coding.name
        entries[name] = HeaderEntry(coding.dtype, whole, start, start + size, coded)
    return {name: entries[name] for name, *_ in rows}


def _size(name: str, shape: tuple[int, ...], coding: _Coding, room: int, file: str) -> int:
    """Bytes of a tensor; all that is there for one of a type that is not known."""
    elements = math.prod(shape)
    if not coding.size:
        if elements > 8 * max(room, 0):
            raise CheckpointError(f"{file}: truncated: {name!r} of {shape} has {room} bytes")
        return room if elements else 0
    if coding.block > 1 and (shape[-1] if shape else 1) % coding.block:
        raise CheckpointError(
            f"{file}: {name!r} of {shape} has rows that do not fill {coding.name}'s blocks of "
            f"{coding.block}"
        )
    return elements // coding.block * coding.size


@cache
def _coding(number: int) -> _Coding:
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        kind = GGMLQuantizationType(number)
    except ValueError:
        return _Coding(f"ggml_type_{number}", 1, 0)
    return _Coding(kind.name.lower(), *GGML_QUANT_SIZES[kind])


@cache
def decodes(coded: str) -> bool:
    """True for a coding that the `gguf` package decodes; some are of activations alone."""
    import numpy as np
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import dequantize

    kind = GGMLQuantizationType.__members__.get(coded.upper())
    if kind is None:
        return False
    try:
        dequantize(np.zeros((1, GGML_QUANT_SIZES[kind][1]), np.uint8), kind)
    except NotImplementedError:
        return False
    return True
