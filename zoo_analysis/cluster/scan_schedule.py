"""Which task goes to Ray when."""

import heapq
import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import ray

from zoo_analysis.cluster.account import BATCH_SECONDS, Book
from zoo_analysis.cluster.scan_tasks import OpenedModel, Skipped, measure_piece, open_model
from zoo_analysis.cluster.summary import Event
from zoo_analysis.cluster.worker import Failure, failure
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.measure.cost import Piece
from zoo_analysis.measure.rows import Measured, concatenated
from zoo_analysis.sources import ModelRef
from zoo_analysis.spectra import Method

#: How often a task is tried when its worker dies; Ray does the retrying.
_ATTEMPTS = 3


class ScanSchedule:
    """Tasks in flight: as many as keep every CPU busy, never more.

    Models are opened the largest first and only when fewer pieces wait than there are places; of
    the waiting pieces the most expensive goes first.
    """

    def __init__(
        self, book: Book, how: Method, device: str, known: Any, access: HubAccess | None = None
    ) -> None:
        self.book, self.how, self.device, self.known = book, how, device, known
        self.access = ray.put(access)
        self.places = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
        self.tasks: dict[Any, tuple[ModelRef, Piece | None]] = {}
        self.waiting: list[tuple[float, int, ModelRef, Piece]] = []
        self.order = itertools.count()
        self.parts: dict[ModelRef, list[Measured]] = {}
        self.opened: dict[ModelRef, OpenedModel] = {}
        self.dead: set[ModelRef] = set()
        self.shares: Counter[ModelRef] = Counter()  # bytes told of so far
        options = {"max_retries": _ATTEMPTS - 1, "num_gpus": 1 if device == "cuda" else 0}
        self.open = open_model.options(**options)
        self.measure = measure_piece.options(**options)

    def run(self, refs: Sequence[ModelRef]) -> None:
        queue = sorted(refs, key=lambda ref: ref.nbytes)
        while queue or self.tasks or self.waiting:
            while len(self.tasks) < self.places and (self.waiting or queue):
                if queue and len(self.waiting) < self.places:
                    ref = queue.pop()
                    task = self.open.remote(ref, self.how, self.known, self.device, self.access)
                    self.tasks[task] = ref, None
                else:
                    *_, ref, piece = heapq.heappop(self.waiting)
                    task = self.measure.remote(ref, piece, self.how, self.device, self.access)
                    self.tasks[task] = ref, piece
            done, _ = ray.wait(list(self.tasks), timeout=BATCH_SECONDS)
            for task in done:
                self._take(task, *self.tasks.pop(task))
            self.book.commit_if_due()

    def _take(self, task: Any, ref: ModelRef, piece: Piece | None) -> None:
        try:
            outcome = ray.get(task)
        except ray.exceptions.RayError as error:  # the worker died, _ATTEMPTS times over
            outcome = failure(ref, "measure" if piece else "open", error, _ATTEMPTS)
        if isinstance(outcome, Skipped):
            self.book.skip(outcome.ref)
        elif isinstance(outcome, Failure):
            self._fail(ref, outcome)
        elif isinstance(outcome, OpenedModel):
            self._admit(outcome)
        elif piece is not None and ref in self.opened:
            self._gather(ref, piece, outcome)

    def _admit(self, opened: OpenedModel) -> None:
        if opened.measured is not None:
            self.book.finish(opened, opened.measured)
            return
        self.opened[opened.ref] = opened
        self.parts[opened.ref] = []
        for piece in opened.pieces:
            entry = (-piece.flops, next(self.order), opened.ref, piece)
            heapq.heappush(self.waiting, entry)

    def _gather(self, ref: ModelRef, piece: Piece, measured: Measured) -> None:
        opened, parts = self.opened[ref], self.parts[ref]
        parts.append(measured)
        if len(parts) == len(opened.pieces):
            self.book.finish(opened, concatenated(parts), self.shares[ref])
            self._forget(ref)
            return
        share = ref.nbytes * piece.flops / sum(other.flops for other in opened.pieces)
        self.shares[ref] += int(share)
        self.book.tell(Event("piece", ref.repo_id, len(measured.layers), int(share)))

    def _fail(self, ref: ModelRef, failed: Failure) -> None:
        """The first failure of a model counts; what else of it waits or comes is dropped."""
        if ref in self.dead:
            return
        self.dead.add(ref)
        self.book.fail(failed, self.shares[ref])
        self._forget(ref)
        self.waiting = [entry for entry in self.waiting if entry[2] != ref]
        heapq.heapify(self.waiting)

    def _forget(self, ref: ModelRef) -> None:
        self.opened.pop(ref, None)
        self.parts.pop(ref, None)
