"""The pickles of torch's files, gone through before torch unpickles them.

``torch.load(weights_only=True)`` runs nothing that a stranger wrote, but it allocates what the
pickle asks for: ``bytearray(3 * 10**9)`` is twenty bytes, a tuple of a tuple of a tuple … is hashed
along every path, and a tensor may claim more than its storage. Here the same steps are taken with
stand-ins that own no memory, and what a state dict never needs is refused.
"""

import gc
import struct
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from mmap import mmap
from typing import Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.readers.torch_files.calls import (
    Global,
    called,
    key_checked,
    storage,
    updated,
)
from zoo_analysis.weights.readers.torch_files.stand_ins import OPAQUE, Steps, Table, Unsafe

#: Bytes of a pickle, which names the tensors and does not hold them: a thousand of them are 0.1 MB.
MAX_PICKLE: Final = 128 * 2**20
#: Steps of a pickle; a tensor takes some forty.
MAX_STEPS: Final = 8_000_000

_MARK: Final = object()
_LITTLE: Final = {size: struct.Struct(code) for size, code in ((2, "<H"), (4, "<I"))}
_INT: Final = struct.Struct("<i")
_FLOAT: Final = struct.Struct(">d")


def check_pickle(
    data: bytes | mmap, start: int, available: int, where: str
) -> tuple[Any, int, dict[Any, int]]:
    """Go through one pickle.

    Args:
        data: that holds it.
        start: its first byte.
        available: bytes that its storages may have together.
        where: the file, for errors.

    Returns:
        A stand-in for what it makes, the byte behind it, and the bytes of each storage by its key.

    Raises:
        CheckpointError: malformed, asks for what no state dict needs, or for more than there is.
    """
    steps = Steps(available)
    collecting = gc.isenabled()
    gc.disable()  # all stand-ins live to the end, and would be looked at again and again
    try:
        made, stop = _walk(data, start, steps)
    except Unsafe as odd:
        raise CheckpointError(f"{where}: unsafe pickle, not read: {odd}") from None
    except (IndexError, KeyError, ValueError, TypeError, AttributeError, struct.error) as error:
        raise CheckpointError(
            f"{where}: malformed pickle, not read: {type(error).__name__}: {str(error)[:100]}"
        ) from None
    finally:
        if collecting:
            gc.enable()
    return made, stop, steps.storages


def _walk(data: bytes | mmap, at: int, steps: Steps) -> tuple[Any, int]:
    """The interpreter of torch's subset of pickle's second protocol."""
    stack: list[Any] = []
    marked: list[list[Any]] = []
    memo: dict[int, Any] = {}
    end, push = min(len(data), at + MAX_PICKLE), stack.append
    four, two = _LITTLE[4].unpack_from, _LITTLE[2].unpack_from
    for _ in range(MAX_STEPS):
        step = data[at]
        at += 1
        if step == 0x71:  # BINPUT
            memo[data[at]] = stack[-1]
            at += 1
        elif step == 0x72:  # LONG_BINPUT
            memo[four(data, at)[0]] = stack[-1]
            at += 4
        elif step == 0x68:  # BINGET
            push(memo[data[at]])
            at += 1
        elif step == 0x6A:  # LONG_BINGET
            push(memo[four(data, at)[0]])
            at += 4
        elif step == 0x4B:  # BININT1
            push(data[at])
            at += 1
        elif step == 0x28:  # MARK
            marked.append(stack)
            stack = []
            push = stack.append
        elif step == 0x58:  # BINUNICODE
            (length,) = four(data, at)
            at += 4 + length
            if at > end:
                raise ValueError("a text goes beyond the end")
            push(str(data[at - length : at], "utf-8", "surrogatepass"))
        elif step == 0x74:  # TUPLE
            parts = tuple(stack)
            stack = marked.pop()
            push = stack.append
            push(parts)
        elif step == 0x52:  # REDUCE
            given = stack.pop()
            stack[-1] = called(stack[-1], given, steps)
        elif step == 0x51:  # BINPERSID
            stack[-1] = storage(stack[-1], steps)
        elif step == 0x4D:  # BININT2
            push(two(data, at)[0])
            at += 2
        elif step == 0x4A:  # BININT
            push(_INT.unpack_from(data, at)[0])
            at += 4
        elif step == 0x86:  # TUPLE2
            stack[-2:] = [(stack[-2], stack[-1])]
        elif step == 0x85:  # TUPLE1
            stack[-1] = (stack[-1],)
        elif step == 0x87:  # TUPLE3
            stack[-3:] = [(stack[-3], stack[-2], stack[-1])]
        elif step == 0x29:  # EMPTY_TUPLE
            push(())
        elif step == 0x89 or step == 0x88:  # NEWFALSE, NEWTRUE
            push(step == 0x88)
        elif step == 0x4E:  # NONE
            push(None)
        elif step == 0x7D:  # EMPTY_DICT
            push(Table())
        elif step == 0x5D:  # EMPTY_LIST
            push([])
        elif step == 0x8F:  # EMPTY_SET
            steps.spend(64)
            push(OPAQUE)
        elif step == 0x75 or step == 0x65:  # SETITEMS, APPENDS
            parts_list = stack
            stack = marked.pop()
            push = stack.append
            _extend(stack[-1], parts_list, step == 0x75)
        elif step == 0x73:  # SETITEM
            value, key = stack.pop(), stack.pop()
            _extend(stack[-1], [key, value], True)
        elif step == 0x61:  # APPEND
            value = stack.pop()
            _extend(stack[-1], [value], False)
        elif step == 0x63:  # GLOBAL
            module, at = _line(data, at)
            name, at = _line(data, at)
            push(_global(module, name))
        elif step == 0x47:  # BINFLOAT
            push(_FLOAT.unpack_from(data, at)[0])
            at += 8
        elif step == 0x8A:  # LONG1
            length = data[at]
            at += 1 + length
            push(int.from_bytes(data[at - length : at], "little", signed=True))
        elif step == 0x55:  # SHORT_BINSTRING
            length = data[at]
            at += 1 + length
            push(str(data[at - length : at], "latin-1"))
        elif step == 0x81:  # NEWOBJ
            given = stack.pop()
            stack[-1] = called(stack[-1], given, steps, new=True)
        elif step == 0x62:  # BUILD
            state = stack.pop()
            updated(stack[-1], state, steps)
        elif step == 0x80:  # PROTO
            at += 1
        elif step == 0x2E:  # STOP
            return stack.pop(), at
        else:
            raise ValueError(f"the step {step:#04x} is none of the second protocol")
    raise Unsafe(f"it has more than {MAX_STEPS} steps; keep tensors only, or use safetensors")


def _extend(whole: Any, parts: list[Any], keyed: bool) -> None:
    if keyed:
        if type(whole) is not Table:
            raise TypeError("an item is set in what is no dictionary")
        whole.count += len(parts) // 2
        for key in parts[::2]:
            if type(key) is not str:
                key_checked(key)
    else:
        if type(whole) is not list:
            raise TypeError("an item is put at the end of what is no list")
        whole.extend(parts)


def _line(data: bytes | mmap, at: int) -> tuple[str, int]:
    stop = data.find(b"\n", at, at + 200)
    if stop < 0:
        raise ValueError("a name does not end")
    return str(data[at:stop], "utf-8"), stop + 1


def _global(module: str, name: str) -> Global:
    if (module, name) in NAME_MAPPING:
        module, name = NAME_MAPPING[module, name]
    else:
        module = IMPORT_MAPPING.get(module, module)
    return Global.named(f"{module}.{name}")
