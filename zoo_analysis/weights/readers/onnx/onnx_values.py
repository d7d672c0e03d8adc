"""Numbers of an ONNX model's tensors: in its file, in files beside it, or in the message."""

import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.readers.byte_source import FileBytes, numbers
from zoo_analysis.weights.readers.limits import refuse_excess
from zoo_analysis.weights.readers.onnx.onnx_message import HERE

if TYPE_CHECKING:
    import onnx
    import torch

#: Types by their number in onnx.proto: torch's name, bits, the field of numbers that are not raw.
_TYPES: Final = {
    1: ("float32", 32, "float_data"),
    2: ("uint8", 8, "int32_data"),
    3: ("int8", 8, "int32_data"),
    4: ("uint16", 16, "int32_data"),
    5: ("int16", 16, "int32_data"),
    6: ("int32", 32, "int32_data"),
    7: ("int64", 64, "int64_data"),
    9: ("bool", 8, "int32_data"),
    10: ("float16", 16, "int32_data"),
    11: ("float64", 64, "double_data"),
    12: ("uint32", 32, "uint64_data"),
    13: ("uint64", 64, "uint64_data"),
    14: ("complex64", 64, "float_data"),
    15: ("complex128", 128, "double_data"),
    16: ("bfloat16", 16, "int32_data"),
    17: ("float8_e4m3fn", 8, "int32_data"),
    18: ("float8_e4m3fnuz", 8, "int32_data"),
    19: ("float8_e5m2", 8, "int32_data"),
    20: ("float8_e5m2fnuz", 8, "int32_data"),
    21: ("uint4", 4, "int32_data"),
    22: ("int4", 4, "int32_data"),
    23: ("float4_e2m1fn", 4, "int32_data"),
    24: ("float8_e8m0fnu", 8, "int32_data"),
    25: ("uint2", 2, "int32_data"),
    26: ("int2", 2, "int32_data"),
    27: ("float6_e2m3", 6, "int32_data"),
    28: ("float6_e3m2", 6, "int32_data"),
}
#: Fields whose numbers are two to an entry: the parts of complex ones.
_COMPLEX: Final = (14, 15)


@dataclass(frozen=True)
class OnnxTensor:
    """A tensor as the model keeps it.

    Attributes:
        name: in its graph; may be empty.
        shape: as stored.
        dtype: by torch's name; of four bits or two, as many to a byte.
        nbytes: of its numbers.
        storage: where they lie; see `TensorInfo`.
        load: reads them; integers below a byte come as bytes.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    storage: tuple[int, ...]
    load: Callable[[], "torch.Tensor"]


class OnnxValues:
    """The files that hold a model's numbers.

    Args:
        path: of the model's file.
        source: the file, open.
    """

    def __init__(self, path: Path, source: FileBytes) -> None:
        self._path = path
        self.files = {HERE: source}
        self._loose = 0

    def tensor(self, proto: "onnx.TensorProto") -> OnnxTensor | None:
        """The tensor that `proto` describes; None for texts.

        Raises:
            CheckpointError: sizes that do not fit, or data in a place that is not opened.
        """
        if proto.data_type not in _TYPES:
            return None
        dtype, bits, field = _TYPES[proto.data_type]
        shape = tuple(proto.dims)
        where = f"{self._path}: {proto.name[:80]}"
        if min(shape, default=0) < 0:
            raise CheckpointError(f"{where} has the shape {list(shape[:8])}")
        refuse_excess(proto.name, shape, str(self._path))
        count = math.prod(shape)
        nbytes = -(-count * bits // 8)
        if proto.external_data or proto.data_location == 1:
            place, start = self._external(proto, nbytes, where)
            number = list(self.files).index(place)
            load = partial(_mapped, self.files[place], start, shape, dtype, bits, where)
            return OnnxTensor(proto.name, shape, dtype, nbytes, (number, start), load)
        loose = getattr(proto, field)
        held, needed = len(loose), count * (2 if proto.data_type in _COMPLEX else 1)
        if proto.HasField("raw_data"):
            held, needed = len(proto.raw_data), nbytes
        elif bits < 8:
            needed = nbytes
        if held != needed:
            raise CheckpointError(
                f"{where} of {dtype} {list(shape[:8])} needs {needed} numbers or bytes, "
                f"{held} are there"
            )
        self._loose += 1
        load = partial(_parsed, proto, shape, dtype, where)
        return OnnxTensor(proto.name, shape, dtype, nbytes, (-1, self._loose), load)

    def _external(self, proto: "onnx.TensorProto", nbytes: int, where: str) -> tuple[str, int]:
        """(the file, by its place in `files`; the first byte)."""
        told = {entry.key: entry.value for entry in proto.external_data}
        location = told.get("location", "")
        try:
            start = int(told.get("offset", "") or 0)
            length = int(told.get("length", "") or nbytes)
        except ValueError:
            raise CheckpointError(f"{where}: offset or length of its data is no number") from None
        if location not in self.files:
            self.files[location] = FileBytes(beside_model(self._path, location))
        size = self.files[location].size
        if start < 0 or length != nbytes or start + nbytes > size:
            raise CheckpointError(
                f"{where} needs {nbytes} bytes; its data, {length} bytes from byte {start}, "
                f"is not within the {size} of {Path(self.files[location].name).name}"
            )
        return location, start


def beside_model(model: Path, location: str) -> Path:
    """The file that holds a model's external data.

    Args:
        model: the model's file.
        location: relative to the model's folder, as the model says.

    Raises:
        CheckpointError: it leads out of the folder, or is missing or no regular file.
    """
    file = model.parent / inside(model, location)
    try:
        real = file.resolve(strict=True)
        mode = os.stat(real).st_mode
    except (OSError, RuntimeError):
        raise CheckpointError(
            f"{model}: its data file {location[:120]!r} is missing; fetch it too"
        ) from None
    # A hub cache links each file of a model to one place, which is then the folder of all of them.
    homes = model.parent.resolve(), model.resolve().parent
    if not any(real.is_relative_to(home) for home in homes) or not stat.S_ISREG(mode):
        raise _outside(model, location)
    return file


def inside(model: Path, location: str) -> str:
    """`location`, if it is a path below the model's folder.

    Raises:
        CheckpointError: it is not.
    """
    told, parts = PurePosixPath(location), PurePosixPath(location).parts
    plain = parts and not told.is_absolute() and ".." not in parts
    if not plain or "\\" in location or "\0" in location:
        raise _outside(model, location)
    return str(told)


def _outside(model: Path, location: str) -> CheckpointError:
    return CheckpointError(
        f"{model}: its data is said to be in {location[:120]!r}, which is no file of its own folder"
    )


def _mapped(
    source: FileBytes, start: int, shape: tuple[int, ...], dtype: str, bits: int, where: str
) -> "torch.Tensor":
    import torch

    count = math.prod(shape)
    if dtype in ("uint4", "int4", "uint2", "int2"):
        packed = numbers(source, start, -(-count * bits // 8), torch.uint8)
        return unpacked(packed, bits, signed=dtype[0] == "i")[:count].reshape(shape)
    kind = getattr(torch, dtype, None)
    if bits < 8 or not isinstance(kind, torch.dtype):
        raise CheckpointError(f"{where}: torch has no type {dtype}")
    return numbers(source, start, count, kind).reshape(shape)


def unpacked(packed: "torch.Tensor", bits: int, signed: bool) -> "torch.Tensor":
    """Integers of few bits, the first in the lowest bits of a byte; (count,).

    Args:
        packed: bytes, (n,).
        bits: 2, 4 or 8.
        signed: in two's complement.
    """
    import torch

    shifts = torch.arange(0, 8, bits, dtype=torch.uint8)
    values = (packed[:, None] >> shifts & (1 << bits) - 1).flatten()
    if not signed:
        return values
    values = values.to(torch.int8)
    return torch.where(values >= 1 << (bits - 1), values - (1 << bits), values)


def _parsed(
    proto: "onnx.TensorProto", shape: tuple[int, ...], dtype: str, where: str
) -> "torch.Tensor":
    import numpy as np
    import torch
    from onnx import numpy_helper

    try:
        array = np.array(numpy_helper.to_array(proto))
        if dtype in ("uint4", "int4", "uint2", "int2"):
            return torch.from_numpy(array.astype(np.int8 if dtype[0] == "i" else np.uint8))
        if array.dtype.isbuiltin != 1:  # ml_dtypes' own
            raw = torch.from_numpy(array.reshape(-1).view(f"u{array.dtype.itemsize}"))
            return raw.view(getattr(torch, dtype)).reshape(shape)
        return torch.from_numpy(array)
    except (ValueError, TypeError, AttributeError, OverflowError, RuntimeError) as error:
        raise CheckpointError(
            f"{where}: {dtype} {list(shape[:8])} cannot be read: {error}"
        ) from None
