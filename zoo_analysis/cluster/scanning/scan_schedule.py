"""The order of a scan's tasks, and what their results add to the store."""

import heapq
import itertools
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from zoo_analysis.cluster.account import Event, Summary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.processes.child import ProcessDied
from zoo_analysis.cluster.processes.task import Attempts, Room, Task
from zoo_analysis.cluster.processes.task_limits import Limits
from zoo_analysis.cluster.scanning.scan_tasks import (
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
from zoo_analysis.sources import ModelRef

if TYPE_CHECKING:
    from zoo_analysis.measure.cost import Piece
    from zoo_analysis.measure.rows import Measured

#: Memory that one layer may take for each byte of its file: a square matrix in float16.
_BYTES_A_BYTE: Final = 16


@dataclass
class _Unfinished:
    """An opened model, its pieces measured so far, and bytes of it that were told of."""

    opened: OpenedModel
    attempts: Attempts
    parts: "list[Measured]" = field(default_factory=list)
    told: int = 0


class ScanSchedule:
    """Tasks of a scan in their order.

    Models are opened the largest first, small ones in batches, and only when fewer pieces wait
    than there are places; of the waiting pieces the most expensive goes first.

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
        self.gpus = int(settings.device == "cuda")
        self.batches = SharedBatches(writer, settings.how, refs, known)
        self.waiting: list[tuple[float, int, ModelRef, Piece]] = []
        self.order = itertools.count()
        self.unfinished: dict[ModelRef, _Unfinished] = {}

    def next_task(self, room: Room) -> Task | None:
        """The next models to open, or piece to measure."""
        if self.gpus and not room.gpus:
            return None
        if len(self.waiting) < room.places and (refs := self.batches.next(room.places)):
            return self._open(refs)
        if self.waiting:
            *_, ref, piece = heapq.heappop(self.waiting)
            limits = self.limits.of(ref.nbytes, piece.cost.flops, piece.cost.peak_bytes)
            return Task(
                measure_piece,
                (ref, piece, self.settings, limits),
                partial(self._measured, ref, piece),
                partial(_lost, ref, "measure"),
                gpus=self.gpus,
                attempts=self.unfinished[ref].attempts,
            )
        return None

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
            (models, self.settings),
            partial(self._scanned, refs, attempts),
            partial(_none_of, refs),
            gpus=self.gpus,
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
        self.batches.took(refs, batch.seconds)
        for ref, outcome in zip(refs, batch.outcomes, strict=True):
            self.writer.watched.progress.running -= not isinstance(outcome, OpenedModel)
            if ref.source == "hub" and isinstance(outcome, Scanned | OpenedModel):
                # Of others all was said before.
                self.writer.summary.remarks += [(ref.repo_id, text) for text in outcome.remarks]
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
                    entry = (-piece.cost.flops, next(self.order), outcome.ref, piece)
                    heapq.heappush(self.waiting, entry)

    def _measured(self, ref: ModelRef, piece: "Piece", outcome: "Measured | Failure") -> None:
        """The first failure of a model counts; what else of it waits or comes is dropped."""
        if ref not in self.unfinished:
            return
        model = self.unfinished[ref]
        if isinstance(outcome, Failure):
            del self.unfinished[ref]
            self.writer.watched.progress.running -= 1
            self.writer.fail(outcome, model.told)
            self.waiting = [entry for entry in self.waiting if entry[2] != ref]
            heapq.heapify(self.waiting)
            return
        model.parts.append(outcome)
        if len(model.parts) == len(model.opened.pieces):
            self._finish(model)
        else:
            whole = sum(other.cost.flops for other in model.opened.pieces)
            share = int(ref.nbytes * piece.cost.flops / whole)
            model.told += share
            self.writer.tell(Event("piece", ref.repo_id, len(outcome.layers), share))

    def _finish(self, model: _Unfinished) -> None:
        ref = model.opened.ref
        del self.unfinished[ref]
        self.writer.watched.progress.running -= 1
        rows = model.opened.rows(model.parts, self.how)
        self.writer.report(ref)
        if self.writer.add_model(rows):
            left = ref.nbytes - model.told
            self.writer.tell(Event("scanned", ref.repo_id, len(rows.layers), left))


def _none_of(refs: Sequence[ModelRef], error: BaseException, attempts: int) -> ScannedBatch:
    """What a batch is whose task was lost for good."""
    failed = [_lost(ref, "open", error, attempts) for ref in refs]
    return ScannedBatch(failed, {}, 0.0)


def _lost(ref: ModelRef, stage: str, error: BaseException, attempts: int) -> Failure:
    if isinstance(error, ProcessDied):
        stage = error.stage or stage
    return failure(ref, stage, error, attempts)
