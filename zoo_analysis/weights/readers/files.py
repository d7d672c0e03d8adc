"""The one rule of which files of a folder or repository are a model's weights.

It goes by names, and reads nothing but an index of shards. Sources ask it for what there is to
scan, readers for what to open.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.folders import MAX_INDEX, file_names, open_regular, read_regular
from zoo_analysis.hub.path import (
    expanded,
    indexed,
    is_index,
    refuse_shards,
    shard,
    shard_names,
    shards_beside,
    whole_name,
)
from zoo_analysis.weights.readers.by_suffix import suffixes, suffixes_by_format
from zoo_analysis.weights.readers.slices import all_slices, refuse_slice, slice_names

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
#: The same in other formats; any file of a preferred format goes before them.
EXPORTED_NAMES: Final = (
    "flax_model.msgpack", "flax_model.msgpack.index.json", "diffusion_flax_model.msgpack",
    "tf_model.h5", "tf_model.h5.index.json", "model.keras", "model.weights.h5", "model.onnx",
)  # fmt: skip
_ORBAX: Final = ("_METADATA", "_CHECKPOINT_METADATA", "manifest.ocdbt")
#: Files with a weight suffix that training and tokenizing leave beside the weights.
_NOT_WEIGHTS: Final = re.compile(
    r"(optimizer|scheduler|rng_state|random_states|training_args|trainer_state|tokenizer|openvino"
    r"|vocab).*|(scaler(_\d+)?|dict|.*\.bpe)\.[^.]+|(.*\.)?imatrix(_[^.]*)?\.gguf"
)
#: The first line of what git leaves where it keeps a large file elsewhere.
_POINTER: Final = b"version https://git-lfs.github.com/spec/"


class NoVariant(CheckpointError):
    """Weights without the variant that is wanted."""


def weight_suffix(name: str) -> str | None:
    """The suffix by which a file's name is that of a checkpoint, the longest; None if it is none.

    Args:
        name: of the file, without its folder.
    """
    name = name.lower()
    if _NOT_WEIGHTS.fullmatch(name):
        return None
    return max((s for s in suffixes() if name.endswith(s)), key=len, default=None)


def stem(file: str) -> str:
    """The path of a checkpoint without the suffix by which it is one."""
    suffix = weight_suffix(file.rpartition("/")[2])
    return file[: -len(suffix)] if suffix else file


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
    if has_hub_name(names):
        return True
    return bool(found) and bool(
        "config.json" in names
        or not set(found).isdisjoint(EXPORTED_NAMES)
        or slice_names(found)
        or all(map(shard, found))
        or ("README.md" in names and len(found) == 1)
    )


def has_hub_name(names: Iterable[str]) -> bool:
    """True where a file is called as the hub's libraries call weights, or is a variant of one."""
    return any(not {name, *_plain(name)}.isdisjoint(HUB_NAMES) for name in names)


def all_shards(file: Path) -> list[Path]:
    """A weight file, with the other shards if it is one.

    Raises:
        CheckpointError: one is missing, or is a pointer of Git LFS.
    """
    refuse_pointer(file)
    return _whole_files(file, list(shards_beside(file.name)), None)


def weight_files(path: Path, variant: str = "") -> list[Path]:
    """The files that hold the weights of the model at a path: one, all shards, or all slices.

    Args:
        path: a weight file, whatever its name, which stands for all its shards if it is one; the
            index of shards, a name for several files (`hub.path.expanded`), or a folder in hub
            layout.
        variant: of a folder's weights (``fp16``, ``non_ema``); "" prefers the plain files.

    Raises:
        CheckpointError: nothing there, no weights, none of the variant, several candidates, a
            missing shard, or what is no regular file of the folder.
    """
    if path.is_dir():
        refuse_slice(path)
        return _named(path / weights_name(file_names(path), str(path), variant), path)
    if variant:
        raise NoVariant(f"{path}: a file has no variants; name the folder")
    return _named(path, None)


def _named(path: Path, within: Path | None) -> list[Path]:
    if not path.is_file():
        if len(names := expanded(path.name)) < 2:
            what = "a FIFO, socket or device" if path.exists() else "no such file or directory"
            raise CheckpointError(f"{path}: {what}")
        return _whole_files(path, names, within or path.parent)
    refuse_pointer(path, within)
    if is_index(path.name):
        try:
            text = read_regular(path, within, MAX_INDEX).decode()
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path}: not an index of shards: {error!r}") from None
        return _whole_files(path, shard_names(text, str(path)), within or path.parent)
    refuse_slice(path)
    refuse_slice(path.parent)
    return _whole_files(path, list(shards_beside(path.name)), within)


def _whole_files(path: Path, names: list[str], within: Path | None) -> list[Path]:
    files = [path.with_name(name) for name in names]
    _all_there(names, {file.name for file in files if file.is_file()}, str(path))
    for file in files:
        if file != path:
            refuse_pointer(file, within)
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


def weights_name(names: Iterable[str], where: str, variant: str = "") -> str:
    """The file that holds the weights of a folder, or what stands for several.

    Args:
        names: of all files of the folder; those in folders do not count.
        where: the folder's name, for errors.
        variant: a word of the names of the files that are wanted (``fp16``); "" prefers the files
            without one.

    Returns:
        A weight file, the index of shards, or where there is none a name that `hub.path.expanded`
        makes theirs.

    Raises:
        NoVariant: no weights of the variant.
        CheckpointError: no weights, several candidates, a missing shard, or a slice of a model.
    """
    here = {name for name in names if "/" not in name}
    if not variant:
        return _chosen({name: name for name in here}, where)
    word = re.compile(rf"[.-]{re.escape(variant)}(?=[.-])")
    of_variant = {word.sub("", name, count=1): name for name in here if word.search(name)}
    if not weight_names(map(indexed, of_variant)):
        raise NoVariant(f"{where}: no weights of the variant {variant}")
    return _chosen(of_variant, where)


def _chosen(names: Mapping[str, str], where: str) -> str:
    """The names of one weight file, an index of shards, or all shards where there is no index.

    Files, indices and shards are told apart by the file that they stand for; a file without a
    variant in its name (``.fp16.``, ``.non_ema.``) comes before its variants.

    Args:
        names: of the files, by what they would be called without the variant that is wanted.
        where: the folder's name, for errors.
    """
    if known := next((name for name in HUB_NAMES if name in names), None):
        return names[known]
    indices = {indexed(name): name for name in names if is_index(name)}
    indices = {whole: name for whole, name in indices.items() if weight_suffix(whole)}
    found = weight_names({*names, *indices})
    if not found and any(name in names for name in _ORBAX):
        raise CheckpointError(
            f"{where}: a checkpoint of Orbax, which is not read; save its parameters as safetensors"
        )
    if not found:
        endings = " ".join(suffixes())
        raise CheckpointError(f"{where}: no weights; known are files ending in {endings}")
    if slice_names(found):
        whole = all_slices(found, where)
        _all_there(expanded(whole), found, where)
        return whole
    exported = (name for name in EXPORTED_NAMES if name in names and indexed(name) in found)
    if whole_model := next(exported, None):
        return names[whole_model]
    wholes: dict[str, list[str]] = {}
    for name in found:
        wholes.setdefault(whole_name(name), []).append(name)
    chosen = [whole for whole in wholes if not _plain(whole) & wholes.keys()]
    if len(chosen) > 1:
        raise _several(found, where)
    whole, parts = chosen[0], wholes[chosen[0]]
    if whole in names:
        return names[whole]
    if whole in indices:
        return names[indices[whole]]
    found_shard = shard(names[parts[0]])
    assert found_shard
    stem, count, end = found_shard["stem"], found_shard["count"], found_shard["end"]
    refuse_shards(int(count), where)
    together = f"{stem}-{{00001..{count}}}-of-{count}{end}"
    if not {names[part] for part in parts} <= set(expanded(together)):
        raise _several(found, where)
    _all_there(expanded(together), names.values(), where)
    return together


def _plain(name: str) -> set[str]:
    """The names of a file less one of the words between its dots, which would be its variant's."""
    *words, last = name.split(".")
    return {".".join((*words[:i], *words[i + 1 :], last)) for i in range(1, len(words))}


def _all_there(shards: Iterable[str], names: Iterable[str], where: str) -> None:
    there = set(names)
    for name in shards:
        if name not in there:
            raise CheckpointError(f"{where}: the shard {name} is missing; fetch the model anew")


def _several(found: tuple[str, ...], where: str) -> CheckpointError:
    names = ", ".join(found[:4])
    return CheckpointError(f"{where}: several weight files ({names}); name one of them")
