"""The cache of a node's activations: kept by their content's address, within a limit."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import torch
from filelock import FileLock

from zoo_analysis.activations.layer_activations import Captured, LayerActivations

_SUFFIX: Final = ".activations"
#: Bytes that a file needs for an array beside its data, at most.
_OVERHEAD: Final = 2048


def captured(
    key: Sequence[object], make: Callable[[], Captured], root: Path, limit_bytes: int
) -> tuple[Captured, bool]:
    """Activations from the cache, else made and put there.

    Any number of processes may share a cache. An entry appears whole or not at all; one that
    cannot be read is made again; what was used least recently makes room. A cache that cannot be
    written, or an entry beyond the limit, costs time and nothing else.

    Args:
        key: all that decides the activations: the model's revision, the probe's id, the layers,
            the positions. This package's code and the versions of the libraries that run models
            are added to it.
        make: the activations, where they are not there.
        root: directory of the cache.
        limit_bytes: that it may take.

    Returns:
        The activations, those of the cache mapped from its file, and whether they were there.
    """
    text = json.dumps([*map(str, key), _code()])
    path = root / f"{hashlib.sha256(text.encode()).hexdigest()}{_SUFFIX}"
    found = _read(path)
    if found is not None:
        return found, True
    made = make()
    with suppress(OSError):
        _write(made, path, limit_bytes)
    return made, False


def _read(path: Path) -> Captured | None:
    try:
        entry = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        layers = (
            LayerActivations(name, depth, values.numpy(), tuple(size))
            for name, depth, values, size in entry["layers"]
        )
        optional = (entry[name] for name in ("outputs", "labels"))
        outputs, labels = (None if array is None else array.numpy() for array in optional)
        inputs = entry["inputs"].numpy()
        found = Captured(tuple(layers), outputs, labels, inputs, entry["probe"], entry["n"])
    except Exception:  # whatever is wrong with the file, what was in it can be made again
        return None
    with suppress(OSError):
        os.utime(path)  # when it was used last
    return found


def _write(made: Captured, path: Path, limit: int) -> None:
    entry = {
        "layers": [(a.name, a.depth, _tensor(a.values), a.size) for a in made.layers],
        "outputs": _tensor(made.outputs),
        "labels": _tensor(made.labels),
        "inputs": _tensor(made.inputs),
        "probe": made.probe,
        "n": made.n,
    }
    arrays = [made.inputs, made.outputs, made.labels, *(layer.values for layer in made.layers)]
    size = sum(array.nbytes + _OVERHEAD for array in arrays if array is not None)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / "lock"):  # one writer at a time: the sum must be right
        if size <= limit:
            _make_room(path.parent, limit - size)
            unfinished = path.with_suffix(".unfinished")
            torch.save(entry, unfinished)
            unfinished.replace(path)


def _make_room(root: Path, limit: int) -> None:
    """Remove what was used least recently, and what a killed process left, down to a size."""
    for left in root.glob("*.unfinished"):
        left.unlink()
    entries = [(entry.stat(), entry) for entry in root.glob(f"*{_SUFFIX}")]
    used = sum(about.st_size for about, _ in entries)
    for about, entry in sorted(entries, key=lambda pair: pair[0].st_mtime_ns):
        if used <= limit:
            return
        entry.unlink()  # processes that have it mapped keep it
        used -= about.st_size


def _tensor(array: np.ndarray | None) -> torch.Tensor | None:
    # torch warns of arrays that are read-only, as those of Ray are.
    return None if array is None else torch.from_numpy(np.require(array, requirements="W"))


@cache
def _code() -> list[str]:
    """The code and the versions of libraries with which one key may give other activations."""
    code = hashlib.sha256()
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        code.update(source.read_bytes())
    libraries = (f"{name} {version(name)}" for name in ("torch", "timm", "transformers"))
    return [code.hexdigest(), *libraries]
