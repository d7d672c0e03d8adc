"""What runs on a worker. Nothing here raises: a model that fails comes back as a `Failure`."""

from dataclasses import dataclass, field, replace

import ray

from zoo_analysis.cluster.worker import Failure, failure, one_thread
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.measure.cost import Piece, pieces
from zoo_analysis.measure.rows import Measured, concatenated, measure
from zoo_analysis.sources import ModelRef, resolve_revision, with_config
from zoo_analysis.spectra import Method
from zoo_analysis.weights import (
    Checkpoint,
    list_layers,
    open_checkpoint,
    read_config,
)


@dataclass(frozen=True)
class Skipped:
    """A model the store holds already, at this revision and under this method."""

    ref: ModelRef


@dataclass(frozen=True)
class OpenedModel:
    """A model whose headers were read.

    Attributes:
        ref: with its revision.
        format: of its weights.
        parameters: in all tensors of its matrices and vectors.
        pieces: what is still to be measured.
        measured: its layers, where it was too small to be sent in pieces.
    """

    ref: ModelRef
    format: str
    parameters: int
    pieces: tuple[Piece, ...] = field(default=())
    measured: Measured | None = None


@ray.remote(num_cpus=1)
def open_model(
    ref: ModelRef,
    how: Method,
    known: frozenset[tuple[str, str, str]],
    device: str,
    access: HubAccess | None,
) -> OpenedModel | Skipped | Failure:
    """Read a model's headers, and measure it at once if it is a small one."""
    stage = "revision"
    try:
        with one_thread():
            ref = resolve_revision(ref)
            if (ref.repo_id, ref.revision, how.id) in known:
                return Skipped(ref)
            stage = "open"
            with open_checkpoint(ref.path, access) as checkpoint:
                stage = "layers"
                config = read_config(checkpoint)
                if ref.source == "hub":
                    ref = replace(with_config(ref, config), nbytes=checkpoint.nbytes)
                specs = list_layers(checkpoint, config, ref.architecture, how.split_qkv)
                if not specs:
                    raise ZooError(f"{ref.path} holds no weight matrix: nothing to analyse")
                specs = checkpoint.in_file_order(specs)
                work = pieces(specs, how)
                opened = OpenedModel(ref, checkpoint.format, _parameters(checkpoint), tuple(work))
                if len(work) > 1:
                    return opened
                stage = "measure"
                measured = concatenated([measure(checkpoint, specs, how, device)])
                return replace(opened, pieces=(), measured=measured)
    except Exception as error:
        return failure(ref, stage, error, access=access)


@ray.remote(num_cpus=1)
def measure_piece(
    ref: ModelRef, piece: Piece, how: Method, device: str, access: HubAccess | None
) -> Measured | Failure:
    """Measure some layers of one model."""
    try:
        with one_thread(), open_checkpoint(ref.path, access) as checkpoint:
            return measure(checkpoint, piece.specs, how, device)
    except Exception as error:
        return failure(ref, "measure", error, access=access)


def _parameters(checkpoint: Checkpoint) -> int:
    """Elements of all floating tensors, tied ones once."""
    sizes: dict[tuple[object, ...], int] = {}
    for info in checkpoint.tensors.values():
        if "float" in info.dtype:
            count = 1
            for side in info.shape:
                count *= side
            sizes[(info.storage, info.shape)] = count
    return sum(sizes.values())
