"""The order of a scan's tasks, and what their results add to the store."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, Literal

from zoo_analysis.cluster.account import Event, Summary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.placement import GPU_SPEED, Demand, demand
from zoo_analysis.cluster.processes.child import ProcessDied
from zoo_analysis.cluster.processes.task import Attempts, Room, Task
from zoo_analysis.cluster.processes.task_limits import Limits
from zoo_analysis.cluster.scanning.batches import Size, by_bytes
from zoo_analysis.cluster.scanning.scan_tasks import (
    MeasuredPiece,
    ModelToScan,
    OpenedModel,
    Scanned,
    ScannedBatch,
    ScanSettings,
    Skipped,
    measure_piece,
    scan_models,
)
from zoo_analysis.cluster.scanning.shared_batches import SharedBatches, skip
from zoo_analysis.cluster.scanning.waiting_pieces import WaitingPiece, WaitingPieces
from zoo_analysis.cluster.worker import Failure, failure
from zoo_analysis.errors import ZooError
from zoo_analysis.measure.rates import Spent
from zoo_analysis.sources import ModelRef
from zoo_analysis.store.model_rows import layer_count

if TYPE_CHECKING:
    from zoo_analysis.measure.cost import Piece
    from zoo_analysis.measure.rows import Measured

#: Memory that one layer may take for each byte of its file: a square matrix in float16.
_BYTES_A_BYTE: Final = 16
#: Pieces that wait for GPUs, for each place, from which on no further ones are looked for.
_AHEAD: Final = 2


@dataclass
class _Unfinished:
    """An opened model, its pieces measured so far, and bytes of it that were told of."""

    opened: OpenedModel
    attempts: Attempts
    parts: "list[Measured]" = field(default_factory=list)
    told: int = 0

    @cached_property
    def seconds(self) -> float:
        """Of all its pieces."""
        return sum(piece.cost.seconds for piece in self.opened.pieces)


class ScanSchedule:
    """Tasks of a scan in their order.

    Models are opened the largest first, small ones in batches, on the CPU, and only while fewer
    pieces wait than there are places. Of the waiting pieces the most expensive goes first, to a GPU
    where it is worth one. Cores beside GPUs do what no GPU does: pieces of small matrices, and when
    none waits the smallest models; then the smallest of the pieces for GPUs, if they are done with
    it before GPUs are with the rest. What one core would be at when all others had nothing left to
    do gets more of them (`placement.demand`).

    Attributes:
        spent: by machine kind, what the tasks took and what had been predicted.

    Args:
        writer: gets what the tasks yield.
        settings: for every task.
        refs: the models.
        known: revisions that the store holds, of models whose own is not known yet.
        limits: of a model, before its size is known.
        size: of a model among others.
    """

    def __init__(
        self,
        writer: RunWriter[Summary],
        settings: ScanSettings,
        refs: Iterable[ModelRef],
        known: Mapping[str, Set[str]],
        limits: Limits | None = None,
        size: Size = by_bytes,
    ) -> None:
        self.limits = limits or Limits()
        self.writer, self.how, self.settings = writer, settings.how, settings
        self.on_cpu = replace(settings, device="cpu")
        self.batches = SharedBatches(writer, settings.how, refs, known, size)
        self.waiting = WaitingPieces(settings.device == "cuda")
        self.small_ones_for_cores = True  # so it was of those which were opened last
        self.spent: dict[str, Spent] = {}
        self.unfinished: dict[ModelRef, _Unfinished] = {}

    def next_task(self, room: Room) -> Task | None:
        """The next models to open, or piece to measure."""
        self.waiting.place_on(room.node)
        for_gpus, for_cores = self.waiting.for_gpus, self.waiting.for_cores
        if for_gpus and (on_gpu := for_gpus.largest.on_gpu) and room.gpus >= on_gpu.gpus:
            return self._measure(for_gpus.take(for_gpus.largest), on_gpu)
        few = len(for_gpus) < room.places and len(for_cores) < room.places
        if few and (refs := self.batches.next(room.places)):
            return self._open(refs)
        self.writer.ending = not self.waiting
        if task := self._for_cores(room):
            return task
        few = self.small_ones_for_cores or len(for_gpus) < _AHEAD * room.places
        if few and (refs := self.batches.next(room.places, smallest=True)):
            return self._open(refs, smallest=True)
        return self._instead_of_gpus(room)

    def _for_cores(self, room: Room) -> Task | None:
        """The largest piece that is for cores, or where memory is short the smallest.

        What fits nowhere is a failure of its model, of which nothing else is measured.
        """
        while line := self.waiting.for_cores:
            short = line.largest.piece.cost.peak_bytes > room.memory
            waiting = line.take(line.smallest if short else line.largest)
            try:
                return self._measure(waiting, self._demand(waiting, room))
            except ZooError as error:
                self._give_up(failure(waiting.ref, "measure", error))
        return None

    def _instead_of_gpus(self, room: Room) -> Task | None:
        """The smallest piece for GPUs, to cores that idle and have it done before GPUs the rest."""
        line, gpus = self.waiting.for_gpus, room.gpu_places / 2
        if not (line and room.idle):
            return None
        if line.smallest.piece.cost.seconds >= line.seconds / (GPU_SPEED * max(gpus, 1.0)):
            return None
        waiting = line.take(line.smallest)
        return self._measure(waiting, self._demand(waiting, room))

    def _demand(self, waiting: WaitingPiece, room: Room) -> Demand:
        cost = waiting.piece.cost
        backlog = cost.seconds + self.waiting.seconds + self.batches.left
        return demand(cost.peak_bytes, cost.seconds, room.node, backlog, room.places / 2, room.idle)

    def _measure(self, waiting: WaitingPiece, asked: Demand) -> Task:
        ref, piece = waiting.ref, waiting.piece
        limits = self.limits.of(ref.nbytes, piece.cost.flops, piece.cost.peak_bytes)
        settings = self.settings if asked.gpus else self.on_cpu
        return Task(
            measure_piece,
            (ref, piece, settings, limits, int(asked.cpus)),
            partial(self._measured, ref, piece),
            partial(_lost, ref, "measure"),
            cpus=asked.cpus,
            memory=asked.memory,
            gpus=asked.gpus,
            attempts=self.unfinished[ref].attempts,
        )

    def wait_for_others(self) -> bool:
        """Wait a moment for models that other runs do; False where there are none."""
        return self.batches.wait_for_others()

    def _open(
        self,
        refs: Sequence[ModelRef],
        attempts: Attempts | None = None,
        smallest: bool = False,
    ) -> Task:
        attempts = attempts or Attempts()
        models = [
            ModelToScan(
                ref,
                frozenset(self.batches.known.get(ref.repo_id, ())),
                self.limits.of(ref.nbytes, peak_bytes=_BYTES_A_BYTE * ref.nbytes),
            )
            for ref in refs
        ]
        return Task(
            scan_models,
            (models, self.on_cpu),
            partial(self._scanned, refs, attempts, smallest),
            partial(_none_of, refs),
            **vars(Demand()),
            attempts=attempts,
            split=partial(self._apart, refs) if len(refs) > 1 else None,
        )

    def _apart(self, refs: Sequence[ModelRef], culprit: int | None) -> list[Task]:
        """Models of a batch whose process died: whatever may have been the cause goes alone."""
        if culprit is None:
            return [self._open([ref], Attempts(1)) for ref in refs]
        others = [*refs[:culprit], *refs[culprit + 1 :]]
        return [self._open(others), self._open([refs[culprit]], Attempts(1))]

    def _scanned(
        self, refs: Sequence[ModelRef], attempts: Attempts, smallest: bool, batch: ScannedBatch
    ) -> None:
        before = len(self.waiting.for_gpus)
        self.writer.add(batch.tables)
        self._account(batch.spent)
        self.batches.took(refs, batch.seconds)
        for ref, outcome in zip(refs, batch.outcomes, strict=True):
            self.writer.watched.progress.running -= not isinstance(outcome, OpenedModel)
            if ref.source == "hub" and isinstance(outcome, Scanned | OpenedModel):
                # Of others all was said before.
                self.writer.summary.remarks += [(ref.repo_id, text) for text in outcome.remarks]
            if isinstance(outcome, Scanned | OpenedModel):
                self.writer.summary.remarks += [(ref.repo_id, text) for text in outcome.missing]
            if isinstance(outcome, Scanned):
                self.writer.report(ref)
                self._tell("scanned", ref, outcome.layers, outcome.nbytes)
            elif isinstance(outcome, Failure):
                self.writer.fail(outcome)
            elif isinstance(outcome, Skipped):
                skip(ref, self.writer, self.how.id)
            else:
                own = Attempts(attempts.lost) if len(refs) == 1 else Attempts()
                self.unfinished[outcome.ref] = _Unfinished(outcome, own)
                for piece in outcome.pieces:
                    self.waiting.add(outcome.ref, piece)
        if smallest:
            self.small_ones_for_cores = len(self.waiting.for_gpus) == before

    def _measured(self, ref: ModelRef, piece: "Piece", outcome: "MeasuredPiece | Failure") -> None:
        """The first failure of a model counts; what else of it waits or comes is dropped."""
        if ref not in self.unfinished:
            return
        if isinstance(outcome, Failure):
            self._give_up(outcome)
            return
        self._account(outcome.spent)
        model = self.unfinished[ref]
        model.parts.append(outcome.measured)
        if len(model.parts) == len(model.opened.pieces):
            self._finish(model)
        else:
            share = int(ref.nbytes * piece.cost.seconds / model.seconds)
            model.told += share
            layers = layer_count(outcome.measured.layers)
            self._tell("piece", ref, layers, share)

    def _tell(
        self, kind: Literal["scanned", "piece"], ref: ModelRef, layers: int, nbytes: float
    ) -> None:
        further = self.how.id != self.writer.summary.method
        self.writer.tell(Event(kind, ref.repo_id, layers, nbytes, further))

    def _give_up(self, failed: Failure) -> None:
        """A model of which a piece failed."""
        self.writer.watched.progress.running -= 1
        self.writer.fail(failed, self.unfinished.pop(failed.ref).told)
        self.waiting.drop(failed.ref)

    def _account(self, spent: Spent | None) -> None:
        if spent is not None:
            self.spent[spent.kind] = self.spent.get(spent.kind, Spent(spent.kind)) + spent

    def _finish(self, model: _Unfinished) -> None:
        ref = model.opened.ref
        del self.unfinished[ref]
        self.writer.watched.progress.running -= 1
        rows = model.opened.rows(model.parts, self.how)
        self.writer.report(ref)
        if self.writer.add_model(rows):
            left = ref.nbytes - model.told
            self._tell("scanned", ref, layer_count(rows.layers), left)


def _none_of(refs: Sequence[ModelRef], error: BaseException, attempts: int) -> ScannedBatch:
    """What a batch is whose task was lost for good."""
    failed = [_lost(ref, "open", error, attempts) for ref in refs]
    return ScannedBatch(failed, {}, 0.0)


def _lost(ref: ModelRef, stage: str, error: BaseException, attempts: int) -> Failure:
    if isinstance(error, ProcessDied):
        stage = error.stage or stage
    return failure(ref, stage, error, attempts)
