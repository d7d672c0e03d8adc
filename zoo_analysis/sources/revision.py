"""The revision of a model on disk: a hash of its contents."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import Final

from zoo_analysis.errors import CheckpointError, SourceError
from zoo_analysis.folders import file_names, folder_of, open_regular
from zoo_analysis.hub.path import expanded, is_index
from zoo_analysis.hub.repository import describes_network
from zoo_analysis.sources.ref import ModelRef
from zoo_analysis.weights.readers.by_suffix import reader_of
from zoo_analysis.weights.readers.files import weight_files

_BLOCK: Final = 1 << 20


def resolve_revision(ref: ModelRef) -> ModelRef:
    """A model with its revision.

    A commit sha, a package's version or a catalogue's revision stands. A model on disk gets
    ``sha256-`` and the first 16 hexadecimal digits of a hash over the names and contents of all
    that a number of it depends on: its weight files and the index of their shards, its
    configurations, and the tokenizer and the preprocessing by which `zoo correlate` shows it a
    probe. The same contents have the same revision wherever they lie. Every byte is read once, in
    blocks, and of each file no more than it has when it is opened.

    Args:
        ref: of any source.

    Returns:
        The same model with `revision` set.

    Raises:
        SourceError: a file of it cannot be read.
        CheckpointError: its folder does not hold one model any more, or weights are no regular file
            of it: a pipe, a device, a link that leads out.
    """
    if ref.revision is not None:
        return ref
    path = Path(ref.path)
    digest = hashlib.sha256()
    try:
        weights = set(_weights(path))
        for file in sorted(weights | set(_beside(path))):
            try:
                stream = open_regular(file, folder_of(path) if file in weights else file.parent)
            except CheckpointError:
                if file in weights:
                    raise
                continue  # nothing reads it either
            with stream:
                digest.update(file.name.encode(errors="surrogateescape") + b"\0")
                digest.update(_digest(stream))
    except OSError as error:
        raise SourceError(f"{error.filename}: cannot be read ({error.strerror})") from error
    return replace(ref, revision=f"sha256-{digest.hexdigest()[:16]}")


def _weights(path: Path) -> list[Path]:
    several = path.is_dir() or is_index(path.name) or len(expanded(path.name)) > 1
    files = weight_files(path) if several else [path]
    return [part for file in files for part in _with_further(file)]


def _beside(path: Path) -> Iterator[Path]:
    """What lies beside weights by the names under which readers and libraries look for it."""
    folder = folder_of(path) or path.parent
    for name in file_names(folder) if folder.is_dir() else ():
        index = is_index(name) and path in (folder, folder / name)
        if index or describes_network(name):
            yield folder / name


def _with_further(file: Path) -> list[Path]:
    """A weight file, and those beside it that hold tensors of it."""
    further = reader_of(str(file)).further
    return [file, *(file.parent / name for name in (further(file) if further else ()))]


def _digest(stream: BufferedReader) -> bytes:
    digest = hashlib.sha256()
    left = os.fstat(stream.fileno()).st_size
    while left and (block := stream.read(min(_BLOCK, left))):
        digest.update(block)
        left -= len(block)
    return digest.digest()
