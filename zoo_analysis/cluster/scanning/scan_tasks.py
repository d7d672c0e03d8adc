"""Tasks of a scan, in a process of their own. Nothing here raises: what fails is a `Failure`.

What reads and measures is imported inside, so that neither the driver nor Ray's workers load torch.
"""

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from zoo_analysis.cluster.processes.serving import note
from zoo_analysis.cluster.processes.task_limits import LimitError, Limits, bounded
from zoo_analysis.cluster.scanning.small_models import SmallModel, assembled
from zoo_analysis.cluster.scanning.task_account import TaskAccount
from zoo_analysis.cluster.worker import Failure, failure, one_thread, unwritten
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.measure.rates import KnownRates, Spent
from zoo_analysis.sources import ModelRef, resolve_revision, with_config
from zoo_analysis.spectra.methods import SLICE, Method
from zoo_analysis.store.model_rows import ModelRows, Tables
from zoo_analysis.store.records import table_of
from zoo_analysis.store.schemas import MODELS

if TYPE_CHECKING:
    from zoo_analysis.measure.cost import Piece
    from zoo_analysis.measure.rows import Measured
    from zoo_analysis.weights import Checkpoint, LayerSpec
    from zoo_analysis.weights.layers.inventory import Inventory

#: What tasks import.
MODULES: Final = (
    "zoo_analysis.cluster.scanning.scan_tasks",
    "zoo_analysis.measure.cost",
    "zoo_analysis.measure.rows",
)
#: The (repo_id, revision, method) of models in a store.
Known = Set[tuple[str, str, str]]


@dataclass(frozen=True)
class ScanSettings:
    """Settings of a scan that every task is given.

    Attributes:
        how: the method.
        device: where to compute.
        access: how models of the hub are read; None where there are none.
        rates: of machines, by which work is predicted.
    """

    how: Method
    device: str
    access: HubAccess | None
    rates: KnownRates = field(default_factory=lambda: KnownRates({}))


@dataclass(frozen=True)
class ModelToScan:
    """A model of a batch.

    Attributes:
        ref: the model.
        known: its revisions that the store holds; asked only where its own is not known yet.
        limits: within which it is opened, and measured where that is little work.
    """

    ref: ModelRef
    known: frozenset[str]
    limits: Limits


@dataclass(frozen=True)
class Skipped:
    """A model the store holds already, at this revision and under this method."""


@dataclass(frozen=True)
class Scanned:
    """A model whose rows are among those of its batch.

    Attributes:
        layers: that were measured.
        nbytes: of its weights.
        remarks: what was seen of it when it was opened.
        missing: what of it cannot be measured, in blocks.
    """

    layers: int
    nbytes: int
    remarks: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpenedModel:
    """A model whose headers were read, and of which nothing is measured yet.

    Attributes:
        ref: with its revision.
        model: its columns of `models`.
        left_out: its rows of that table.
        pieces: its layers.
        missing: what of it cannot be measured, in blocks.
    """

    ref: ModelRef
    model: Mapping[str, object]
    left_out: pa.Table
    pieces: "Sequence[Piece]"
    missing: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks on it from when it was opened."""
        return self.ref.remarks

    def rows(self, parts: "Sequence[Measured]", how: Method) -> ModelRows:
        """Its rows in the store, once all pieces are measured."""
        from zoo_analysis.measure.rows import concatenated

        measured = concatenated(parts)
        return ModelRows(self.model, how.id, measured.layers, measured.esds, left_out=self.left_out)


@dataclass(frozen=True)
class ScannedBatch:
    """The outcome of the models of a batch.

    Attributes:
        outcomes: of each model, in the order given.
        tables: rows of all that were measured, as `store.model_rows.assemble` makes them.
        seconds: that the batch took.
        spent: on all of them; None where the task was lost.
    """

    outcomes: "Sequence[Scanned | OpenedModel | Skipped | Failure]"
    tables: Tables
    seconds: float
    spent: Spent | None = None


@dataclass(frozen=True)
class MeasuredPiece:
    """Rows of a piece of a model, and what it took."""

    measured: "Measured"
    spent: Spent


def scan_models(models: Sequence[ModelToScan], settings: ScanSettings) -> ScannedBatch:
    """Open models one after the other, and measure those that are not worth further tasks."""
    start = time.perf_counter()
    account = TaskAccount(settings.rates, settings.device)
    outcomes: dict[int, Scanned | OpenedModel | Skipped | Failure] = {}
    todo: dict[int, ModelRef] = {}
    for number, model in enumerate(models):
        before = time.perf_counter()
        found = _with_revision(number, model, settings.access)
        if model.ref.revision is None:
            account.hashed(model.ref.nbytes, time.perf_counter() - before)
        if isinstance(found, ModelRef):
            todo[number] = found
        else:
            outcomes[number] = found
    measured: dict[int, SmallModel] = {}
    if todo:
        with one_thread():
            for number, ref in todo.items():
                opened = _open(number, ref, models[number].limits, settings, account)
                if isinstance(opened, tuple):
                    outcomes[number], measured[number] = opened
                else:
                    outcomes[number] = opened
    tables, bad = assembled(measured, settings.how)
    for number, error in bad.items():
        outcomes[number] = unwritten(todo[number], error)
    ordered = [outcomes[number] for number in range(len(models))]
    return ScannedBatch(ordered, tables, time.perf_counter() - start, account.spent)


def measure_piece(
    ref: ModelRef, piece: "Piece", settings: ScanSettings, limits: Limits, threads: int = 1
) -> "MeasuredPiece | Failure":
    """Measure some layers of one model."""
    from zoo_analysis.measure.cost import cost
    from zoo_analysis.measure.rows import measure
    from zoo_analysis.weights import open_checkpoint

    access, how = settings.access, settings.how
    account = TaskAccount(settings.rates, settings.device)
    start = time.perf_counter()
    try:
        with one_thread(threads), bounded(limits), open_checkpoint(ref.path, access) as checkpoint:
            found = measure(checkpoint, piece.specs, how, settings.device, partial(_at, 0))
        seconds = time.perf_counter() - start
        predicted = (cost(spec, how, account.rates, threads).seconds for spec in piece.specs)
        account.measured(sum(predicted), seconds)
        return MeasuredPiece(found, account.spent)
    except (Exception, LimitError) as error:
        return failure(ref, "measure", error, access=access)


def is_known(ref: ModelRef, method: str, known: Known) -> bool:
    """True where the store holds a model at its revision and under a method."""
    return (ref.repo_id, ref.revision, method) in known


def _with_revision(
    number: int, model: ModelToScan, access: HubAccess | None
) -> ModelRef | Skipped | Failure:
    if model.ref.revision is not None:
        return model.ref
    note(number, "revision")
    try:
        with bounded(model.limits):
            ref = resolve_revision(model.ref)
    except (Exception, LimitError) as error:
        return failure(model.ref, "revision", error, access=access)
    return Skipped() if ref.revision in model.known else ref


def _open(
    number: int, ref: ModelRef, limits: Limits, settings: ScanSettings, account: TaskAccount
) -> tuple[Scanned, SmallModel] | OpenedModel | Failure:
    from zoo_analysis.measure.cost import is_small, pieces
    from zoo_analysis.measure.rows import measured_rows
    from zoo_analysis.weights import open_checkpoint, read_config
    from zoo_analysis.weights.layers.blocks.block_listing import blocks_of
    from zoo_analysis.weights.layers.inventory import LeftOut
    from zoo_analysis.weights.layers.listing import take_inventory

    stage, how, access = "open", settings.how, settings.access
    note(number, stage)
    start = time.perf_counter()
    try:
        with bounded(limits), open_checkpoint(ref.path, access) as checkpoint:
            note(number, stage := "layers")
            config = read_config(checkpoint)
            ref = with_config(ref, config)
            if ref.source == "hub":  # on disk it was looked at before
                remarks = tuple(checkpoint.remarks)
                ref = replace(ref, nbytes=checkpoint.nbytes, remarks=remarks)
            split = how.split_qkv or how.of == "blocks"
            books = take_inventory(checkpoint, config, ref.architecture, split)
            if not books.layers:
                raise ZooError(f"{ref.path} holds no weight matrix: nothing to analyse")
            row = model_row(ref, checkpoint, books)
            specs: Sequence[LayerSpec] = books.layers
            missing: tuple[str, ...] = ()
            if how.of == "blocks":
                blocks = blocks_of(specs)
                specs, missing = blocks.specs, blocks.remarks
            work = pieces(checkpoint.in_file_order(specs), how, account.rates)
            opened = time.perf_counter()
            account.opened(len(books.layers), opened - start)
            if work and not is_small(work):
                left_out = table_of(LeftOut, books.left_out)
                return OpenedModel(ref, row, left_out, work, missing)
            stage, at = "measure", partial(_at, number)
            specs = [spec for piece in work for spec in piece.specs]
            found = measured_rows(checkpoint, specs, how, settings.device, at)
            predicted = sum(piece.cost.seconds for piece in work)
            account.measured(predicted, time.perf_counter() - opened)
            layers = sum(row["role"] != SLICE for row in found.layers)
            scanned = Scanned(layers, ref.nbytes, ref.remarks, missing)
            return scanned, SmallModel(row, found, books.left_out)
    except (Exception, LimitError) as error:
        return failure(ref, stage, error, access=access)


def _at(number: int, layer: str) -> None:
    note(number, "measure", layer)


def model_row(ref: ModelRef, checkpoint: "Checkpoint", books: "Inventory") -> dict[str, object]:
    """A model's columns of `models`."""
    told = vars(ref) | {"bytes": ref.nbytes}
    return {
        **{name: value for name, value in told.items() if name in MODELS.names},
        "weights_format": checkpoint.format,
        "parameters": books.total,
        "parameters_total": books.total,
        "parameters_measured": books.measured,
        "coverage": books.coverage,
        "depth": max(spec.depth for spec in books.layers),
    }
