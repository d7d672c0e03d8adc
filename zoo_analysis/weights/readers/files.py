"""The one rule of which files of a folder or repository are a model's weights.

It goes by names, and reads nothing but an index of shards. Sources ask it for what there is to
scan, readers for what to open.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.path import INDEX, shard_names
from zoo_analysis.weights.readers.by_suffix import suffixes, suffixes_by_format

#: Names under which the hub's libraries keep a model's weights, the preferred one first; an index
#: stands for its shards.
HUB_NAMES: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "open_clip_model.safetensors",
    "adapter_model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.bin",
)
#: Files with a weight suffix that training and tokenizing leave beside the weights.
_NOT_WEIGHTS: Final = re.compile(
    r"(optimizer|scheduler|rng_state|random_states|training_args|trainer_state|tokenizer|openvino"
    r"|vocab).*|(scaler(_\d+)?|dict|.*\.bpe)\.[^.]+"
)
_SHARD: Final = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})(?P<end>\.[^-]+)")


def weight_suffix(name: str) -> str | None:
    """The suffix by which a file's name is that of a checkpoint, the longest; None if it is none.

    Args:
        name: of the file, without its folder.
    """
    name = name.lower()
    if _NOT_WEIGHTS.fullmatch(name):
        return None
    return max((s for s in suffixes() if name.endswith(s)), key=len, default=None)


def weight_names(names: Iterable[str]) -> tuple[str, ...]:
    """The weight files among a folder's files, sorted; of several formats, the preferred one's.

    Args:
        names: of all files of one folder.
    """
    by_suffix = [(weight_suffix(name), name) for name in sorted(names)]
    for group in suffixes_by_format():
        if found := tuple(name for suffix, name in by_suffix if suffix in group):
            return found
    return ()


def is_repository(names: Iterable[str]) -> bool:
    """True for a folder that holds one model in hub layout, rather than checkpoints side by side.

    It does with weights and a config.json, weights under a name of the hub's, shards and nothing
    else, or a README.md beside a single checkpoint.

    Args:
        names: of all files of the folder.
    """
    names = set(names)
    found = weight_names(names)
    if not names.isdisjoint(HUB_NAMES):
        return True
    return bool(found) and (
        "config.json" in names
        or all(map(_SHARD.fullmatch, found))
        or ("README.md" in names and len(found) == 1)
    )


def weight_files(path: Path) -> list[Path]:
    """The files that hold the weights of the model at a path: one, or all shards.

    Args:
        path: a weight file, whatever its name, or a folder in hub layout.

    Raises:
        CheckpointError: nothing there, no weights, several candidates, or a missing shard.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CheckpointError(f"{path}: no such file or directory")
    here = {file.name for file in path.iterdir() if file.is_file()}
    first, *others = _chosen(here, str(path))
    if not first.endswith(INDEX):
        return [path / name for name in (first, *others)]
    index = path / first
    try:
        text = index.read_text()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{index}: not an index of shards: {error!r}") from None
    shards = shard_names(text, str(index))
    _all_there(shards, here, str(index))
    return [path / name for name in shards]


def weights_name(names: Iterable[str], where: str) -> str:
    """The file that holds the weights of a repository, or the index of their shards.

    Args:
        names: of all files of the repository; those in folders do not count.
        where: the repository's name, for errors.

    Raises:
        CheckpointError: no weights, or several candidates.
    """
    chosen = _chosen({name for name in names if "/" not in name}, where)
    if len(chosen) > 1:
        raise _several(chosen, where)
    return chosen[0]


def _chosen(names: set[str], where: str) -> tuple[str, ...]:
    """One weight file, an index of shards, or all shards where there is no index."""
    if known := next((name for name in HUB_NAMES if name in names), None):
        return (known,)
    found = weight_names(names)
    if not found:
        endings = " ".join(suffixes())
        raise CheckpointError(f"{where}: no weights; known are files ending in {endings}")
    if shard := _SHARD.fullmatch(found[0]):
        stem, count, end = shard["stem"], shard["count"], shard["end"]
        shards = [f"{stem}-{i:05}-of-{count}{end}" for i in range(1, int(count) + 1)]
        if set(found) <= set(shards):
            _all_there(shards, names, where)
            return found
    if len(found) > 1:
        raise _several(found, where)
    return found


def _all_there(shards: Iterable[str], names: set[str], where: str) -> None:
    for name in shards:
        if name not in names:
            raise CheckpointError(f"{where}: the shard {name} is missing; fetch the model anew")


def _several(found: tuple[str, ...], where: str) -> CheckpointError:
    names = ", ".join(found[:4])
    return CheckpointError(f"{where}: several weight files ({names}); name one of them")
