"""The parts of an ONNX file without its numbers, which stay where they are.

An ONNX file is one protocol buffer, and the library that parses it copies all of it. So the file is
walked by the wire format (https://protobuf.dev/programming-guides/encoding) to where its numbers
lie; they are taken out, and what is left is parsed. A tensor then says that its data is external,
in the file `HERE`, and at which byte.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.readers.byte_source import FileBytes

if TYPE_CHECKING:
    import onnx

#: The place of numbers that are in the model's own file.
HERE: Final = "\0"
#: Numbers of fewer bytes stay in the message.
_SMALL: Final = 256
_MOST_FIELDS: Final = 20_000_000
_LARGEST_REST: Final = 512 << 20
_DEEPEST: Final = 60

#: Fields of messages that lead to tensors, as in onnx.proto: message → field → message.
_INNER: Final = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_DATA_TYPE, _FLOAT_DATA, _RAW_DATA, _EXTERNAL, _LOCATION = 2, 4, 9, 13, 14
_FLOAT: Final = 1  # TensorProto.FLOAT, whose packed float_data is as raw_data would be

_Field = tuple[int, int, int, int, int]  # number, wire type, first byte, of its content, end


def read_model(source: FileBytes) -> "onnx.ModelProto":
    """The model of a file, whose large tensors are external.

    Raises:
        CheckpointError: no ONNX file, one that is cut short or nested too deep, or one whose graph
            alone is larger than any network's.
    """
    import onnx
    from google.protobuf.message import DecodeError

    buffer, skip = source.read(0, source.size)
    rest = bytes(_Scan(memoryview(buffer)[skip : skip + source.size], source.name).message("model"))
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(rest)
    except (DecodeError, RecursionError):
        raise CheckpointError(f"{source.name}: not an ONNX model: malformed") from None
    if not model.HasField("graph"):
        raise CheckpointError(f"{source.name}: not an ONNX model: it has no graph")
    return model


@contextmanager
def in_unicode(name: str) -> Iterator[None]:
    """Names that are no UTF-8, which protobuf hands over as bytes, are an error of the file.

    Args:
        name: of the file.

    Raises:
        CheckpointError: there was one.
    """
    try:
        yield
    except (TypeError, AttributeError) as error:
        if "bytes" not in str(error):
            raise
        raise CheckpointError(f"{name}: not an ONNX model: names that are no UTF-8") from None


class _Scan:
    """One walk through a file."""

    def __init__(self, view: memoryview, name: str) -> None:
        self._view, self._name = view, name
        self._fields = self._kept = 0

    def message(self, kind: str) -> bytearray:
        return self._rest(kind, 0, len(self._view), 0)

    def _rest(self, kind: str, start: int, stop: int, depth: int) -> bytearray:
        """A message of this kind, without the numbers of its tensors."""
        if depth > _DEEPEST:
            raise self._error("its graphs are nested without end")
        if kind == "tensor":
            return self._tensor(start, stop)
        inner, out, copied = _INNER[kind], bytearray(), start
        for number, wire, first, begin, end in self._walk(start, stop):
            if wire != 2 or number not in inner:
                continue
            rest = self._rest(inner[number], begin, end, depth + 1)
            if len(rest) != end - begin or inner[number] == "tensor":
                self._keep(out, copied, first)
                out += _varint(number << 3 | 2) + _varint(len(rest)) + rest
                copied = end
        self._keep(out, copied, stop)
        return out

    def _tensor(self, start: int, stop: int) -> bytearray:
        data_type, fields = 0, list(self._walk(start, stop))
        for number, wire, _, begin, end in fields:
            if number == _DATA_TYPE and wire == 0:
                data_type = self._number(begin, end)[0]
        large = [
            field
            for field in fields
            if field[1] == 2 and field[4] - field[3] >= _SMALL and _in_bytes(field[0], data_type)
        ]
        out = bytearray()
        if len(large) != 1 or any(field[0] == _EXTERNAL for field in fields):
            self._keep(out, start, stop)
            return out
        (_, _, first, begin, end) = large[0]
        self._keep(out, start, first)
        self._keep(out, end, stop)
        for key, value in (("location", HERE), ("offset", begin), ("length", end - begin)):
            entry = _text(1, key) + _text(2, str(value))
            out += _varint(_EXTERNAL << 3 | 2) + _varint(len(entry)) + entry
        return out + _varint(_LOCATION << 3) + b"\1"

    def _walk(self, start: int, stop: int) -> Iterator[_Field]:
        at = start
        while at < stop:
            self._fields += 1
            if self._fields > _MOST_FIELDS:
                raise self._error("it has more parts than any network")
            tag, begin = self._number(at, stop)
            number, wire = tag >> 3, tag & 7
            if wire == 0:
                end = self._number(begin, stop)[1]
            elif wire == 2:
                length, begin = self._number(begin, stop)
                end = begin + length
            elif wire in (1, 5):
                end = begin + (8 if wire == 1 else 4)
            else:
                raise self._error("malformed")
            if end > stop or not number:
                raise self._error("malformed, or cut short")
            yield number, wire, at, begin, end
            at = end

    def _number(self, at: int, stop: int) -> tuple[int, int]:
        """(a number of variable length, where it ends)."""
        value = shift = 0
        while at < stop and shift < 70:
            byte = self._view[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value, at
        raise self._error("malformed, or cut short")

    def _keep(self, out: bytearray, start: int, stop: int) -> None:
        self._kept += stop - start
        if self._kept > _LARGEST_REST:
            raise self._error("its graph is larger than any network's")
        out += self._view[start:stop]

    def _error(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self._name}: not an ONNX model: {what}")


def _in_bytes(field: int, data_type: int) -> bool:
    return field == _RAW_DATA or (field == _FLOAT_DATA and data_type == _FLOAT)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _text(field: int, text: str) -> bytes:
    raw = text.encode()
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw
