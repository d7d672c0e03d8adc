"""Which task of a comparison goes to Ray when."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import ray

from zoo_analysis.cluster.correlate_book import BATCH_SECONDS, CorrelateBook
from zoo_analysis.cluster.correlate_tasks import (
    Compared,
    Kit,
    Ready,
    capture_model,
    compare_checkpoints,
    compare_models,
)
from zoo_analysis.cluster.worker import Failure, failure
from zoo_analysis.pairwise.pairs import ComparisonPlan, Pair
from zoo_analysis.sources import ModelRef

#: How often a task is tried when its worker dies; Ray does the retrying.
_ATTEMPTS = 3
#: Models a side of a tile of pairs that one task compares under a heavy measure.
_TILE = 4


class CorrelateSchedule:
    """Tasks in flight: as many as keep every CPU busy, never more.

    Each model is captured once. Further models are captured when fewer pairs are ready than there
    are places, and a model's activations are let go with its last pair.

    Args:
        book: gets what the tasks yield.
        kit: for every task.
        probe_of: the probe that a model is shown, in Ray's memory.
    """

    def __init__(self, book: CorrelateBook, kit: Kit, probe_of: Callable[[ModelRef], Any]) -> None:
        self.book, self.probe_of = book, probe_of
        self.kit = ray.put(kit)
        self.places = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
        self.tasks: dict[Any, Callable[[Any], None]] = {}
        self.ready: list[tuple[int, tuple[int, int], int, Pair]] = []
        self.number: dict[ModelRef, int] = {}
        self.order = itertools.count()
        self.seen: dict[ModelRef, Any] = {}
        self.left: dict[ModelRef, dict[Pair, None]] = {}  # pairs still to be compared
        options = {"max_retries": _ATTEMPTS - 1, "num_gpus": 1 if kit.device == "cuda" else 0}
        self.capture = capture_model.options(**options)
        self.models = compare_models.options(**options)
        self.checkpoints = compare_checkpoints.options(**options)

    def run(self, plan: ComparisonPlan) -> None:
        for pair in plan.active:
            for ref in (pair.a, pair.b):
                self.left.setdefault(ref, {})[pair] = None
        self.number = {ref: i for i, ref in enumerate(self.left)}
        captures, passive = deque(self.left), deque(plan.passive)
        while captures or passive or self.ready or self.tasks:
            while len(self.tasks) < self.places and (captures or passive or self.ready):
                if captures and len(self.ready) < self.places:
                    self._capture(captures.popleft())
                elif self.ready:
                    self._compare(self._bundle())
                else:
                    pair = passive.popleft()
                    task = self.checkpoints.remote(pair, self.kit)
                    self.tasks[task] = partial(self._compared, [pair])
            done, _ = ray.wait(list(self.tasks), timeout=BATCH_SECONDS) if self.tasks else ([], [])
            for task in done:
                self.tasks.pop(task)(task)
            self.book.commit_if_due()

    def _capture(self, ref: ModelRef) -> None:
        if self.left[ref]:  # else all the others failed
            told, seen = self.capture.remote(ref, self.probe_of(ref), self.kit)
            self.tasks[told] = partial(self._captured, ref, seen)

    def _bundle(self) -> list[Pair]:
        """The next pair; of heavy ones a tile, so that each layer is prepared for several pairs."""
        *tile, _, pair = heapq.heappop(self.ready)
        bundle = [pair]
        most = min(_TILE**2, 1 + len(self.ready) // self.places) if pair.heavy else 1
        while len(bundle) < most and self.ready and list(self.ready[0][:2]) == tile:
            bundle.append(heapq.heappop(self.ready)[-1])
        return sorted(bundle, key=lambda each: (self.number[each.a], self.number[each.b]))

    def _compare(self, pairs: list[Pair]) -> None:
        refs = list(dict.fromkeys(ref for pair in pairs for ref in (pair.a, pair.b)))
        task = self.models.remote(pairs, refs, self.kit, *(self.seen[ref] for ref in refs))
        self.tasks[task] = partial(self._compared, pairs)

    def _captured(self, ref: ModelRef, seen: Any, task: Any) -> None:
        try:
            outcome: Ready | Failure = ray.get(task)
        except ray.exceptions.RayError as error:  # the worker died, _ATTEMPTS times over
            outcome = failure(ref, "capture", error, _ATTEMPTS)
        if isinstance(outcome, Failure):
            self.book.fail(outcome)
            for pair in list(self.left[ref]):
                self.book.drop(pair)
                self._forget(pair)
            return
        self.book.captured(ref, outcome.forwarded, outcome.seconds)
        self.seen[ref] = seen
        both = [pair for pair in self.left[ref] if pair.a in self.seen and pair.b in self.seen]
        # To and fro: what a worker prepared last is used first.
        for pair in both if len(self.seen) % 2 else reversed(both):
            tile = self.number[pair.a] // _TILE, self.number[pair.b] // _TILE
            place = tile if pair.heavy else (0, 0)
            heapq.heappush(self.ready, (pair.turn, place, next(self.order), pair))

    def _compared(self, pairs: list[Pair], task: Any) -> None:
        try:
            outcome: list[Compared] = ray.get(task)
        except ray.exceptions.RayError as error:
            for pair in pairs:
                failed = failure(pair.a, "compare", error, _ATTEMPTS)
                message = f"with {pair.b.repo_id}: {failed.message}"
                self.book.note(Failure(pair.a, "compare", failed.error, message, _ATTEMPTS))
                self.book.drop(pair)
        else:
            for pair, compared in zip(pairs, outcome, strict=True):
                self.book.finish(pair, compared)
        for pair in pairs:
            self._forget(pair)

    def _forget(self, pair: Pair) -> None:
        for ref in (pair.a, pair.b):
            left = self.left.get(ref, {})
            left.pop(pair, None)
            if not left:
                self.seen.pop(ref, None)
