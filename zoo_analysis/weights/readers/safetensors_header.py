"""The header of a safetensors file, checked before anything is believed.

Format: 8 bytes (length n of the header, unsigned little endian), n bytes of JSON
``{name: {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {str: str}}``, then the
data, which the tensors cover without gap or overlap (https://github.com/huggingface/safetensors).
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.readers.byte_source import ByteSource
from zoo_analysis.weights.readers.limits import MAX_NAME, MAX_TENSORS, refuse_excess, refuse_many
from zoo_analysis.weights.readers.ranged import HeaderEntry

#: The format's own limit on the length of the header, in bytes.
MAX_HEADER: Final = 100_000_000

#: Brackets and commas of a header: ten for each of `MAX_TENSORS`, and as many for metadata.
_MOST_PARTS: Final = 20 * MAX_TENSORS
#: Many headers are fetched at a time, and parsed one after the other: that takes memory.
_parsing: Final = Lock()

#: safetensors type → (torch's name, bits an element).
DTYPES: Final[Mapping[str, tuple[str, int]]] = {
    "BOOL": ("bool", 8),
    "U8": ("uint8", 8),
    "I8": ("int8", 8),
    "U16": ("uint16", 16),
    "I16": ("int16", 16),
    "U32": ("uint32", 32),
    "I32": ("int32", 32),
    "U64": ("uint64", 64),
    "I64": ("int64", 64),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "F32": ("float32", 32),
    "F64": ("float64", 64),
    "C64": ("complex64", 64),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
    # Packed: nothing below a byte has an element type of its own in torch.
    "F6_E2M3": ("float6_e2m3", 6),
    "F6_E3M2": ("float6_e3m2", 6),
    "F4": ("float4_e2m1", 4),
}


@dataclass(frozen=True)
class SafetensorsHeader:
    """The tensors of one file by name, in the header's order, and the file's metadata."""

    entries: Mapping[str, HeaderEntry]
    metadata: Mapping[str, str]


def header_length(prefix: bytes, size: int, name: str) -> int:
    """Length of the JSON header, from the first 8 bytes of a file of `size` bytes.

    Raises:
        CheckpointError: fewer than 8 bytes, a header longer than the file or the format allow.
    """
    if len(prefix) < 8:
        raise CheckpointError(f"{name}: truncated: {size} bytes hold no safetensors header")
    (length,) = struct.unpack("<Q", prefix[:8])
    if length > MAX_HEADER:
        raise CheckpointError(
            f"{name}: not a safetensors file: a header of {length} bytes "
            f"exceeds the format's {MAX_HEADER}"
        )
    if length < 2 or 8 + length > size:
        raise CheckpointError(
            f"{name}: truncated: a header of {length} bytes in a file of {size} bytes"
        )
    return int(length)


def parse_header(raw: bytes, size: int, name: str) -> SafetensorsHeader:
    """The header in the bytes of its JSON, checked against the size of its file.

    Args:
        raw: the bytes of the JSON header.
        size: of the whole file, in bytes.
        name: of the file, for errors.

    Raises:
        CheckpointError: no JSON, a wrong entry, an unknown type, bytes that do not match type and
            shape, tensors that overlap, leave gaps, or end before or after the file does.
    """
    if sum(map(raw.count, b"{[,")) > _MOST_PARTS:  # each of which JSON makes an object of
        raise CheckpointError(f"{name}: the safetensors header has too many parts")
    try:
        table = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{name}: the safetensors header is no JSON: {error}") from None
    if not isinstance(table, dict):
        raise CheckpointError(f"{name}: the safetensors header is not a JSON object")
    metadata = table.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{name}: __metadata__ is not a JSON object")
    refuse_many(len(table), name)
    base = 8 + len(raw)
    entries = {tensor: _entry(tensor, row, base, name) for tensor, row in table.items()}
    end = base
    for tensor, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != end:
            what = (
                "overlaps the tensor before it" if entry.start < end else "leaves a gap before it"
            )
            raise CheckpointError(f"{name}: {tensor} {what}, at byte {entry.start}, not {end}")
        end = entry.stop
    if end != size:
        what = "truncated" if end > size else "longer than its header says"
        raise CheckpointError(f"{name}: {what}: {size} bytes, where the header says {end}")
    return SafetensorsHeader(entries, {str(key): str(value) for key, value in metadata.items()})


def read_header(source: ByteSource) -> SafetensorsHeader:
    """The checked header of a file; nothing of the tensors is read.

    Raises:
        CheckpointError: see `header_length` and `parse_header`.
    """
    prefix = _bytes(source, 0, min(8, source.size))
    length = header_length(prefix, source.size, source.name)
    raw = _bytes(source, 8, 8 + length)
    source.opened(8 + length)
    with _parsing:
        return parse_header(raw, source.size, source.name)


def _bytes(source: ByteSource, start: int, stop: int) -> bytes:
    buffer, skip = source.read(start, stop)
    return bytes(buffer[skip : skip + stop - start])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name occurs twice")
    return table


def _entry(tensor: str, row: Any, base: int, name: str) -> HeaderEntry:
    try:
        dtype, shape, (begin, end) = row["dtype"], row["shape"], row["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise CheckpointError(
            f"{name}: the header's entry for {tensor} lacks dtype, shape or data_offsets"
        ) from None
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise CheckpointError(f"{name}: {tensor} has the unknown type {str(dtype)[:60]!r}")
    counts = [*shape, begin, end] if isinstance(shape, list) else [None]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise CheckpointError(
            f"{name}: {tensor[:MAX_NAME]} has no sensible shape or offsets: {str(row)[:200]}"
        )
    refuse_excess(tensor, shape, name)
    bits = math.prod(shape) * DTYPES[dtype][1]
    if bits % 8 or end - begin != bits // 8:
        raise CheckpointError(
            f"{name}: {tensor} of {dtype} {str(shape)[:200]} needs {str(bits // 8)[:40]} bytes, "
            f"its offsets give {end - begin}"
        )
    return HeaderEntry(DTYPES[dtype][0], tuple(shape), base + begin, base + end)
