"""The reader of Flax' msgpack files: ``flax_model.msgpack`` and its shards."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.readers.arranged import Arranged, ArrangedCheckpoint, as_stored
from zoo_analysis.weights.readers.byte_source import FileBytes, numbers
from zoo_analysis.weights.readers.channels_last.flax_msgpack import (
    ITEM_SIZES,
    FlaxArray,
    flax_arrays,
)
from zoo_analysis.weights.readers.channels_last.layouts import Arrangement
from zoo_analysis.weights.readers.channels_last.named_kernels import Parameter, arrange, judged
from zoo_analysis.weights.readers.limits import refuse_many
from zoo_analysis.weights.readers.reader import Reader

if TYPE_CHECKING:
    import torch

#: What a training state keeps beside the parameters.
_NOT_WEIGHTS: Final = ("opt_state", "batch_stats", "ema_params", "rng", "step")


class FlaxCheckpoint(ArrangedCheckpoint):
    """Arrays of one or many files written by ``flax.serialization``, mapped.

    A tensor's name is the path to it, joined by dots and without ``params``. Kernels of
    convolutions are offered in torch's order.

    Args:
        path: what was asked for, for errors.
        files: the shards.

    Raises:
        CheckpointError: a malformed file, no arrays, or an array in two shards.
    """

    format = "flax"

    def __init__(self, path: Path, files: Sequence[Path]) -> None:
        sources = [FileBytes(file) for file in files]
        stored: list[tuple[int, FileBytes, FlaxArray]] = []
        for number, source in enumerate(sources):
            stored += [(number, source, array) for array in flax_arrays(source)]
            refuse_many(len(stored), str(path))
        paths = [_module_path(array.path) for _, _, array in stored]
        weights = [place for place, keys in enumerate(paths) if keys[0] not in _NOT_WEIGHTS]
        parameters = [
            Parameter(paths[place][:-1], paths[place][-1], stored[place][2].shape)
            for place in weights
        ]
        # Functions that jax compiled hand dictionaries back with their keys sorted.
        self.ordered = paths != sorted(paths)
        arranged = arrange(parameters, transposed_outputs_last=True, ordered=self.ordered)
        found = dict(zip(weights, arranged, strict=True))
        super().__init__(
            path,
            sources,
            (
                _arranged(".".join(keys), number, source, array, found.get(place, (None, None)))
                for place, ((number, source, array), keys) in enumerate(
                    zip(stored, paths, strict=True)
                )
            ),
        )


def _module_path(keys: tuple[str, ...]) -> tuple[str, ...]:
    while len(keys) > 1 and keys[0] == "params":
        keys = keys[1:]
    return keys or ("array",)  # a file that is one array


def _arranged(
    name: str,
    number: int,
    source: FileBytes,
    array: FlaxArray,
    found: Arrangement | tuple[None, None] | None,
) -> Arranged:
    kind, layout = found or (None, None)
    layout = layout or as_stored(array.shape)
    nbytes = sum(array.counts) * ITEM_SIZES[array.dtype]
    info = TensorInfo(name, layout.shape, array.dtype, nbytes, (number, *array.starts))
    load = partial(_load, source, name, array)
    return Arranged(info, load, layout, judged(kind, array.dtype), told=found is not None)


def _load(source: FileBytes, name: str, array: FlaxArray) -> "torch.Tensor":
    import torch

    dtype = getattr(torch, array.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise CheckpointError(f"{source.name}: {name}: torch has no type {array.dtype}")
    pieces = [
        numbers(source, start, count, dtype)
        for start, count in zip(array.starts, array.counts, strict=True)
    ]
    return (pieces[0] if len(pieces) == 1 else torch.cat(pieces)).reshape(array.shape)


READER = Reader(FlaxCheckpoint.format, (".msgpack",), FlaxCheckpoint)
