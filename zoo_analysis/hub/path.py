"""Names of repositories, and paths of their files."""

import json
import re
from dataclasses import dataclass
from typing import Final

from zoo_analysis.errors import CheckpointError

SCHEME: Final = "hf://"
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


def shard_names(index: str, where: str) -> list[str]:
    """The files that an index of shards names.

    Raises:
        CheckpointError: no index, no shard, or one outside the index's directory.
    """
    try:
        names = sorted({str(name) for name in json.loads(index)["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{where}: not an index of shards: {error!r}") from None
    if not names or any("/" in name or name.startswith(".") for name in names):
        raise CheckpointError(f"{where}: the index names no shards that could be read")
    return names
