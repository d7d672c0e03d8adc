"""Costs of the functions that a state dict's pickle may call, by their arguments' stand-ins."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from zoo_analysis.weights.checkpoint import MOST_AXES
from zoo_analysis.weights.readers.torch_files.stand_ins import (
    OPAQUE,
    Opaque,
    Steps,
    Storage,
    Table,
    Tensor,
    Unsafe,
)

#: Types without a call: of tensors, of storages, of numbers.
_TYPES: Final = re.compile(
    r"torch\.([a-z]\w*|((cuda|sparse|cuda\.sparse|storage)\.)?\w*(Storage|Tensor))"
)
#: Bytes of an element by the beginning of a storage's name; eight at most.
_BYTES: Final = {"Double": 8, "Float": 4, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4,
                 "Short": 2, "Char": 1, "Byte": 1, "Bool": 1, "ComplexDouble": 16,
                 "ComplexFloat": 8, "QUInt8": 1, "QInt8": 1, "QInt32": 4, "QUInt4x2": 1,
                 "QUInt2x4": 1, "Untyped": 1}  # fmt: skip
_PLAIN: Final = frozenset({str, bytes, int, float, bool, type(None)})
_ENCODINGS: Final = {"latin1", "latin-1", "utf-8", "utf8", "ascii"}


@dataclass(frozen=True, slots=True)
class Global:
    """A function or type of torch's or Python's, and what calling it costs."""

    name: str
    call: Callable[[Any, Steps], Any] | None

    @classmethod
    def named(cls, name: str) -> "Global":
        """The one of a name.

        Raises:
            Unsafe: no state dict needs it.
        """
        if (call := _CALLS.get(name)) is None and not _TYPES.fullmatch(name):
            shown = re.sub(r"[^\w.]", "?", name.removeprefix("builtins."))[:100]
            raise Unsafe(f"it asks for {shown}; save tensors only, or safetensors")
        return cls(name, call)


def called(function: Any, given: Any, steps: Steps, new: bool = False) -> Any:
    """The stand-in of what a call makes.

    Args:
        function: to be called.
        given: its arguments.
        steps: to be charged.
        new: `function` is a type, and only its ``__new__`` is called.

    Raises:
        Unsafe: what is no function of a state dict, or arguments that cost too much.
    """
    if type(function) is not Global or type(given) is not tuple:
        raise TypeError("a call of what is no function")
    if function.call is None:
        raise Unsafe(f"it calls {function.name}; save tensors only, or safetensors")
    if new and function.name not in _NEW:
        raise Unsafe(f"it makes a {function.name}; save tensors only, or safetensors")
    return function.call(given, steps)


def storage(identity: Any, steps: Steps) -> Storage:
    """The storage of a persistent identity, ``("storage", type, key, device, elements, view)``.

    Raises:
        Unsafe: the storages have more bytes than the file.
    """
    if type(identity) is not tuple or len(identity) not in (5, 6) or identity[0] != "storage":
        raise TypeError("a persistent identity of what is no storage")
    kind, key, numel = identity[1], identity[2], identity[4]
    if type(kind) is not Global or type(key) not in (str, int) or type(numel) is not int:
        raise TypeError("no identity of a storage")
    view = identity[5] if len(identity) == 6 else None
    nbytes = numel * _BYTES.get(kind.name.rpartition(".")[2].removesuffix("Storage"), 8)
    if numel < 0 or steps.storages.setdefault(key, nbytes) != nbytes:
        raise TypeError("a storage of two sizes")
    if len(steps.storages) > 0 and nbytes > steps.available:
        raise Unsafe(f"a storage of {nbytes} bytes in a file that has {steps.available}")
    if view is None:
        return Storage(numel)
    view_key, _, view_numel = view
    if type(view_key) not in (str, int) or not 0 <= view_numel <= numel:
        raise TypeError("no view of a storage")
    return Storage(view_numel)


def updated(whole: Any, state: Any, steps: Steps) -> None:
    """Charge for the attributes that are put into something made before.

    Raises:
        Unsafe: they cannot be, or cost too much.
    """
    if type(whole) is Table and type(state) is Table:
        steps.spend(100 * state.count)
    elif type(whole) is Tensor and type(state) is tuple and len(state) == 4:
        _tensor(state, steps)
    elif not (type(whole) is Tensor and type(state) in (tuple, Table)):
        raise Unsafe("it sets attributes of what is no tensor; save tensors only, or safetensors")


def key_checked(key: Any) -> None:
    """Refuse keys of a dictionary whose hash could take for ever.

    Raises:
        Unsafe: it is one.
    """
    if type(key) in _PLAIN or type(key) in (Global, Tensor):
        return
    if type(key) is tuple and len(key) < 100 and all(type(part) in _PLAIN for part in key):
        return
    raise Unsafe("a key of a dictionary is no text or number; save tensors only, or safetensors")


def _tensor(given: tuple[Any, ...], steps: Steps) -> Tensor:
    """A tensor of (storage, offset, shape, strides, …), which must lie inside of its storage."""
    held, offset, shape, strides = given[:4]
    if type(held) is not Storage or type(shape) is not tuple or type(strides) is not tuple:
        raise TypeError("a tensor without storage, shape or strides")
    if len(shape) != len(strides) or len(shape) > MOST_AXES:
        raise TypeError(f"a tensor of {len(shape)} axes and {len(strides)} strides")
    numel, last = 1, offset
    for axis, stride in zip(shape, strides, strict=True):
        if not (type(axis) is type(stride) is int and axis >= 0 and stride >= 0):
            raise TypeError("a tensor with an odd shape")
        numel *= axis
        last += (axis - 1) * stride
    if numel > 1 << 62 or offset < 0 or (numel and last >= held.numel):
        raise Unsafe(f"a tensor reaches beyond its storage of {held.numel} elements")
    return Tensor(numel)


def _quantised(given: tuple[Any, ...], steps: Steps) -> Tensor:
    tensor = _tensor(given, steps)
    if tensor.numel > given[0].numel:  # which torch would allocate
        raise Unsafe("a quantised tensor claims more than its storage")
    return tensor


def _moved(given: tuple[Any, ...], steps: Steps) -> Tensor:
    if type(given[0]) is not Tensor:
        raise TypeError("a copy of what is no tensor")
    steps.spend(8 * given[0].numel)
    return given[0]


def _with_type(given: tuple[Any, ...], steps: Steps) -> Any:
    function, _, arguments, _ = given
    if type(function) is Global and function.name.endswith("_rebuild_from_type_v2"):
        raise Unsafe("a type inside of a type")
    return called(function, arguments, steps)


def _wrapped(given: tuple[Any, ...], steps: Steps) -> Tensor:
    if type(given[0]) is not Tensor:
        raise TypeError("a parameter of what is no tensor")
    return given[0]


def _other(given: tuple[Any, ...], steps: Steps) -> Tensor:
    """A sparse or meta tensor: it is made of tensors, or of none."""
    return Tensor(1)


def _size(given: tuple[Any, ...], steps: Steps) -> tuple[Any, ...]:
    (axes,) = given
    if type(axes) not in (tuple, list) or len(axes) > MOST_AXES:
        raise TypeError("no shape")
    steps.spend(16 * len(axes))
    return tuple(axes)


def _table(given: tuple[Any, ...], steps: Steps) -> Table:
    if given:
        (items,) = given
        if type(items) is Table:
            steps.spend(100 * items.count)
            return Table()
        pairs = [pair for pair in items if type(pair) in (tuple, list)] if items else []
        if type(items) is not list or any(len(pair) != 2 for pair in pairs):
            raise TypeError("a dictionary of no pairs")
        steps.spend(100 * len(items))
        for item in items:
            key_checked(item[0] if type(item) in (tuple, list) else item)
    return Table()


def _set(given: tuple[Any, ...], steps: Steps) -> Opaque:
    for items in given:
        steps.spend(100 * len(items))
        for item in items:
            key_checked(item)
    return OPAQUE


def _encoded(given: tuple[Any, ...], steps: Steps) -> Any:
    text, *encoding = given
    if type(text) is not str or any(each not in _ENCODINGS for each in encoding):
        raise TypeError("bytes of no text")
    steps.spend(len(text))
    return b""


def _array(given: tuple[Any, ...], steps: Steps) -> Opaque:
    if given and type(given[0]) not in (str, bytes):
        raise Unsafe("it asks for an array of a size that the file does not hold")
    steps.spend(2 * len(given[0]) if given else 0)
    return OPAQUE


def _small(given: tuple[Any, ...], steps: Steps) -> Opaque:
    if not all(type(part) in _PLAIN for part in given):
        raise TypeError("no number or name")
    return OPAQUE


_UTILS: Final[Mapping[str, Callable[[Any, Steps], Any]]] = {
    "_rebuild_tensor": _tensor,
    "_rebuild_tensor_v2": _tensor,
    "_rebuild_tensor_v3": _tensor,
    "_rebuild_qtensor": _quantised,
    "_rebuild_parameter": _wrapped,
    "_rebuild_parameter_with_state": _wrapped,
    "_rebuild_device_tensor_from_cpu_tensor": _moved,
    "_rebuild_sparse_tensor": _other,
    "_rebuild_meta_tensor_no_storage": _other,
    "_rebuild_nested_tensor": _other,
}
_CALLS: Final[Mapping[str, Callable[[Any, Steps], Any]]] = {
    **{f"torch._utils.{name}": call for name, call in _UTILS.items()},
    "torch._tensor._rebuild_from_type_v2": _with_type,
    "torch.nn.parameter.Parameter": _wrapped,
    "torch.Size": _size,
    "torch.device": _small,
    "torch.serialization._get_layout": _small,
    "collections.OrderedDict": _table,
    "collections.Counter": _table,
    "builtins.set": _set,
    "builtins.bytearray": _array,
    "builtins.complex": _small,
    "_codecs.encode": _encoded,
}
_NEW: Final = frozenset(
    {"torch.nn.parameter.Parameter", "torch.Size", "collections.OrderedDict", "builtins.set"}
)
