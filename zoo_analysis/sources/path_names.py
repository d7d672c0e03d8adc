"""Names of models on disk, by their paths."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zoo_analysis.hub.path import whole_name
from zoo_analysis.sources.layout import MODULES, PIPELINE
from zoo_analysis.weights.readers.by_suffix import suffixes
from zoo_analysis.weights.readers.files import HUB_NAMES, weight_suffix

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


def holds_model(folder: Path) -> bool:
    """True for a folder that is a model's or pipeline's own.

    Args:
        folder: any.
    """
    return any(os.path.exists(f"{folder}/{name}") for name in _MODEL)  # 40 a name: no `Path`


def name_of(path: Path, holds: Callable[[Path], bool] = holds_model) -> Name:
    """The name of a model's path.

    In a hub cache (``models--OWNER--NAME/snapshots/SHA``) the repository and commit it is of, with
    the path below the snapshot for a part of it; elsewhere the last two components of the absolute
    path, three where two say nothing (``exp0/weights/best``, ``exp0/checkpoints/epoch=3``), a
    checkpoint file without its suffix, but for one beside which lies a model that would be called
    the same (``net.onnx``, ``net.pt``). A part of a model or pipeline is called after that, then
    by its path in it.

    Args:
        path: checkpoint file or directory.
        holds: `holds_model`, or one that remembers, where many models lie side by side.

    Returns:
        The name; its revision is None outside a hub cache.
    """
    path = path.absolute()
    is_folder = os.path.isdir(path)  # unlike Path.is_dir, False for a path that is too long
    suffix = None if is_folder else weight_suffix(path.name)
    stem = whole_name(path.name).removesuffix(suffix) if suffix else path.stem
    if suffix and _has_double(path, suffix):
        suffix, last = None, whole_name(path.name)
    else:
        last = path.name if is_folder else stem
    if match := _SNAPSHOT.search(path.as_posix()):
        below = path.as_posix()[match.end() :].strip("/")
        if suffix:
            below = below[: -len(suffix)]
        repo_id = "/".join(part for part in (match["owner"], match["name"], below) if part)
        return Name(repo_id, match["sha"])
    said = 3 if path.parent.name in _ANY_FOLDER and _ANY_NAME.fullmatch(last) else 2
    around = [up for up in path.parents[:_DEEPEST] if holds(up)]
    if around and (is_folder or around[-1] != path.parent):
        said = 2 + len(path.relative_to(around[-1]).parts)
    return Name("/".join((*path.parts[1:-1][1 - said :], last)), None)
