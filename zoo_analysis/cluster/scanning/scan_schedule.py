"""The order of a scan's tasks, and what their results add to the store."""

import itertools
import math
from bisect import insort
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from zoo_analysis.cluster.account import Event, Summary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.placement import GPU_SPEED, Demand, demand, gpu_demand
from zoo_analysis.cluster.processes.child import ProcessDied
from zoo_analysis.cluster.processes.task import Attempts, Room, Task
from zoo_analysis.cluster.processes.task_limits import Limits
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
#: Pieces among which one that is worth a GPU is looked for, the largest first.
_LOOKED_AT: Final = 32


class _Waiting(NamedTuple):
    """A piece that nobody measures yet: its place in the order, its model, itself."""

    key: tuple[float, int]
    ref: ModelRef
    piece: "Piece"


@dataclass
class _Unfinished:
    """An opened model, its pieces measured so far, and bytes of it that were told of."""

    opened: OpenedModel
    attempts: Attempts
    parts: "list[Measured]" = field(default_factory=list)
    told: int = 0


class ScanSchedule:
    """Tasks of a scan in their order.

    Models are opened the largest first, small ones in batches, on the CPU, and only when fewer
    pieces wait than there are places. Of the waiting pieces the most expensive goes first, to a GPU
    where it is worth one; cores beside GPUs take the smallest. What one core would be at when all
    others had nothing left to do gets more of them (`placement.demand`).

    Attributes:
        spent: by machine kind, what the tasks took and what had been predicted.

    Args:
        writer: gets what the tasks yield.
        settings: for every task.
        refs: the models.
        known: revisions that the store holds, of models whose own is not known yet.
        limits: of a model, before its size is known.
    """

    def __init__(
        self,
        writer: RunWriter[Summary],
        settings: ScanSettings,
        refs: Iterable[ModelRef],
        known: Mapping[str, Set[str]],
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.writer, self.how, self.settings = writer, settings.how, settings
        self.opening = replace(settings, device="cpu")  # what is small is not brought to a GPU
        self.batches = SharedBatches(writer, settings.how, refs, known)
        self.waiting: list[_Waiting] = []  # the largest first
        self.backlog = 0.0
        self.order = itertools.count()
        self.spent: dict[str, Spent] = {}
        self.unfinished: dict[ModelRef, _Unfinished] = {}

    def next_task(self, room: Room) -> Task | None:
        """The next models to open, or piece to measure."""
        if len(self.waiting) < room.places and (refs := self.batches.next(room.places)):
            return self._open(refs)
        self.writer.ending = not self.waiting
        while self.waiting:
            try:
                return self._piece(room)
            except ZooError as error:  # fits nowhere; what else waits of its model is dropped
                ref = self.waiting[0].ref
                self._give_up(failure(ref, "measure", error))
        return None

    def _piece(self, room: Room) -> Task | None:
        """The largest piece for a GPU, or one for a core: the largest, or else the smallest.

        The smallest goes to cores beside GPUs that have enough to do, if it will be done before the
        rest is, and to those that the largest would leave idle for want of memory.
        """
        place, left = 0, math.inf
        if self.settings.device == "cuda" and (large := self._for_gpu(room)):
            place, asked = large
            if room.gpus >= asked.gpus:
                return self._measure(place, asked)
            left = self.backlog / (GPU_SPEED * max(room.node.gpus, 1))
        if left < math.inf or self.waiting[0].piece.cost.peak_bytes > room.memory:
            place = -1
        cost = self.waiting[place].piece.cost
        if left < math.inf and not (room.idle and cost.seconds < left):
            return None
        backlog = self.backlog + self.batches.left
        peak, seconds = cost.peak_bytes, cost.seconds
        asked = demand(peak, seconds, room.node, backlog, room.places / 2, room.idle)
        return self._measure(place, asked)

    def _for_gpu(self, room: Room) -> tuple[int, Demand] | None:
        """The place of the largest piece that is worth a GPU, and what it asks for."""
        for place, (_, _, piece) in enumerate(self.waiting[:_LOOKED_AT]):
            cost, layers = piece.cost, len(piece.specs)
            if asked := gpu_demand(cost.peak_bytes, cost.seconds, layers, room.node):
                return place, asked
        return None

    def _measure(self, place: int, asked: Demand) -> Task:
        ref, piece = self.waiting[place].ref, self.waiting[place].piece
        del self.waiting[place]
        self.backlog -= piece.cost.seconds
        limits = self.limits.of(ref.nbytes, piece.cost.flops, piece.cost.peak_bytes)
        settings = replace(self.settings, device=asked.device)
        return Task(
            measure_piece,
            (ref, piece, settings, limits, int(asked.cpus)),
            partial(self._measured, ref, piece),
            partial(_lost, ref, "measure"),
            **vars(asked),
            attempts=self.unfinished[ref].attempts,
        )

    def wait_for_others(self) -> bool:
        """Wait a moment for models that other runs do; False where there are none."""
        return self.batches.wait_for_others()

    def _open(self, refs: Sequence[ModelRef], attempts: Attempts | None = None) -> Task:
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
            (models, self.opening),
            partial(self._scanned, refs, attempts),
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

    def _scanned(self, refs: Sequence[ModelRef], attempts: Attempts, batch: ScannedBatch) -> None:
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
                self.writer.tell(Event("scanned", ref.repo_id, outcome.layers, outcome.nbytes))
            elif isinstance(outcome, Failure):
                self.writer.fail(outcome)
            elif isinstance(outcome, Skipped):
                skip(ref, self.writer)
            else:
                own = Attempts(attempts.lost) if len(refs) == 1 else Attempts()
                self.unfinished[outcome.ref] = _Unfinished(outcome, own)
                for piece in outcome.pieces:
                    self.backlog += piece.cost.seconds
                    key = -piece.cost.seconds, next(self.order)
                    insort(self.waiting, _Waiting(key, outcome.ref, piece), key=lambda w: w.key)

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
            whole = sum(other.cost.seconds for other in model.opened.pieces)
            share = int(ref.nbytes * piece.cost.seconds / whole)
            model.told += share
            layers = layer_count(outcome.measured.layers)
            self.writer.tell(Event("piece", ref.repo_id, layers, share))

    def _give_up(self, failed: Failure) -> None:
        """A model of which a piece failed."""
        self.writer.watched.progress.running -= 1
        self.writer.fail(failed, self.unfinished.pop(failed.ref).told)
        self.waiting = [entry for entry in self.waiting if entry.ref != failed.ref]
        self.backlog = sum(entry.piece.cost.seconds for entry in self.waiting)

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
            self.writer.tell(Event("scanned", ref.repo_id, layer_count(rows.layers), left))


def _none_of(refs: Sequence[ModelRef], error: BaseException, attempts: int) -> ScannedBatch:
    """What a batch is whose task was lost for good."""
    failed = [_lost(ref, "open", error, attempts) for ref in refs]
    return ScannedBatch(failed, {}, 0.0)


def _lost(ref: ModelRef, stage: str, error: BaseException, attempts: int) -> Failure:
    if isinstance(error, ProcessDied):
        stage = error.stage or stage
    return failure(ref, stage, error, attempts)
