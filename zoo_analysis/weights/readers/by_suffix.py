"""Readers by the suffixes of files: those of this package, and those that other packages add."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.lookup import loaded
from zoo_analysis.weights.readers.channels_last.flax_reader import READER as _FLAX
from zoo_analysis.weights.readers.channels_last.keras_reader import READER as _KERAS
from zoo_analysis.weights.readers.gguf.gguf_reader import READER as _GGUF
from zoo_analysis.weights.readers.onnx.onnx_reader import READER as _ONNX
from zoo_analysis.weights.readers.reader import Reader
from zoo_analysis.weights.readers.safetensors_reader import READER as _SAFETENSORS
from zoo_analysis.weights.readers.torch_files.torch_reader import READER as _TORCH

#: Of entry points; one's name is a suffix without its first dot, and it points to a `Reader`.
GROUP = "zoo_analysis.readers"

#: The format that a model is read in if it is there in several comes first.
_BUILT_IN = (_SAFETENSORS, _TORCH, _GGUF, _FLAX, _KERAS, _ONNX)
#: Of files that `zoo import` takes.
_TABLES: Final = (".csv", ".parquet")


def suffixes_by_format() -> tuple[tuple[str, ...], ...]:
    """The suffixes of weight files, those of one format together, the preferred format first."""
    return _by_format(tuple(added()))


@cache
def _by_format(others: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return (*(reader.suffixes for reader in _BUILT_IN), *((suffix,) for suffix in others))


def suffixes() -> tuple[str, ...]:
    """The suffixes of weight files, those of the preferred format first."""
    return _flat(suffixes_by_format())


@cache
def _flat(groups: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(suffix for group in groups for suffix in group)


def reader_of(file: str) -> Reader:
    """The reader of a file.

    Args:
        file: its name or path; what it holds is not looked at.

    Raises:
        CheckpointError: no suffix of a weight file, or an entry point that does not load.
    """
    known: dict[str, Reader | EntryPoint] = {**_own(), **added()}
    fitting = [suffix for suffix in known if file.lower().endswith(suffix)]
    if not fitting:
        told = f"{file}: not a weight file; known are {' '.join(suffixes())}"
        if file.lower().endswith(_TABLES):
            told += f"; a table of metrics is imported: zoo import {Path(file).name}"
        raise CheckpointError(told)
    reader = known[max(fitting, key=len)]
    return reader if isinstance(reader, Reader) else _loaded(reader)


@cache
def added() -> dict[str, EntryPoint]:
    """Entry points of readers by suffix, but for suffixes that this package reads itself."""
    points = {f".{point.name.lower()}": point for point in entry_points(group=GROUP)}
    return {suffix: point for suffix, point in points.items() if suffix not in _own()}


def _own() -> dict[str, Reader]:
    return {suffix: r for r in _BUILT_IN for suffix in (*r.suffixes, *r.named)}


def _loaded(point: EntryPoint) -> Reader:
    what = f"the reader of .{point.name} files ({point.value})"
    reader = loaded(point, what, CheckpointError)
    if not isinstance(reader, Reader):
        raise CheckpointError(f"{what} is of type {type(reader).__name__}; it needs to be a Reader")
    return reader
