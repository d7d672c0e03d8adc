"""Small torch files that ask for much: each a function that writes one."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

Write = Callable[[Path], object]

#: Beginnings and ends of hand-made pickles.
_PROTO = b"\x80\x02"
_KEYS = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]


def zipped(pickled: bytes, *, compressed: bool = False, **others: bytes) -> bytes:
    """An archive as torch writes it, around a pickle."""
    buffer = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", how) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", b"3\n")
        for name, content in others.items():
            archive.writestr(f"archive/data/{name.strip('_')}", content)
    return buffer.getvalue()


def old(pickled: bytes, keys: list[str], data: bytes = b"") -> bytes:
    """A file of torch before 1.6, around a pickle."""
    first = b"".join(pickle.dumps(key, 2) for key in _KEYS)
    return first + pickled + pickle.dumps(keys, 2) + data


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _call(module: str, name: str, arguments: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"(" + arguments + b"tR"


def _number(number: int) -> bytes:
    raw = number.to_bytes(9, "little", signed=True)
    return b"\x8a\x09" + raw


def storage_of(numel: int, kind: str = "FloatStorage", key: str = "0") -> bytes:
    inner = f"ctorch\n{kind}\n".encode() + _text(key) + _text("cpu") + _number(numel)
    return b"(" + _text("storage") + inner + b"tQ"


def old_storage_of(numel: int, kind: str = "FloatStorage", key: str = "0") -> bytes:
    return storage_of(numel, kind, key)[:-2] + b"NtQ"


def tensor_of(storage: bytes, shape: list[int], strides: list[int]) -> bytes:
    def numbers(values: list[int]) -> bytes:
        return b"(" + b"".join(map(_number, values)) + b"t"

    rest = b"\x89" + _call("collections", "OrderedDict", b"")
    inside = storage + _number(0) + numbers(shape) + numbers(strides) + rest
    return _call("torch._utils", "_rebuild_tensor_v2", inside)


def table(**values: bytes) -> bytes:
    body = b"".join(_text(name.replace("__", ".")) + value for name, value in values.items())
    return b"}(" + body + b"u"


def pickled(value: bytes) -> bytes:
    return _PROTO + value + b"."


def _nest(levels: int) -> bytes:
    """A tuple of twice a tuple of twice a tuple …: two to the power of `levels` paths."""
    return b")" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(levels))


_GOOD = tensor_of(storage_of(4), [2, 2], [2, 1])

#: What is in a pickle, and the words of the error.
PICKLES: dict[str, tuple[bytes, str]] = {
    "bytearray": (_call("builtins", "bytearray", _number(3 * 10**9)), "array of a size"),
    "old bytearray": (_call("__builtin__", "bytearray", _number(3 * 10**9)), "array of a size"),
    "tensor": (_call("torch", "FloatTensor", _number(10**11)), "calls torch.FloatTensor"),
    "storage": (_call("torch", "FloatStorage", _number(10**11)), "calls torch.FloatStorage"),
    "new tensor": (b"ctorch\nTensor\n" + _number(10**11) + b"\x85\x81", "calls torch.Tensor"),
    "key of many paths": (b"}" + _nest(200) + b"K\x01s", "key of a dictionary"),
    "set of many paths": (
        _call("builtins", "set", b"](" + _nest(200) + b"e"),
        "key of a dictionary",
    ),
    "counted paths": (
        _call("collections", "Counter", b"](" + _nest(200) + b"e"),
        "key of a dictionary",
    ),
    "deep key": (b"})" + b"\x85" * 10**6 + b"K\x01s", "key of a dictionary"),
    "punycode": (_call("_codecs", "encode", _text("é" * 9) + _text("punycode")), "malformed"),
    "copies": (
        _text("a" * 10**6)
        + b"q\x00]("
        + _call("_codecs", "encode", b"h\x00" + _text("latin1")) * 999
        + b"e",
        "beside its tensors",
    ),
    "long memo": (b"}r\xff\xff\xff\xffj\xfe\xff\xff\xff", "malformed"),
    "huge number": (b"\x8b\xff\xff\xff\x7f" + bytes(9), "malformed"),
    "huge text": (b"X\xff\xff\xff\xff" + bytes(9), "malformed"),
    "huge bytes": (b"\x8e" + b"\xff" * 8 + bytes(9), "malformed"),
    "storage that is not there": (
        table(w=tensor_of(storage_of(10**12), [10**6, 10**6], [10**6, 1])),
        "a storage of 4000000000000 bytes",
    ),
    "beyond its storage": (
        table(w=tensor_of(storage_of(4), [60000, 60000], [60000, 1])),
        "reaches beyond its storage",
    ),
    "quantised": (
        _call(
            "torch._utils",
            "_rebuild_qtensor",
            storage_of(1) + b"K\x00(" + _number(10**10) + b"t(K\x00tN\x89N",
        ),
        "claims more than its storage",
    ),
    "copied expansion": (
        _call(
            "torch._utils",
            "_rebuild_device_tensor_from_cpu_tensor",
            tensor_of(storage_of(1), [60000, 60000], [0, 0])
            + b"ctorch\nfloat64\n"
            + _text("cpu")
            + b"\x89",
        ),
        "beside its tensors",
    ),
    "shape of many axes": (
        table(w=tensor_of(storage_of(4), [1] * 10**4, [0] * 10**4)),
        "10000 axes",
    ),
    "attributes": (b"cbuiltins\nset\n)R}b", "attributes"),
    "steps": (b"N0" * 10, "malformed"),
    "system": (_call("os", "system", _text("touch /tmp/ran")), "asks for (os|posix).system"),
    "no end": (b"K\x01" * 100, "no weights|malformed"),
    "nested lists": (b"](" * 10**5 + b"e" * 10**5, "nested too deeply|no weights|malformed"),
    "nested tables": (
        table(w=_GOOD) + _text("x") + b"}" + b"K\x01}" * 10**5 + b"s" * 10**5 + b"s",
        "nested too deeply",
    ),
}


def _shared(levels: int) -> object:
    value: object = {"z": torch.ones(2, 2)}
    for _ in range(levels):
        value = {f"k{i}": value for i in range(300)}
    return value


def expanded(path: Path) -> object:
    return torch.save({"a.weight": torch.ones(1).expand(60000, 60000)}, path)


def expanded_experts(path: Path) -> object:
    stack = torch.ones(1, 4, 4).expand(10**9, 4, 4)
    return torch.save({"experts.down_proj": stack, "fc.weight": torch.randn(8, 6)}, path)


def many_views(path: Path) -> object:
    whole = torch.randn(1000)
    return torch.save({f"v{i}.weight": whole[i : i + 900].view(30, 30) for i in range(100)}, path)


def shared_parts(path: Path) -> object:
    return torch.save(_shared(4), path)


def _sized(archive: bytes, path: Path) -> object:
    return path.write_bytes(archive)


def _twice(path: Path) -> object:
    import warnings

    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for content in (pickled(table(w=_GOOD)), pickled(_GOOD)):
            archive.writestr("archive/data.pkl", content)


def _cased(path: Path) -> object:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(table(w=_GOOD)))
        archive.writestr("archive/DATA.pkl", pickled(_GOOD))


def _patched(path: Path, at: int, raw: bytes) -> object:
    """A file of torch's whose end of the archive was written over."""
    torch.save({"a.weight": torch.randn(4, 4)}, path)
    content = bytearray(path.read_bytes())
    content[len(content) - 22 + at : len(content) - 22 + at + len(raw)] = raw
    return path.write_bytes(content)


def _overlapping(path: Path) -> object:
    torch.save({"a.weight": torch.randn(4, 4)}, path)
    content = bytearray(path.read_bytes())
    place = content.rfind(b"PK\x01\x02")
    content[place + 42 : place + 46] = struct.pack("<I", 64)
    return path.write_bytes(content)


def _named(path: Path) -> object:
    path.write_bytes(zipped(pickled(table(w=_GOOD)), **{"0": bytes(16)}))
    content = path.read_bytes().replace(b"archive/version", b"archive/\xff\xfe\xfdsion")
    place = content.find(b"PK\x01\x02", content.find(b"PK\x01\x02") + 1)
    changed = bytearray(content)
    changed[place + 9] |= 0x08  # its name is said to be UTF-8
    return path.write_bytes(changed)


#: Files, and the words of the error.
ARCHIVES: dict[str, tuple[Write, str]] = {
    "deflated pickle": (
        lambda path: _sized(zipped(_PROTO + b"N0" * (64 << 20) + b"N.", compressed=True), path),
        "compressed",
    ),
    "an entry twice": (_twice, "twice"),
    "an entry in capitals": (_cased, "twice"),
    "a million entries": (
        lambda path: _patched(path, 8, struct.pack("<HHII", 0xFFFE, 0xFFFE, 1 << 30, 0)),
        "archive",
    ),
    "several disks": (lambda path: _patched(path, 4, struct.pack("<HH", 3, 3)), "archive"),
    "overlapping entries": (_overlapping, "archive"),
    "names that are no text": (_named, "archive"),
    "something behind it": (
        lambda path: _sized(zipped(pickled(table(w=_GOOD))) + bytes(100), path),
        "something follows",
    ),
    "old storage of a terabyte": (
        lambda path: _sized(
            old(pickled(table(w=tensor_of(old_storage_of(1 << 38), [1 << 38], [1]))), ["0"]), path
        ),
        "a storage of",
    ),
    "old storages that are not there": (
        lambda path: _sized(
            old(pickled(table(w=tensor_of(old_storage_of(9), [3, 3], [3, 1]))), ["0"], bytes(4)),
            path,
        ),
        "truncated",
    ),
    "old resized": (
        lambda path: _sized(
            old(pickled(table(w=tensor_of(old_storage_of(1), [1 << 34], [1]))), ["0"], bytes(12)),
            path,
        ),
        "reaches beyond",
    ),
    "the same parts again and again": (shared_parts, "again and again|steps"),
}
