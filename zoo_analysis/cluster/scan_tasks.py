"""Tasks of a scan, on a worker. Nothing here raises: what fails comes back as a `Failure`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import pyarrow as pa
import ray

from zoo_analysis.cluster.task_limits import LimitError, Limits, bounded
from zoo_analysis.cluster.worker import Failure, failure, one_thread
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.measure.cost import Piece, pieces
from zoo_analysis.measure.rows import Measured, concatenated, measure
from zoo_analysis.sources import ModelRef, resolve_revision, with_config
from zoo_analysis.spectra import Method
from zoo_analysis.store import ModelRows
from zoo_analysis.store.records import table_of
from zoo_analysis.weights import (
    open_checkpoint,
    read_config,
)
from zoo_analysis.weights.layers.inventory import LeftOut
from zoo_analysis.weights.layers.listing import take_inventory

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
        books: columns of `models` that say how much of it is measured.
        left_out: its rows of that table.
        pieces: its layers that are still to be measured.
        measured: rows of those that were measured while it was open.
    """

    ref: ModelRef
    format: str
    books: Mapping[str, float | None]
    left_out: pa.Table
    pieces: Sequence[Piece]
    measured: Sequence[Measured]

    def rows(self, parts: Sequence[Measured], how: Method) -> ModelRows:
        """Its rows in the store, once all pieces are measured."""
        model = asdict(self.ref) | {
            "bytes": self.ref.nbytes,
            **self.books,
            "weights_format": self.format,
        }
        for name in ("nbytes", "path", "accuracies", "remarks"):
            del model[name]
        measured = concatenated(parts)
        return ModelRows(model, how.id, measured.layers, measured.esds, left_out=self.left_out)


@ray.remote(num_cpus=1)
def open_model(
    ref: ModelRef, known: Committed, settings: ScanSettings, limits: Limits
) -> OpenedModel | Skipped | Failure:
    """Read a model's headers, and measure what is not worth a task of its own."""
    stage = "revision"
    how, access = settings.how, settings.access
    try:
        with one_thread(), bounded(limits):
            ref = resolve_revision(ref)
            if is_known(ref, how, known):
                return Skipped(ref)
            stage = "open"
            with open_checkpoint(ref.path, access) as checkpoint:
                stage = "layers"
                config = read_config(checkpoint)
                ref = with_config(ref, config)
                if ref.source == "hub":  # on disk it was looked at before
                    remarks = tuple(checkpoint.remarks)
                    ref = replace(ref, nbytes=checkpoint.nbytes, remarks=remarks)
                books = take_inventory(checkpoint, config, ref.architecture, how.split_qkv)
                if not books.layers:
                    raise ZooError(f"{ref.path} holds no weight matrix: nothing to analyse")
                work = pieces(checkpoint.in_file_order(books.layers), how)
                # The one piece of a small model is not worth a task of its own.
                here, later = (work, []) if len(work) == 1 else ([], work)
                stage = "measure"
                measured = [measure(checkpoint, each.specs, how, settings.device) for each in here]
                columns = {
                    "parameters": books.total,
                    "parameters_total": books.total,
                    "parameters_measured": books.measured,
                    "coverage": books.coverage,
                }
                left_out = table_of(LeftOut, books.left_out)
                return OpenedModel(ref, checkpoint.format, columns, left_out, later, measured)
    except (Exception, LimitError) as error:
        return failure(ref, stage, error, access=access)


@ray.remote(num_cpus=1)
def measure_piece(
    ref: ModelRef, piece: Piece, settings: ScanSettings, limits: Limits
) -> Measured | Failure:
    """Measure some layers of one model."""
    access = settings.access
    try:
        with one_thread(), bounded(limits), open_checkpoint(ref.path, access) as checkpoint:
            return measure(checkpoint, piece.specs, settings.how, settings.device)
    except (Exception, LimitError) as error:
        return failure(ref, "measure", error, access=access)


def is_known(ref: ModelRef, how: Method, known: Committed) -> bool:
    """True where the store holds a model at its revision and under a method."""
    return (ref.repo_id, ref.revision, how.id) in known
