"""Models on disk: a checkpoint file, a directory in hub layout, a tree of them, a hub cache."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.sources.card import read_card
from zoo_analysis.sources.metadata import Architecture, read_architecture
from zoo_analysis.sources.ref import ModelRef, Problem, Resolved
from zoo_analysis.weights.readers.by_suffix import suffixes
from zoo_analysis.weights.readers.files import (
    all_shards,
    is_repository,
    one_of_each,
    shards_beside,
    weight_files,
    weight_names,
    weight_suffix,
    whole_name,
)

#: Endings of weight files in formats of which no reader is known.
_FOREIGN: Final = (
    ".ggml", ".onnx", ".h5", ".hdf5", ".keras", ".msgpack", ".tflite", ".pb", ".npz",
    ".pkl", ".pickle", ".distcp", ".nemo", ".mlmodel", ".pdparams", ".pte", ".llamafile",
)  # fmt: skip


def local_models(path: Path) -> Resolved:
    """Models under a path.

    Only names, sizes, configurations and cards are read. What lies inside a directory that is a
    model itself (a trainer's checkpoints, an export to another format) belongs to that model;
    hidden directories are passed over, links are followed, and a directory is entered once.

    Args:
        path: an existing file (always taken for a checkpoint) or directory.

    Returns:
        The models, and a problem for each directory that has a configuration but no weights, is a
        model whose weights are not to be told (several candidates, a missing shard), holds only
        formats that are not read, is empty, or cannot be listed; one if there is nothing at all.
    """
    if not path.is_dir():
        return Resolved((file_ref(path),), ())
    refs: list[ModelRef] = []
    problems: list[Problem] = []

    def unlistable(error: OSError) -> None:
        directory = Path(error.filename or path)
        message = f"{directory} cannot be listed: {error.strerror}; check its permissions"
        problems.append(Problem(name_of(directory).repo_id, type(error).__name__, message))

    seen = set()
    for root, directories, names in os.walk(path, onerror=unlistable, followlinks=True):
        directory = Path(root)
        reason, error_name = None, "NoWeights"
        if (real := os.path.realpath(root)) in seen:  # by a link, or a circle of them
            directories.clear()
            continue
        seen.add(real)
        if is_repository(names):
            directories.clear()
            try:
                refs.append(directory_ref(directory))
            except CheckpointError as error:
                reason, error_name = str(error), type(error).__name__
        else:
            directories[:] = sorted(d for d in directories if not d.startswith((".", "__")))
            weights = weight_names(names)
            for file in (directory / name for name in one_of_each(weights)):
                try:
                    all_shards(file)
                    refs.append(file_ref(file))
                except CheckpointError as error:
                    of = name_of(file).repo_id
                    problems.append(Problem(of, type(error).__name__, str(error)))
            reason = None if weights else _nothing(directory, directories, names)
        if reason:
            problems.append(Problem(name_of(directory).repo_id, error_name, reason))
    if not refs and not problems:
        reason = f"{path}: no model found; known are files ending in {' '.join(suffixes())}"
        problems.append(Problem(name_of(path).repo_id, "NoWeights", reason))
    return Resolved(tuple(refs), tuple(problems))


def _nothing(directory: Path, directories: list[str], names: list[str]) -> str | None:
    """The reason why a directory without weights is a problem; None when it is just a folder."""
    if "config.json" in names:
        return (
            f"{directory} has a config.json but no weights that can be read; "
            "add its .safetensors or .bin files, or remove the directory"
        )
    if foreign := sorted(name for name in names if name.lower().endswith(_FOREIGN)):
        known = " ".join(suffixes())
        return f"{directory}: {foreign[0]} is of a format that is not read; known are {known}"
    if not directories and not names:
        return f"{directory} is empty; put a model in it or remove it"
    return None


def directory_ref(directory: Path) -> ModelRef:
    """A model in hub layout.

    Args:
        directory: with config.json, README.md and weights, all but the last optional.

    Returns:
        The model, with what its configuration and card say of it.

    Raises:
        CheckpointError: no weights, several candidates, or a missing shard.
    """
    weights = weight_files(directory)
    name = name_of(directory)
    architecture, card = read_architecture(directory), read_card(directory, name.repo_id)
    return ModelRef(
        repo_id=name.repo_id,
        revision=name.revision,
        path=str(directory.absolute()),
        source="local",
        nbytes=sum(_size(file) for file in weights),
        series=card.series or architecture.series,
        architecture=architecture.name,
        library=card.library or architecture.library,
        pipeline_tag=card.pipeline_tag,
        license=card.license,
        base_model=card.base_model,
        accuracies=card.accuracies,
    )


def file_ref(file: Path) -> ModelRef:
    """A checkpoint file on its own.

    Args:
        file: the checkpoint; whether it can be read is for its reader to say.

    Returns:
        The model, of which nothing but its name and size is known, unless a configuration lies
        beside it in a hub cache.
    """
    name = name_of(file)
    architecture = read_architecture(file.parent) if name.revision else Architecture()
    return ModelRef(
        repo_id=name.repo_id,
        revision=name.revision,
        path=str(file.absolute()),
        source="local",
        nbytes=sum(_size(file.with_name(name)) for name in shards_beside(file.name)),
        series=architecture.series,
        architecture=architecture.name,
        library=architecture.library,
    )


def _size(file: Path) -> int:
    """Bytes of a file; 0 for a dangling link, which its reader will complain of."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


#: Folders and names that training gives to every run.
_ANY_FOLDER: Final = {"weights", "checkpoints", "checkpoint", "ckpt", "ckpts"}
_ANY_NAME: Final = {"best", "last", "latest", "final", "model", "checkpoint", "weights"}
_SNAPSHOT = re.compile(r"models--(?P<owner>[^/]+?)--(?P<name>[^/]+)/snapshots/(?P<sha>[^/]+)")


@dataclass(frozen=True)
class Name:
    """The name of a model's path: its repository and, in a hub cache, its commit."""

    repo_id: str
    revision: str | None


def name_of(path: Path) -> Name:
    """The name of a model's path.

    In a hub cache (``models--OWNER--NAME/snapshots/SHA``) the repository and commit it is of,
    with the path below the snapshot for a part of a pipeline; elsewhere the last two components
    of the absolute path, three where two say nothing (``exp0/weights/best``), a checkpoint file
    without its suffix.

    Args:
        path: checkpoint file or directory.

    Returns:
        The name; its revision is None outside a hub cache.
    """
    path = path.absolute()
    suffix = weight_suffix(path.name) if not path.is_dir() else None
    whole = path.name if path.is_dir() else path.stem
    last = whole_name(path.name)[: -len(suffix)] if suffix else whole
    if match := _SNAPSHOT.search(path.as_posix()):
        below = path.as_posix()[match.end() :].strip("/")
        if suffix:
            below = below[: -len(suffix)]
        repo_id = "/".join(part for part in (match["owner"], match["name"], below) if part)
        return Name(repo_id, match["sha"])
    said = 3 if path.parent.name in _ANY_FOLDER and last in _ANY_NAME else 2
    return Name("/".join((*path.parts[1:-1][1 - said :], last)), None)
