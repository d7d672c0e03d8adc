"""Finds the weight files of a model and opens them with the reader they need."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.hub.path import SCHEME
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.readers.hub_checkpoint import open_hub
from zoo_analysis.weights.readers.safetensors_reader import open_safetensors
from zoo_analysis.weights.readers.torch_reader import TorchCheckpoint

#: Suffixes of weight files; ``.tar`` only as in ``.pth.tar``.
TORCH_SUFFIXES: Final = (".bin", ".pt", ".pth", ".th", ".ckpt", ".tar")
SUFFIXES: Final = (".safetensors", *TORCH_SUFFIXES)

#: Names that a library of the hub looks for, best first; an index names the shards of a model.
_KNOWN: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "open_clip_model.safetensors",
    "adapter_model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.bin",
)
#: Files of a training run that hold no weights, or not the model's.
_NOT_WEIGHTS: Final = (
    "training_args",
    "optimizer",
    "scheduler",
    "rng_state",
    "scaler",
    "random_states",
)


def weight_files(path: Path) -> list[Path]:
    """The files that hold the weights of the model at `path`: one, or the shards of an index.

    Args:
        path: a weight file, or a directory in hub layout.

    Raises:
        CheckpointError: nothing there, no weights, several candidates, or a missing shard.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CheckpointError(f"{path}: no such file or directory")
    name = weights_name((file.name for file in path.iterdir() if file.is_file()), str(path))
    return _shards(path / name) if name.endswith(".json") else [path / name]


def weights_name(names: Iterable[str], where: str) -> str:
    """Which of a model's files holds its weights: one file, or the index of the shards.

    Args:
        names: of all files of the model's directory or repository.
        where: what they are of, for errors.

    Raises:
        CheckpointError: no weights, or several candidates.
    """
    names = set(names)
    for name in _KNOWN:
        if name in names:
            return name
    return _only([Path(name) for name in names if "/" not in name], where)


def open_checkpoint(path: str | Path, access: HubAccess | None = None) -> Checkpoint:
    """Open the model at `path`; only headers are read.

    Args:
        path: a weight file (.safetensors .bin .pt .pth .th .ckpt .pth.tar), or a directory in hub
            layout: model.safetensors or its index, any one safetensors file, pytorch_model.bin or
            its index, any one torch file, in this order; or ``hf://OWNER/NAME@COMMIT/FILE``.
        access: how to reach the hub; None is `hub.access.default_access`.

    Raises:
        CheckpointError: missing, without weights, truncated, malformed, unsafe or unsupported.
    """
    if str(path).startswith(SCHEME):
        return open_hub(str(path), open_checkpoint, access or default_access())
    path = Path(path)
    files = weight_files(path)
    return _reader(files[0])(path, files)


def _reader(file: Path) -> Callable[[Path, Sequence[Path]], Checkpoint]:
    suffix = file.suffix.lower()
    if suffix == ".safetensors":
        return open_safetensors
    if suffix in TORCH_SUFFIXES or suffix == ".jit":
        return TorchCheckpoint
    raise CheckpointError(f"{file}: not a weight file; known are {' '.join(SUFFIXES)}")


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        files = [index.parent / name for name in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{index}: not an index of shards: {error!r}") from None
    for file in files:
        # An index comes with the model: it must not lead out of the model's directory.
        if file.parent != index.parent or not file.is_file():
            raise CheckpointError(
                f"{index}: the shard {file.name} is missing; fetch the model anew"
            )
    if not files:
        raise CheckpointError(f"{index}: no weights: the index names no shard")
    return files


def _only(files: Sequence[Path], where: str) -> str:
    found = sorted(file for file in files if _is_weights(file))
    for suffixes in ((".safetensors",), TORCH_SUFFIXES):
        candidates = [file for file in found if file.suffix.lower() in suffixes]
        if len(candidates) == 1:
            return candidates[0].name
        if candidates:
            names = ", ".join(file.name for file in candidates[:4])
            raise CheckpointError(f"{where}: several weight files ({names}); name one of them")
    raise CheckpointError(f"{where}: no weights; known are files ending in {' '.join(SUFFIXES)}")


def _is_weights(file: Path) -> bool:
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES or file.name.lower().startswith(_NOT_WEIGHTS):
        return False
    return suffix != ".tar" or file.stem.endswith(TORCH_SUFFIXES)
