"""The order of a scan's tasks, and what their results add to the store."""

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

import ray

from zoo_analysis.cluster.account import Event, RunWriter, Summary
from zoo_analysis.cluster.flow import Task
from zoo_analysis.cluster.scan_tasks import (
    Committed,
    OpenedModel,
    ScanSettings,
    Skipped,
    measure_piece,
    open_model,
)
from zoo_analysis.cluster.task_limits import Limits
from zoo_analysis.cluster.worker import Failure, failure
from zoo_analysis.measure.cost import Piece
from zoo_analysis.measure.rows import Measured
from zoo_analysis.sources import ModelRef

#: Memory that one layer may take for each byte of its file: a square matrix in float16.
_BYTES_A_BYTE: Final = 16


@dataclass
class _Unfinished:
    """An opened model, its pieces measured so far, and bytes of it that were told of."""

    opened: OpenedModel
    parts: list[Measured]
    told: int = 0


class ScanSchedule:
    """Tasks of a scan in their order.

    Models are opened the largest first, and only when fewer pieces wait than there are places; of
    the waiting pieces the most expensive goes first.

    Args:
        writer: gets what the tasks yield.
        settings: for every task.
        refs: the models.
        known: models that the store holds, some of which may be among these at a revision that is
            not known yet.
        limits: of a model, before its size is known.
    """

    def __init__(
        self,
        writer: RunWriter[Summary],
        settings: ScanSettings,
        refs: Iterable[ModelRef],
        known: Committed,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.writer, self.how = writer, settings.how
        self.gpus = int(settings.device == "cuda")
        self.settings, self.known = ray.put(settings), ray.put(known)
        self.queue = sorted(refs, key=lambda ref: ref.nbytes)
        self.waiting: list[tuple[float, int, ModelRef, Piece]] = []
        self.order = itertools.count()
        self.unfinished: dict[ModelRef, _Unfinished] = {}

    def next_task(self, places: int) -> Task | None:
        """The next model to open, or piece to measure."""
        if self.queue and len(self.waiting) < places:
            ref = self.queue.pop()
            arguments = ref, self.known, self.settings
            lost = partial(failure, ref, "open")
            limits = self.limits.of(ref.nbytes, peak_bytes=_BYTES_A_BYTE * ref.nbytes)
            return Task(open_model, arguments, self._opened, lost, self.gpus, limits)
        if self.waiting:
            *_, ref, piece = heapq.heappop(self.waiting)
            done, lost = partial(self._measured, ref, piece), partial(failure, ref, "measure")
            arguments = ref, piece, self.settings
            limits = self.limits.of(ref.nbytes, piece.cost.flops, piece.cost.peak_bytes)
            return Task(measure_piece, arguments, done, lost, self.gpus, limits)
        return None

    def _opened(self, outcome: OpenedModel | Skipped | Failure) -> None:
        if isinstance(outcome, Failure):
            self.writer.fail(outcome)
        elif isinstance(outcome, Skipped):
            skip(outcome.ref, self.writer)
        else:
            if outcome.ref.source == "hub":  # of others all was said before
                remarks = [(outcome.ref.repo_id, text) for text in outcome.ref.remarks]
                self.writer.summary.remarks += remarks
            model = _Unfinished(outcome, [*outcome.measured])
            self.unfinished[outcome.ref] = model
            for piece in outcome.pieces:
                entry = (-piece.cost.flops, next(self.order), outcome.ref, piece)
                heapq.heappush(self.waiting, entry)
            self._finish_if_whole(model)

    def _measured(self, ref: ModelRef, piece: Piece, outcome: Measured | Failure) -> None:
        """The first failure of a model counts; what else of it waits or comes is dropped."""
        if ref not in self.unfinished:
            return
        model = self.unfinished[ref]
        if isinstance(outcome, Failure):
            del self.unfinished[ref]
            self.writer.fail(outcome, model.told)
            self.waiting = [entry for entry in self.waiting if entry[2] != ref]
            heapq.heapify(self.waiting)
            return
        model.parts.append(outcome)
        if not self._finish_if_whole(model):
            whole = sum(other.cost.flops for other in model.opened.pieces)
            share = int(ref.nbytes * piece.cost.flops / whole)
            model.told += share
            self.writer.tell(Event("piece", ref.repo_id, len(outcome.layers), share))

    def _finish_if_whole(self, model: _Unfinished) -> bool:
        opened = model.opened
        if len(model.parts) < len(opened.measured) + len(opened.pieces):
            return False
        ref = opened.ref
        rows = opened.rows(model.parts, self.how)
        self.writer.models.append(rows)
        self.writer.report(ref)
        self.writer.tell(Event("scanned", ref.repo_id, len(rows.layers), ref.nbytes - model.told))
        del self.unfinished[ref]
        return True


def skip(ref: ModelRef, writer: RunWriter[Summary]) -> None:
    """Leave out a model that the store holds; what is reported of it may be new."""
    writer.report(ref)
    writer.summary.skipped += 1
    writer.tell(Event("skipped", ref.repo_id, bytes=ref.nbytes))
