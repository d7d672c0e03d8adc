"""A weight file on the hub as a source of bytes: streamed in large ranges, one ahead."""

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from zoo_analysis.hub.file import HubFile, RangeIgnored
from zoo_analysis.hub.repository import Repository
from zoo_analysis.weights.readers.byte_source import Buffer, FileBytes

#: Fetched at first: most headers, and the whole of a tiny model.
_FIRST: Final = 64 << 10
#: Ranges that are this close are fetched by one request, of this size at most.
_GAP: Final = 64 << 10
_WINDOW: Final = 32 << 20
#: What is fetched ahead may be this large; beyond it memory matters more than waiting.
_AHEAD: Final = 256 << 20
#: Headers that a process remembers, in bytes: files at a commit never change.
_REMEMBERED: Final = 32 << 20

Range = tuple[int, int]


@dataclass(frozen=True)
class _Window:
    """Bytes ``[start, stop)`` in memory."""

    start: int
    stop: int
    buffer: bytearray

    def holds(self, start: int, stop: int) -> bool:
        return self.start <= start and stop <= self.stop


class HubBytes:
    """The bytes of a file on the hub: the windows of `expect` in order, the next one in advance.

    See `ByteSource`. Memory is bounded by two windows: the present one and the one ahead, each of
    32 MiB or of one tensor if that is larger.

    Args:
        repository: that holds the file.
        name: of the file; its first bytes are read here, unless this process knows its header.

    Raises:
        RangeIgnored: the server cannot be asked for ranges.
        CheckpointError: no such file, no access.
    """

    def __init__(self, repository: Repository, name: str) -> None:
        self._file = file = repository.file(name)
        self._repository, self._name = repository, name
        self.name = file.name
        self._known = _headers.get(_known_as(file))
        size, first = self._known or _first_bytes(file)
        self.size = file.size = size
        self._first = _Window(0, len(first), bytearray(first))
        self._opening = True
        self._current = self._first
        self._windows: list[Range] = []
        self._ahead: tuple[Range, Future[_Window]] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False
        self._local: FileBytes | None = None
        self.following: HubBytes | None = None

    def opened(self, end: int) -> None:
        """See `ByteSource.opened`: the header is remembered."""
        self._opening = False
        if self._known is None:
            _headers.put(_known_as(self._file), self.size, bytes(self._first.buffer[:end]))

    def expect(self, ranges: Sequence[Range]) -> None:
        """Say what will be read, in which order does not matter; nothing is fetched yet."""
        self._windows = windows(ranges)

    def read(self, start: int, stop: int) -> tuple[Buffer, int]:
        """See `ByteSource.read`."""
        if self._local is not None:
            return self._local.read(start, stop)
        if self._opening and stop > self._first.stop:
            first = self._load((0, stop)).buffer
            self._first = self._current = _Window(0, stop, first)
        for window in (self._first, self._current):
            if window.holds(start, stop):
                return window.buffer, start - window.start
        wanted = next((w for w in self._windows if w[0] <= start and stop <= w[1]), (start, stop))
        self._current = self._first  # the memory of the last window goes before the next comes
        try:
            self._current = self._take(wanted)
        except RangeIgnored:  # though it was not when the header was read
            with self._repository.snapshot([self._name]) as folder:
                self._local = FileBytes(folder / self._name)
            return self._local.read(start, stop)
        self._fetch_ahead(wanted)
        return self._current.buffer, start - wanted[0]

    def release(self) -> None:
        """See `ByteSource.release`: what came over the network is not fetched twice."""

    def close(self) -> None:
        """See `ByteSource.close`."""
        self._closed = True
        if self._local is not None:
            self._local.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def start(self) -> None:
        """Fetch the first window in advance."""
        if self._windows and self._ahead is None and not self._closed:
            self._fetch(self._windows[0])

    def _take(self, wanted: Range) -> _Window:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == wanted:
            return ahead[1].result()
        return self._load(wanted)

    def _fetch_ahead(self, present: Range) -> None:
        later = [window for window in self._windows if window[0] >= present[1]]
        if later:
            self._fetch(later[0])
        elif self.following is not None:
            self.following.start()

    def _fetch(self, window: Range) -> None:
        if window[1] - window[0] <= _AHEAD:
            self._pool = self._pool or ThreadPoolExecutor(1, "hub")
            self._ahead = window, self._pool.submit(self._load, window)

    def _load(self, wanted: Range) -> _Window:
        """Fetch a window, less what came with the header."""
        start, stop = wanted
        buffer = bytearray(stop - start)
        known = max(0, self._first.stop - start)
        buffer[:known] = self._first.buffer[start : start + known]
        with memoryview(buffer) as view, view[known:] as rest:
            self._file.fetch(rest, start + known, lambda: self._closed)
        return _Window(start, stop, buffer)


def windows(ranges: Sequence[Range], gap: int = _GAP, most: int = _WINDOW) -> list[Range]:
    """Few ranges that cover `ranges`, in ascending order.

    Args:
        ranges: ``[start, stop)``, in any order; they may overlap.
        gap: bytes between two ranges that are worth fetching to save a request.
        most: bytes of a window, unless a single range is larger.
    """
    out: list[Range] = []
    for start, stop in sorted(set(ranges)):
        if out and start <= out[-1][1] + gap:
            whole = out[-1][0], max(stop, out[-1][1])
            if whole[1] - whole[0] <= most or stop <= out[-1][1]:
                out[-1] = whole
                continue
        out.append((start, stop))
    return [window for window in out if window[0] < window[1]]


#: Endpoint, reader's token and path: what one endpoint serves to one reader is no other's.
_Key = tuple[str, str | None, str]


def _known_as(file: HubFile) -> _Key:
    return file.access.endpoint, file.access.token, file.name


class _Headers:
    """The headers that this process read last: (size of the file, bytes up to the data)."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, tuple[int, bytes]] = OrderedDict()
        self._bytes = 0

    def clear(self) -> None:
        self._kept.clear()
        self._bytes = 0

    def get(self, key: _Key) -> tuple[int, bytes] | None:
        return self._kept.get(key)

    def put(self, key: _Key, size: int, header: bytes) -> None:
        if key not in self._kept:
            self._kept[key] = size, header
            self._bytes += len(header)
        while self._bytes > _REMEMBERED:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._bytes -= len(dropped)


_headers = _Headers()


def forget_headers() -> None:
    """Let the next reading of each file begin with its header, as in a new process."""
    _headers.clear()


def _first_bytes(file: HubFile) -> tuple[int, bytes]:
    """(size of the file, its first bytes: all of most headers)."""
    first = file.head(_FIRST)
    return file.size or 0, first
