"""The zip archives of torch's files, checked before torch opens them.

torch keeps every storage as it is, uncompressed, and maps it where it lies. So an archive that is
compressed, names an entry twice, or lets entries share bytes is none of torch's, and is refused:
two readers of such a file can each see another one.
"""

import os
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.readers.limits import MAX_TENSORS
from zoo_analysis.weights.readers.torch_files.pickles import MAX_PICKLE

#: Entries of an archive beside those of storages: the pickle, versions, alignments.
_OTHERS: Final = 1000
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")


@dataclass(frozen=True)
class Archive:
    """The content of an archive.

    Attributes:
        pickle: the bytes of its ``data.pkl``.
        torchscript: it holds code beside it.
    """

    pickle: bytes
    torchscript: bool


def read_archive(file: BinaryIO, path: Path) -> Archive | None:
    """The checked archive in an open file; None for a file that is no zip archive.

    Args:
        file: open, at any place.
        path: for errors.

    Raises:
        CheckpointError: an archive that torch does not write.
    """
    file.seek(0)
    if file.read(4) != b"PK\x03\x04":  # where torch looks
        return None
    try:
        _refuse_many(file)
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if any(entry.filename.endswith("/constants.pkl") for entry in entries):
                return Archive(b"", True)
            _refuse_odd(entries, os.fstat(file.fileno()).st_size)
            pickled = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
            if not pickled:
                raise _Odd("it has no data.pkl")
            first = entries[0].filename.partition("/")[0]  # torch's name of the archive
            if [entry.filename for entry in pickled] != [f"{first}/data.pkl"]:
                raise _Odd("it has several pickles, or one in another folder")
            return Archive(archive.read(pickled[0]), False)
    except _Odd as odd:
        raise CheckpointError(f"{path}: not an archive as torch writes it: {odd}") from None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise CheckpointError(f"{path}: not a readable archive: {str(error)[:200]}") from None


class _Odd(Exception):
    pass


def _refuse_many(file: BinaryIO) -> None:
    """Refuse an archive that says that it has more entries than memory is to be given to."""
    size = file.seek(-_END.size, os.SEEK_END) + _END.size
    sign, disk, *_, entries, length, offset, _ = _END.unpack(file.read(_END.size))
    if sign != b"PK\x05\x06":
        raise _Odd("it is truncated, or something follows it")
    if disk not in (0, 0xFFFF):
        raise _Odd("it is one part of several")
    if 0xFFFF in (disk, entries) or 0xFFFFFFFF in (length, offset):
        file.seek(max(0, size - _END.size - 20 - _END64.size))
        found = file.read(_END64.size)
        if len(found) < _END64.size or not found.startswith(b"PK\x06\x06"):
            raise _Odd("it is truncated, or made by another program")
        *_, entries, length, offset = _END64.unpack(found)
    if entries > MAX_TENSORS + _OTHERS or length > 300 * (MAX_TENSORS + _OTHERS):
        raise _Odd(f"it has {entries} entries")


def _refuse_odd(entries: Sequence[zipfile.ZipInfo], size: int) -> None:
    if len({entry.filename.lower() for entry in entries}) < len(entries):
        raise _Odd("an entry occurs twice")  # torch does not tell capitals from others
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 0x1:
            raise _Odd(f"{entry.filename[:64]!r} is compressed or encrypted")
        if entry.file_size != entry.compress_size or entry.volume:
            raise _Odd(f"{entry.filename[:64]!r} has two sizes, or lies in another file")
        if "/data/" not in entry.filename and entry.file_size > MAX_PICKLE:
            raise _Odd(f"{entry.filename[:64]!r} has {entry.file_size} bytes")
    places = sorted((entry.header_offset, entry.file_size) for entry in entries)
    if not places or places[0][0] != 0:
        raise _Odd("something lies before it")
    starts = [*(start for start, _ in places), size]
    for (start, following), (_, length) in zip(pairwise(starts), places, strict=True):
        if start + 30 + length > following:  # of a header's fixed part
            raise _Odd("entries overlap, or reach beyond its end")
