"""The revision of a model on disk: a hash of its contents."""

import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.path import is_index
from zoo_analysis.hub.repository import describes_network
from zoo_analysis.sources.ref import ModelRef
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
        SourceError: a file of it cannot be read, or is none: a pipe, a device.
        CheckpointError: its folder does not hold one model any more.
    """
    if ref.revision is not None:
        return ref
    path = Path(ref.path)
    digest = hashlib.sha256()
    try:
        for file in _contents(path):
            digest.update(file.name.encode(errors="surrogateescape") + b"\0")
            digest.update(_digest(file))
    except OSError as error:
        raise SourceError(f"{error.filename}: cannot be read ({error.strerror})") from error
    return replace(ref, revision=f"sha256-{digest.hexdigest()[:16]}")


def _contents(path: Path) -> list[Path]:
    """Weights, and what lies beside them by the names under which readers and libraries look."""
    folder, weights = (path, weight_files(path)) if path.is_dir() else (path.parent, [path])
    beside = (
        file
        for file in (folder.iterdir() if folder.is_dir() else ())
        if describes_network(file.name) or (path.is_dir() and is_index(file.name))
    )
    return sorted({*weights, *(file for file in beside if file.is_file())})


def _digest(file: Path) -> bytes:
    digest: Any = hashlib.sha256()
    with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
        about = os.fstat(stream.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise SourceError(f"{file}: no regular file, so it is not read")
        left = about.st_size
        while left and (block := stream.read(min(_BLOCK, left))):
            digest.update(block)
            left -= len(block)
    return bytes(digest.digest())
