"""Names of repositories, and paths of their files."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from zoo_analysis.errors import CheckpointError
from zoo_analysis.texts import bounded_json

SCHEME: Final = "hf://"
#: Files of a model; the largest have two hundred.
MOST_SHARDS: Final = 1000
_INDEX: Final = re.compile(r"(.+)\.index(\.[\w-]+)?\.json")
_PATH: Final = re.compile(
    rf"{SCHEME}(?P<repo_id>[^/@]+(/[^/@]+)?)@(?P<revision>[^/]+)(/(?P<file>.+))?"
)


_NAME: Final = re.compile(
    r"(?P<repo_id>[^/@:]*(/[^/@:]*)?)(/(?P<part>[^@:]*))?(:(?P<variant>[^@]*))?(@(?P<revision>.*))?",
    re.S,
)
_RANGE: Final = re.compile(r"\{(\d{1,5})\.\.(\d{1,5})\}")


class HubName(NamedTuple):
    """``OWNER/NAME[/PART][:VARIANT][@REVISION]``: a model of the hub, as users and stores name it.

    Attributes:
        repo_id: ``OWNER/NAME``.
        revision: branch, tag or commit; "" is the default branch.
        part: a folder of the repository, or a file; "" is all of it.
        variant: of its weights (``fp16``); "" is the plain one.
    """

    repo_id: str
    revision: str = ""
    part: str = ""
    variant: str = ""


@dataclass(frozen=True)
class HubPath:
    """``hf://OWNER/NAME@COMMIT/FILE``: a weight file, an index of shards or an `expanded` name."""

    repo_id: str
    revision: str
    file: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.repo_id}@{self.revision}/{self.file}"


def split_id(name: str) -> HubName:
    """The parts of ``OWNER/NAME[/PART][:VARIANT][@REVISION]``, also with ``hf://`` in front."""
    match = _NAME.fullmatch(name.removeprefix(SCHEME))
    assert match  # every text does
    told = {key: value or "" for key, value in match.groupdict().items()}
    return HubName(**told | {"part": told["part"].strip("/")})


def expanded(name: str) -> list[str]:
    """The files that a name stands for: ``net-{00001..00003}-of-00003.bin`` for three, or itself.

    Args:
        name: of a file, or of several that differ by a number.

    Raises:
        CheckpointError: more than `MOST_SHARDS`.
    """
    if not (match := _RANGE.search(name)):
        return [name]
    first, last, width = int(match[1]), int(match[2]), len(match[1])
    refuse_shards(last - first, name)
    before, behind = name[: match.start()], name[match.end() :]
    return [f"{before}{number:0{width}}{behind}" for number in range(first, last + 1)]


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


#: The name of a file in the same folder that is not hidden.
_BESIDE: Final = re.compile(r"(?!\.)[^/\x00\ud800-\udfff]{1,255}", re.S)


def shard_names(index: str, where: str) -> list[str]:
    """The files that an index of shards names, sorted.

    Args:
        index: its text, ``{"weight_map": {tensor: file}}``.
        where: its path, for errors.

    Raises:
        CheckpointError: no index, no shard, more than `MOST_SHARDS`, or one outside the index's
            folder.
    """
    try:
        names = sorted({str(name) for name in bounded_json(index)["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{where}: not an index of shards: {error!r}") from None
    nothing = f"{where}: the index names no shards that could be read"
    if not names:
        raise CheckpointError(nothing)
    refuse_shards(len(names), where)
    # An index comes with the model: it must not lead out of the model's folder.
    if outside := [name for name in names if not _BESIDE.fullmatch(name)]:
        raise CheckpointError(
            f"{nothing}: {ascii(outside[0])[1:-1][:200]} is missing from its folder"
        )
    return names


_SHARD: Final = re.compile(
    r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<end>\.[^-]+)", re.A
)


def shard(name: str) -> re.Match[str] | None:
    """The parts `stem`, `count` and `end` of a shard's name; None if it is none."""
    return _SHARD.fullmatch(name)


def shards_beside(name: str) -> tuple[str, ...]:
    """The files of the model that a weight file is a part of: all shards of a shard, else itself.

    Args:
        name: of the file, without its folder.

    Raises:
        CheckpointError: a shard of more than `MOST_SHARDS`.
    """
    if isinstance(whole := _whole(name), str):
        return (name,)
    stem, count, end = whole
    refuse_shards(int(count), name)
    return tuple(f"{stem}-{i:05}-of-{count}{end}" for i in range(1, int(count) + 1))


def refuse_shards(count: int, where: str) -> None:
    """Refuse a model of more files than `MOST_SHARDS`.

    Args:
        count: of its files, as names or an index tell it.
        where: it is told, for errors.

    Raises:
        CheckpointError: it has more.
    """
    if count > MOST_SHARDS:
        raise CheckpointError(
            f"{where}: a model of {count:,} files, more than the {MOST_SHARDS:,} that one may have"
        )


def one_of_each(names: Iterable[str]) -> list[str]:
    """One weight file of each model among those of a folder: the first that is there of its shards.

    Args:
        names: of the files.
    """
    return list({_whole(name): name for name in sorted(names, reverse=True)}.values())[::-1]


def _whole(name: str) -> str | tuple[str, str, str]:
    """What the shards of one model have in common; the name of a file that is none."""
    found = shard(name)
    if not found or not 1 <= int(found["number"]) <= int(found["count"]):
        return name
    return found["stem"], found["count"], found["end"]


def whole_name(name: str) -> str:
    """The name of a weight file, less the number of a shard."""
    found = shard(name)
    return found["stem"] + found["end"] if found else name
