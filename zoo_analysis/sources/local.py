"""Models on disk: a checkpoint file, a directory in hub layout, a tree of them, a hub cache."""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.path import one_of_each, shards_beside, whole_name
from zoo_analysis.sources.card import Card, read_card
from zoo_analysis.sources.layout import (
    MODULES,
    PIPELINE,
    Walk,
    few,
    is_whole,
    members,
    no_model,
    nothing,
    without,
)
from zoo_analysis.sources.metadata import Architecture, read_architecture
from zoo_analysis.sources.ref import ModelRef, Problem, Resolved
from zoo_analysis.weights.readers.by_suffix import suffixes
from zoo_analysis.weights.readers.files import (
    HUB_NAMES,
    NoVariant,
    all_shards,
    weight_files,
    weight_suffix,
    weights_name,
)


def local_models(path: Path, variant: str = "") -> Resolved:
    """Models under a path.

    Only names, sizes, configurations and cards are read. Which folders are models is said by
    `sources.layout`; links to folders are followed, but for those that lead out of a model's own
    folder, which a remark names, and a directory is entered once.

    Args:
        path: an existing file (always taken for a checkpoint) or directory.
        variant: of the weights of models in hub layout; those that do not have it are taken plain.

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

    told = set()  # pipelines whose first part told what is to be said of them
    outside: dict[str, list[str]] = {}
    walk = os.walk(path, onerror=unlistable, followlinks=True)
    for member in list(members(_kept_inside(_once(walk), outside))):
        directory, root = Path(member.folder), member.root or member
        found: list[ModelRef] = []
        reason, error_name = None, "NoWeights"
        if member.what == "model":
            try:
                found = [directory_ref(directory, variant, Path(root.folder))]
            except CheckpointError as error:
                reason, error_name = str(error), type(error).__name__
        elif member.what == "files":
            for file in (directory / name for name in one_of_each(member.weights)):
                try:
                    all_shards(file)
                    found.append(file_ref(file))
                except CheckpointError as error:
                    of = name_of(file).repo_id
                    problems.append(Problem(of, type(error).__name__, str(error)))
        elif member.what == "nothing":
            reason = nothing(member, str(directory))
        if found:
            if links := outside.pop(root.folder, []):
                found[0] = replace(found[0], remarks=(_unfollowed(links), *found[0].remarks))
            first = replace(found[0], remarks=(*member.remarks, *found[0].remarks))
            if root.what == "pipeline" and root.folder not in told:
                told.add(root.folder)
                card, remarks = _card(Path(root.folder)), (*root.remarks, *first.remarks)
                remarks = (*card.remarks, *remarks)
                first = replace(first, accuracies=card.accuracies, remarks=remarks)
            refs += [first, *found[1:]]
        if reason:
            problems.append(Problem(name_of(directory).repo_id, error_name, reason))
    for folder, links in outside.items():
        reason = f"{folder}: {_unfollowed(links)}"
        problems.append(Problem(name_of(Path(folder)).repo_id, "NoWeights", reason))
    if not refs and not problems:
        problems.append(Problem(name_of(path).repo_id, "NoWeights", no_model(str(path))))
    return Resolved(tuple(refs), tuple(problems))


def _kept_inside(walk: Walk, outside: dict[str, list[str]]) -> Walk:
    """A walk that leaves no model's or pipeline's own folder by a link.

    Args:
        walk: of a tree.
        outside: gets, by the folder of each model, the links that were not followed.
    """
    own = ""
    for folder, folders, names in walk:
        if not (own and folder.startswith(f"{own.rstrip('/')}/")):
            own = folder if is_whole(names) else ""
        if own:
            real = os.path.realpath(own)
            for name in [name for name in folders if os.path.islink(f"{folder}/{name}")]:
                if os.path.commonpath((real, os.path.realpath(f"{folder}/{name}"))) != real:
                    folders.remove(name)
                    outside.setdefault(own, []).append(name)
        yield folder, folders, names


def _unfollowed(links: list[str]) -> str:
    return f"links out of the model's folder are not followed: {few(links)}"


def _once(walk: Walk) -> Walk:
    """A walk that enters no folder again, by a link or a circle of them."""
    seen = set()
    for folder, folders, names in walk:
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        yield folder, folders, names


def directory_ref(directory: Path, variant: str = "", root: Path | None = None) -> ModelRef:
    """A model in hub layout.

    Args:
        directory: with config.json, README.md and weights, all but the last optional.
        variant: of its weights; where it has none the plain ones are meant, and a remark says so.
        root: the directory of the model or pipeline that it is a part of, whose card is its own
            too; what that reports is not of the part.

    Returns:
        The model, with what its configuration and card say of it.

    Raises:
        CheckpointError: no weights, several candidates, or a missing shard.
    """
    name, path = name_of(directory), directory
    repo_id, remarks = name.repo_id, list[str]()
    if variant:
        here = [file.name for file in directory.iterdir() if file.is_file()]
        try:
            path = directory / weights_name(here, str(directory), variant)
            repo_id = f"{repo_id}:{variant}"
        except NoVariant:
            remarks.append(without(variant))
    weights = weight_files(path)
    architecture, card = read_architecture(directory), _card(root or directory)
    remarks += [architecture.remark] if architecture.remark else []
    return ModelRef(
        repo_id=repo_id,
        revision=name.revision,
        path=str(path.absolute()),
        source="local",
        nbytes=sum(_size(file) for file in weights),
        series=card.series or architecture.series,
        architecture=architecture.name,
        library=card.library or architecture.library,
        pipeline_tag=card.pipeline_tag,
        license=card.license,
        base_model=card.base_model,
        accuracies=card.accuracies if root in (None, directory) else (),
        remarks=(*remarks, *(card.remarks if root in (None, directory) else ())),
    )


def _card(directory: Path) -> Card:
    return read_card(directory, name_of(directory).repo_id)


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
_ANY_NAME: Final = re.compile(
    r"best|last|latest|final|model|checkpoint|weights|(checkpoint|(global_?)?step|epoch|iter)[-_=]?\d.*"
)
#: What a model's or pipeline's own folder holds, and how deep in it a part may lie.
_MODEL: Final = (PIPELINE, MODULES, "config.json", *HUB_NAMES)
_DEEPEST: Final = 3
_SNAPSHOT = re.compile(r"models--(?P<owner>[^/]+?)--(?P<name>[^/]+)/snapshots/(?P<sha>[^/]+)")


@dataclass(frozen=True)
class Name:
    """The name of a model's path: its repository and, in a hub cache, its commit."""

    repo_id: str
    revision: str | None


def _has_double(file: Path, suffix: str) -> bool:
    """True for a checkpoint beside which lies a model that is called the same without suffixes."""
    stem = whole_name(file.name).removesuffix(suffix)
    for other in suffixes():
        beside = stem + other
        if other != suffix and weight_suffix(beside) == other and (file.parent / beside).is_file():
            return True
    try:
        return any(weight_suffix(name) for name in os.listdir(file.parent / stem))
    except OSError:
        return False


def _holds_model(folder: Path) -> bool:
    return any(os.path.exists(f"{folder}/{name}") for name in _MODEL)  # 40 a name: no `Path`


def name_of(path: Path) -> Name:
    """The name of a model's path.

    In a hub cache (``models--OWNER--NAME/snapshots/SHA``) the repository and commit it is of, with
    the path below the snapshot for a part of it; elsewhere the last two components of the absolute
    path, three where two say nothing (``exp0/weights/best``, ``exp0/checkpoints/epoch=3``), a
    checkpoint file without its suffix,
    but for one beside which lies a model that would be called the same (``net.onnx``, ``net.pt``).
    A part of a model or pipeline is called after that, then by its path in it.

    Args:
        path: checkpoint file or directory.

    Returns:
        The name; its revision is None outside a hub cache.
    """
    path = path.absolute()
    suffix = weight_suffix(path.name) if not path.is_dir() else None
    stem = whole_name(path.name).removesuffix(suffix) if suffix else path.stem
    if suffix and _has_double(path, suffix):
        suffix, last = None, whole_name(path.name)
    else:
        last = path.name if path.is_dir() else stem
    if match := _SNAPSHOT.search(path.as_posix()):
        below = path.as_posix()[match.end() :].strip("/")
        if suffix:
            below = below[: -len(suffix)]
        repo_id = "/".join(part for part in (match["owner"], match["name"], below) if part)
        return Name(repo_id, match["sha"])
    said = 3 if path.parent.name in _ANY_FOLDER and _ANY_NAME.fullmatch(last) else 2
    around = [up for up in path.parents[:_DEEPEST] if _holds_model(up)]
    if around and (path.is_dir() or around[-1] != path.parent):
        said = 2 + len(path.relative_to(around[-1]).parts)
    return Name("/".join((*path.parts[1:-1][1 - said :], last)), None)
