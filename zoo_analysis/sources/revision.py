"""The revision of a model on disk: a hash of its contents."""

import hashlib
from dataclasses import replace
from pathlib import Path

from zoo_analysis.errors import SourceError
from zoo_analysis.folders import folder_of, open_regular
from zoo_analysis.hub.path import expanded, is_index
from zoo_analysis.sources.ref import ModelRef
from zoo_analysis.weights.readers.by_suffix import reader_of
from zoo_analysis.weights.readers.files import weight_files


def resolve_revision(ref: ModelRef) -> ModelRef:
    """A model with its revision.

    A commit sha, a package's version or a catalogue's revision stands. A model on disk gets
    ``sha256-`` and the first 16 hexadecimal digits of a hash over the names and contents of its
    weight files and config.json: the same contents have the same revision wherever they lie.
    Every byte is read once, in blocks.

    Args:
        ref: of any source.

    Returns:
        The same model with `revision` set.

    Raises:
        SourceError: a file of it cannot be read.
        CheckpointError: its folder does not hold one model any more.
    """
    if ref.revision is not None:
        return ref
    path = Path(ref.path)
    digest = hashlib.sha256()
    try:
        for file in _contents(path):
            digest.update(file.name.encode() + b"\0")
            with open_regular(file, folder_of(path)) as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise SourceError(f"{error.filename}: cannot be read ({error.strerror})") from error
    return replace(ref, revision=f"sha256-{digest.hexdigest()[:16]}")


def _contents(path: Path) -> list[Path]:
    if not path.is_dir():
        several = is_index(path.name) or len(expanded(path.name)) > 1
        files = weight_files(path) if several else [path]
        return [part for file in files for part in _with_further(file)]
    config = path / "config.json"
    weights = [part for file in weight_files(path) for part in _with_further(file)]
    return sorted([*weights, *([config] if config.is_file() else [])])


def _with_further(file: Path) -> list[Path]:
    """A weight file, and those beside it that hold tensors of it."""
    further = reader_of(str(file)).further
    return [file, *(file.parent / name for name in (further(file) if further else ()))]
