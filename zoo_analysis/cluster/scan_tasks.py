"""Tasks of a scan, on a worker. Nothing here raises: what fails comes back as a `Failure`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import prod

import ray

from zoo_analysis.cluster.worker import Failure, failure, one_thread
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.measure.cost import Piece, pieces
from zoo_analysis.measure.rows import Measured, concatenated, measure
from zoo_analysis.sources import ModelRef, resolve_revision, with_config
from zoo_analysis.spectra import Method
from zoo_analysis.store import ModelRows
from zoo_analysis.weights import (
    Checkpoint,
    list_layers,
    open_checkpoint,
    read_config,
)

#: The (repo_id, revision, method) of models in a store.
Committed = frozenset[tuple[str, str, str]]


@dataclass(frozen=True)
class ScanSettings:
    """Settings of a scan that every task is given.

    Attributes:
        how: the method.
        device: where to compute.
        access: how models of the hub are read; None where there are none.
    """

    how: Method
    device: str
    access: HubAccess | None


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
        parameters: elements of all its floating tensors, tied ones once.
        pieces: its layers that are still to be measured.
        measured: rows of those that were measured while it was open.
    """

    ref: ModelRef
    format: str
    parameters: int
    pieces: Sequence[Piece]
    measured: Sequence[Measured]

    def rows(self, parts: Sequence[Measured], how: Method) -> ModelRows:
        """Its rows in the store, once all pieces are measured."""
        model = asdict(self.ref) | {
            "bytes": self.ref.nbytes,
            "parameters": self.parameters,
            "weights_format": self.format,
        }
        for name in ("nbytes", "path", "accuracies", "remarks"):
            del model[name]
        measured = concatenated(parts)
        return ModelRows(model, how.id, measured.layers, measured.esds)


@ray.remote(num_cpus=1)
def open_model(
    ref: ModelRef, known: Committed, settings: ScanSettings
) -> OpenedModel | Skipped | Failure:
    """Read a model's headers, and measure what is not worth a task of its own."""
    stage = "revision"
    how, access = settings.how, settings.access
    try:
        with one_thread():
            ref = resolve_revision(ref)
            if is_known(ref, how, known):
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
                parameters = _parameters(checkpoint)
                work = pieces(checkpoint.in_file_order(specs), how)
                # The one piece of a small model is not worth a task of its own.
                here, later = (work, []) if len(work) == 1 else ([], work)
                stage = "measure"
                measured = [measure(checkpoint, each.specs, how, settings.device) for each in here]
                return OpenedModel(ref, checkpoint.format, parameters, later, measured)
    except Exception as error:
        return failure(ref, stage, error, access=access)


@ray.remote(num_cpus=1)
def measure_piece(ref: ModelRef, piece: Piece, settings: ScanSettings) -> Measured | Failure:
    """Measure some layers of one model."""
    access = settings.access
    try:
        with one_thread(), open_checkpoint(ref.path, access) as checkpoint:
            return measure(checkpoint, piece.specs, settings.how, settings.device)
    except Exception as error:
        return failure(ref, "measure", error, access=access)


def is_known(ref: ModelRef, how: Method, known: Committed) -> bool:
    """True where the store holds a model at its revision and under a method."""
    return (ref.repo_id, ref.revision, how.id) in known


def _parameters(checkpoint: Checkpoint) -> int:
    """Elements of all floating tensors, tied ones once."""
    sizes: dict[tuple[object, ...], int] = {}
    for info in checkpoint.tensors.values():
        if "float" in info.dtype:
            sizes[(info.storage, info.shape)] = prod(info.shape)
    return sum(sizes.values())
