"""Names of repositories, and paths of their files."""

import json
import re
from dataclasses import dataclass
from typing import Final

from zoo_analysis.errors import CheckpointError

SCHEME: Final = "hf://"
_INDEX: Final = re.compile(r"(.+)\.index(\.[\w-]+)?\.json")
_PATH: Final = re.compile(
    rf"{SCHEME}(?P<repo_id>[^/@]+(/[^/@]+)?)@(?P<revision>[^/]+)(/(?P<file>.+))?"
)


@dataclass(frozen=True)
class HubPath:
    """``hf://OWNER/NAME@COMMIT/FILE``: a weight file, or the index of the shards."""

    repo_id: str
    revision: str
    file: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.repo_id}@{self.revision}/{self.file}"


def split_id(name: str) -> tuple[str, str]:
    """The ``OWNER/NAME`` and the revision, or "", of ``OWNER/NAME@REVISION`` or ``hf://…``."""
    repo_id, _, revision = name.removeprefix(SCHEME).partition("@")
    return repo_id, revision


def parse(path: str) -> HubPath:
    """The parts of a path.

    Raises:
        CheckpointError: it is no such path.
    """
    match = _PATH.fullmatch(path)
    if not match or not match["file"]:
        raise CheckpointError(f"{path}: not a path on the hub; write hf://OWNER/NAME@COMMIT/FILE")
    return HubPath(match["repo_id"], match["revision"], match["file"])


def is_index(name: str) -> bool:
    """True for an index of shards, by its name."""
    return _INDEX.fullmatch(name) is not None


def indexed(name: str) -> str:
    """The file whose shards an index lists, by the index's name.

    Args:
        name: ``model.safetensors.index.json``, or a variant's as diffusers writes it,
            ``model.safetensors.index.fp16.json``.

    Returns:
        ``model.safetensors``, ``model.fp16.safetensors``; other names as they are.
    """
    if not (match := _INDEX.fullmatch(name)):
        return name
    stem, _, suffix = match[1].rpartition(".")
    return f"{stem}{match[2] or ''}.{suffix}"


def leads_out(name: str) -> bool:
    """True for the path of a file that is not within its repository, or that no file can have."""
    return "\0" in name or not {"", ".", ".."}.isdisjoint(name.split("/"))


def shard_names(index: str, where: str) -> list[str]:
    """The files that an index of shards names, sorted.

    Args:
        index: its text, ``{"weight_map": {tensor: file}}``.
        where: its path, for errors.

    Raises:
        CheckpointError: no index, no shard, or one outside the index's folder.
    """
    try:
        names = sorted({str(name) for name in json.loads(index)["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{where}: not an index of shards: {error!r}") from None
    nothing = f"{where}: the index names no shards that could be read"
    if not names:
        raise CheckpointError(nothing)
    # An index comes with the model: it must not lead out of the model's folder.
    if outside := [name for name in names if "/" in name or name.startswith(".")]:
        raise CheckpointError(f"{nothing}: {outside[0]} is missing from its folder")
    return names
