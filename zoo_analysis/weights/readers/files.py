"""The one rule of which files of a folder or repository are a model's weights.

It goes by names, and reads nothing but an index of shards. Sources ask it for what there is to
scan, readers for what to open.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.folders import MAX_INDEX, open_regular, read_regular
from zoo_analysis.hub.path import indexed, is_index, shard_names
from zoo_analysis.weights.readers.by_suffix import suffixes, suffixes_by_format

#: Names under which the hub's libraries keep a model's weights, the preferred one first; an index
#: stands for its shards.
HUB_NAMES: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "open_clip_model.safetensors",
    "adapter_model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.bin",
    "diffusion_pytorch_model.bin.index.json",
    "adapter_model.bin",
)
#: Files with a weight suffix that training and tokenizing leave beside the weights.
_NOT_WEIGHTS: Final = re.compile(
    r"(optimizer|scheduler|rng_state|random_states|training_args|trainer_state|tokenizer|openvino"
    r"|vocab).*|(scaler(_\d+)?|dict|.*\.bpe)\.[^.]+"
)
_SHARD: Final = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})(?P<end>\.[^-]+)")
#: Numbers of the slices into which training in parallel cuts every matrix: Llama's, Megatron's and
#: DeepSpeed's, metaseq's, GPT-NeoX's.
_SLICE: Final = re.compile(
    r"(?:(?<=consolidated\.)\d{2,3}(?=\.)|(?<=[mtp]p_rank_)\d+|(?<=model_part-)\d+"
    r"|(?<=-shard)\d+|(?<=-model_)\d+(?=-model_states))"
)
#: The first line of what git leaves where it keeps a large file elsewhere.
_POINTER: Final = b"version https://git-lfs.github.com/spec/"


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
    return bool(found) and bool(
        "config.json" in names
        or _slices(found)
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
        refuse_pointer(path)
        _refuse_slice(path)
        _refuse_slice(path.parent)
        return [path]
    if not path.is_dir():
        what = "a FIFO, socket or device" if path.exists() else "no such file or directory"
        raise CheckpointError(f"{path}: {what}")
    _refuse_slice(path)
    here = {file.name for file in path.iterdir() if file.is_file()}
    first, *others = _chosen(here, str(path))
    if is_index(first):
        index = path / first
        refuse_pointer(index, path)
        try:
            text = read_regular(index, path, MAX_INDEX).decode()
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{index}: not an index of shards: {error!r}") from None
        first, *others = shard_names(text, str(index))
        _all_there((first, *others), here, str(index))
    files = [path / name for name in (first, *others)]
    for file in files:
        refuse_pointer(file, path)
    return files


def refuse_pointer(file: Path, within: Path | None = None) -> None:
    """Refuse a pointer of Git LFS, which lies where a clone did not fetch the file itself.

    Args:
        file: of a model.
        within: see `open_regular`.

    Raises:
        CheckpointError: it is one, or no regular file of the model.
    """
    try:
        with open_regular(file, within) as stream:
            first = stream.read(len(_POINTER))
    except OSError:  # for the reader to say
        return
    if first == _POINTER:
        raise CheckpointError(
            f"{file}: a Git LFS pointer, not the file itself; fetch it with git lfs pull"
        )


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
    """One weight file, an index of shards, or all shards where there is no index.

    Files, indices and shards are told apart by the file that they stand for; a file without a
    variant in its name (``.fp16.``, ``.non_ema.``) comes before its variants.
    """
    if known := next((name for name in HUB_NAMES if name in names), None):
        return (known,)
    indices = {indexed(name): name for name in names if is_index(name)}
    indices = {whole: name for whole, name in indices.items() if weight_suffix(whole)}
    found = weight_names({*names, *indices})
    if not found:
        endings = " ".join(suffixes())
        raise CheckpointError(f"{where}: no weights; known are files ending in {endings}")
    if slices := _slices(found):
        raise _slice(slices[0], where)
    wholes: dict[str, list[str]] = {}
    for name in found:
        shard = _SHARD.fullmatch(name)
        wholes.setdefault(shard["stem"] + shard["end"] if shard else name, []).append(name)
    chosen = [whole for whole in wholes if not _plain(whole) & wholes.keys()]
    if len(chosen) > 1:
        raise _several(found, where)
    whole, parts = chosen[0], wholes[chosen[0]]
    if whole in names:
        return (whole,)
    if whole in indices:
        return (indices[whole],)
    shard = _SHARD.fullmatch(parts[0])
    assert shard
    stem, count, end = shard["stem"], shard["count"], shard["end"]
    shards = [f"{stem}-{i:05}-of-{count}{end}" for i in range(1, int(count) + 1)]
    if not set(parts) <= set(shards):
        raise _several(found, where)
    _all_there(shards, names, where)
    return tuple(shards)


def _plain(name: str) -> set[str]:
    """The names of a file less one of the words between its dots, which would be its variant's."""
    first, *words, last = name.split(".")
    return {".".join((first, *words[:i], *words[i + 1 :], last)) for i in range(len(words))}


def _slices(names: Iterable[str]) -> tuple[str, ...]:
    """The names that are those of slices: several that differ by a rank, or a rank above 0."""
    ranks: dict[str, list[str]] = {}
    for name in sorted(names):
        if _SLICE.search(name):
            ranks.setdefault(_SLICE.sub("*", name), []).append(name)
    return tuple(
        name
        for group in ranks.values()
        for name in group
        if len(group) > 1 or any(int(rank) for rank in _SLICE.findall(name))
    )


def _refuse_slice(path: Path) -> None:
    """Refuse a slice, and what lies in the folder of one: ``mp_rank_00`` beside ``mp_rank_01``."""
    path = path.absolute()
    if not _SLICE.search(path.name):
        return
    if path.name in _slices(beside.name for beside in path.parent.iterdir()):
        raise _slice(path.name, str(path.parent))


def _slice(name: str, where: str) -> CheckpointError:
    return CheckpointError(
        f"{where}: {name} is one of the slices that parallel training cuts every matrix into, and "
        "no model; put them together with the tool they come from, or fetch the model converted"
    )


def _all_there(shards: Iterable[str], names: set[str], where: str) -> None:
    for name in shards:
        if name not in names:
            raise CheckpointError(f"{where}: the shard {name} is missing; fetch the model anew")


def _several(found: tuple[str, ...], where: str) -> CheckpointError:
    names = ", ".join(found[:4])
    return CheckpointError(f"{where}: several weight files ({names}); name one of them")
