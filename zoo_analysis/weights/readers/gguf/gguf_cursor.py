"""A place in the header of a GGUF file, from which values are taken within bounds."""

import struct
from collections.abc import Mapping
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.readers.byte_source import ByteSource

#: A value of the metadata that is kept: a number, a short text, or a few whole numbers.
Value = int | float | bool | str | tuple[int, ...]

#: Headers of models with large vocabularies have some ten million bytes and a million texts.
_LONGEST: Final = 1 << 28
_MOST_ITEMS: Final = 1 << 22
_DEEPEST: Final = 4
#: Read at first, and at most, at a time.
_FIRST_READ: Final = 1 << 16
_LARGEST_READ: Final = 1 << 22
#: What is longer is no name of anything: vocabularies, templates, licences.
_LONGEST_TEXT: Final = 1024
_LONGEST_LIST: Final = 8

#: The types of metadata by number, as `struct` calls them.
_NUMBERS: Final[Mapping[int, str]] = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_TEXT: Final = 8
_ARRAY: Final = 9


class GgufCursor:
    """A place in a header, that moves on with all that is taken or passed over.

    Args:
        source: the file.

    Attributes:
        at: the place, in bytes.
        name: of the file, for errors.
    """

    def __init__(self, source: ByteSource) -> None:
        self.name, self.at = source.name, 0
        self._source = source
        self._buffer = b""
        self._base = 0
        self._reach = _FIRST_READ
        self._items = 0

    @property
    def reached(self) -> int:
        """The end of what was read of the file."""
        return self._base + len(self._buffer)

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        skip = self._hold(size)
        self.at += size
        return self._buffer[skip : skip + size]

    def number(self, code: str) -> int:
        """The next number, of the type that `struct` calls `code`."""
        (value,) = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))
        return value  # type: ignore[no-any-return]

    def count(self, most: int, what: str) -> int:
        """The next number, a count of at most `most`."""
        value = self.number("Q")
        if value > most:
            raise CheckpointError(f"{self.name}: malformed: claims {value} {what}")
        return value

    def text(self, longest: int) -> str:
        """The next text, of at most `longest` bytes."""
        raw = self.take(self.count(longest, "bytes of a name"))
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise CheckpointError(f"{self.name}: malformed: the name {raw[:40]!r}") from None

    def value(self, kind: int) -> Value | None:
        """The next value of the metadata; None for one that is passed over because of its length.

        Args:
            kind: its type's number.
        """
        if kind == _TEXT:
            size = self.number("Q")
            if size > _LONGEST_TEXT:
                self._skip(size)
                return None
            return self.take(size).decode(errors="replace")
        if kind == _ARRAY:
            return self._list(1)
        if kind not in _NUMBERS:
            raise CheckpointError(f"{self.name}: malformed: metadata of the unknown type {kind}")
        return self.number(_NUMBERS[kind])

    def _list(self, depth: int) -> tuple[int, ...] | None:
        kind, count = self.number("I"), self.number("Q")
        code = _NUMBERS.get(kind)
        if code and code not in "fd?" and count <= _LONGEST_LIST:
            return tuple(self.number(code) for _ in range(count))
        if code:
            self._skip(count * struct.calcsize(f"<{code}"))
            return None
        self._items += count
        if self._items > _MOST_ITEMS or depth > _DEEPEST or kind not in (_TEXT, _ARRAY):
            raise CheckpointError(f"{self.name}: malformed: a list of {count} of the type {kind}")
        if kind == _TEXT:
            self._skip_texts(count)
        else:
            for _ in range(count):
                self._list(depth + 1)
        return None

    def _skip_texts(self, count: int) -> None:
        unpack = struct.Struct("<Q").unpack_from
        for _ in range(count):
            place = self.at - self._base
            if place + 8 > len(self._buffer):
                place = self._hold(8)
            self.at += 8 + unpack(self._buffer, place)[0]
        self._skip(0)

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > self._source.size:
            raise self._truncated()

    def _truncated(self) -> CheckpointError:
        return CheckpointError(
            f"{self.name}: truncated: {self._source.size} bytes hold no GGUF header"
        )

    def _hold(self, size: int) -> int:
        """Have the next `size` bytes in the buffer; their place in it."""
        stop = self.at + size
        if stop > self._base + len(self._buffer):
            if stop > self._source.size:
                raise self._truncated()
            if stop > _LONGEST:
                raise CheckpointError(f"{self.name}: malformed: a header of over {_LONGEST} bytes")
            end = min(max(stop, self.at + self._reach), self._source.size)
            self._reach = min(2 * self._reach, _LARGEST_READ)
            buffer, skip = self._source.read(self.at, end)
            self._buffer = bytes(memoryview(buffer)[skip : skip + end - self.at])
            self._base = self.at
        return self.at - self._base
