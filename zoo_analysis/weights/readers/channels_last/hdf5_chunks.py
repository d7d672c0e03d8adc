"""Chunks of HDF5 arrays, which may unfold to no more than an array has.

HDF5 sets a whole chunk aside however little of it an array needs, and grows its memory for as long
as a deflated chunk goes on.
"""

import math
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Final

from zoo_analysis.errors import CheckpointError

if TYPE_CHECKING:
    import h5py

_DEFLATE: Final = 1
#: Filters that are read: deflate, shuffle, fletcher32, lzf. Those that take the sizes of what they
#: make from their own settings (szip, nbit, scale-offset) are of no use for weights.
_FILTERS: Final = (_DEFLATE, 2, 3, 32000)
#: Bytes of fletcher32's sum, which a chunk may have beside its numbers.
_SUM: Final = 4


def refuse_filters(dataset: "h5py.Dataset", where: str, most: int) -> bool:
    """True for an array that is coded.

    Args:
        dataset: the array.
        where: it is, for errors.
        most: bytes that a chunk may have.

    Raises:
        CheckpointError: a filter that is not read, one that is there twice, or chunks that are
            larger.
    """
    if dataset.chunks is None:
        return False
    made = dataset.id.get_create_plist()
    filters = Counter(made.get_filter(i)[0] for i in range(made.get_nfilters()))
    if unknown := [number for number in filters if number not in _FILTERS]:
        raise CheckpointError(
            f"{where} is coded by the HDF5 filter {unknown[0]}, which is not read"
        )
    if max(filters.values(), default=0) > 1 or {_DEFLATE, 32000} <= filters.keys():
        raise CheckpointError(f"{where} is compressed twice")
    if (size := _chunk_size(dataset)) > most:
        raise CheckpointError(f"{where} has chunks of {size} bytes, more than it holds")
    return bool(filters)


def refuse_bombs(dataset: "h5py.Dataset", where: str) -> None:
    """Refuse an array with a deflated chunk of more bytes than its numbers have.

    Args:
        dataset: the array.
        where: it is, for errors.

    Raises:
        CheckpointError: there is one, or one that is malformed.
    """
    made = dataset.id.get_create_plist() if dataset.chunks else None
    places = range(made.get_nfilters()) if made else ()
    deflated = [i for i in places if made and made.get_filter(i)[0] == _DEFLATE]
    if not deflated:
        return
    room = _chunk_size(dataset) + _SUM
    stored: list[tuple[int, ...]] = []
    dataset.id.chunk_iter(lambda chunk: stored.append(chunk.chunk_offset))
    for offset in stored:
        skipped, raw = dataset.id.read_direct_chunk(offset)
        if skipped >> deflated[0] & 1:
            continue
        try:
            found = len(zlib.decompressobj().decompress(raw, room + 1))
        except zlib.error as error:
            raise CheckpointError(f"{where} has a malformed chunk: {error}") from None
        if found > room:
            raise CheckpointError(f"{where} has a chunk that unfolds to more than {room} bytes")


def _chunk_size(dataset: "h5py.Dataset") -> int:
    return math.prod(dataset.chunks or ()) * int(dataset.dtype.itemsize)
