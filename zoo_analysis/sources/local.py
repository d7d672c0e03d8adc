"""Models on disk: a checkpoint file, a directory in hub layout, a tree of them, a hub cache."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.folders import file_names
from zoo_analysis.hub.path import one_of_each, shards_beside
from zoo_analysis.sources.card import Card, read_card
from zoo_analysis.sources.layout import (
    Walk,
    is_whole,
    members,
    no_model,
    nothing,
    without,
)
from zoo_analysis.sources.metadata import Architecture, read_architecture
from zoo_analysis.sources.path_names import holds_model, name_of
from zoo_analysis.sources.ref import ModelRef, Problem, Resolved
from zoo_analysis.texts import few
from zoo_analysis.weights.readers.files import (
    NoVariant,
    all_shards,
    weight_files,
    weights_name,
)

#: Folders within each other below a source; a pipeline's part in a hub cache lies six deep.
_DEEPEST: Final = 64


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
    holds = cache(holds_model)  # the folders around them are the same for many

    def unlistable(error: OSError) -> None:
        directory = Path(error.filename or path)
        message = f"{directory} cannot be listed: {error.strerror}; check its permissions"
        problems.append(Problem(name_of(directory).repo_id, type(error).__name__, message))

    told = set()  # pipelines whose first part told what is to be said of them
    outside: dict[str, list[str]] = {}

    def too_deep(folder: str) -> None:
        name = name_of(Path(folder)).repo_id
        message = f"folders within it are not entered, {_DEEPEST} below {path}: name it to scan it"
        problems.append(Problem(name, "TooDeep", message))

    walk = _shallow(os.walk(path, onerror=unlistable, followlinks=True), str(path), too_deep)
    for member in list(members(_kept_inside(_once(walk), outside))):
        directory, root = Path(member.folder), member.root or member
        found: list[ModelRef] = []
        reason, error_name = None, "NoWeights"
        if member.what == "model":
            try:
                found = [directory_ref(directory, variant, Path(root.folder), holds)]
            except CheckpointError as error:
                reason, error_name = str(error), type(error).__name__
        elif member.what == "files":
            for file in (directory / name for name in one_of_each(member.weights)):
                try:
                    all_shards(file)
                    found.append(file_ref(file, holds))
                except CheckpointError as error:
                    of = name_of(file).repo_id
                    problems.append(Problem(of, type(error).__name__, str(error)))
        elif member.what == "nothing":
            reason = nothing(member, str(directory))
        if found:
            if links := outside.pop(root.folder, []):
                found[0] = replace(found[0], remarks=(_unfollowed(links), *found[0].remarks))
            first = found[0]
            if remarks := member.remarks:
                first = replace(first, remarks=(*remarks, *first.remarks))
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
            links = [name for name in folders if os.path.islink(f"{folder}/{name}")]
            real = os.path.realpath(own) if links else own
            for name in links:
                if os.path.commonpath((real, os.path.realpath(f"{folder}/{name}"))) != real:
                    folders.remove(name)
                    outside.setdefault(own, []).append(name)
        yield folder, folders, names


def _shallow(walk: Walk, root: str, too_deep: Callable[[str], None]) -> Walk:
    """A walk that goes so many folders deep, of which Python goes into each within the last."""
    for folder, folders, names in walk:
        if folders and folder.removeprefix(root).count("/") >= _DEEPEST:
            folders.clear()
            too_deep(folder)
            if not names:
                continue
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


def directory_ref(
    directory: Path,
    variant: str = "",
    root: Path | None = None,
    holds: Callable[[Path], bool] = holds_model,
) -> ModelRef:
    """A model in hub layout.

    Args:
        directory: with config.json, README.md and weights, all but the last optional.
        variant: of its weights; where it has none the plain ones are meant, and a remark says so.
        root: the directory of the model or pipeline that it is a part of, whose card is its own
            too; what that reports is not of the part.
        holds: see `path_names.name_of`.

    Returns:
        The model, with what its configuration and card say of it.

    Raises:
        CheckpointError: no weights, several candidates, or a missing shard.
    """
    name, path = name_of(directory, holds), directory
    repo_id, remarks = name.repo_id, list[str]()
    if variant:
        try:
            path = directory / weights_name(file_names(directory), str(directory), variant)
            repo_id = f"{repo_id}:{variant}"
        except NoVariant:
            remarks.append(without(variant))
    weights = weight_files(path)
    architecture, own = read_architecture(directory), root in (None, directory)
    card = read_card(directory, name.repo_id) if own else _card(root or directory)
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
        accuracies=card.accuracies if own else (),
        remarks=(*remarks, *(card.remarks if own else ())),
    )


def _card(directory: Path) -> Card:
    return read_card(directory, name_of(directory).repo_id)


def file_ref(file: Path, holds: Callable[[Path], bool] = holds_model) -> ModelRef:
    """A checkpoint file on its own.

    Args:
        file: the checkpoint; whether it can be read is for its reader to say.
        holds: see `path_names.name_of`.

    Returns:
        The model, of which nothing but its name and size is known, unless a configuration lies
        beside it in a hub cache.
    """
    name = name_of(file, holds)
    architecture = read_architecture(file.parent) if name.revision else Architecture()
    return ModelRef(
        repo_id=name.repo_id,
        revision=name.revision,
        path=str(file.absolute()),
        source="local",
        nbytes=_all_bytes(file),
        series=architecture.series,
        architecture=architecture.name,
        library=architecture.library,
    )


def _all_bytes(file: Path) -> int:
    """Bytes of a file and its other shards; of itself alone where its reader will refuse them."""
    try:
        names = shards_beside(file.name)
    except CheckpointError:
        names = (file.name,)
    return sum(_size(file.with_name(name)) for name in names)


def _size(file: Path) -> int:
    """Bytes of a file; 0 for a dangling link, which its reader will complain of."""
    try:
        return file.stat().st_size
    except OSError:
        return 0
