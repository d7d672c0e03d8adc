"""The order of a comparison's tasks, and what their results add to the store."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import sqrt
from typing import Any

import ray

from zoo_analysis.activations.recording import MEMORY
from zoo_analysis.cluster.account import CorrelateSummary, Event
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.comparing.correlate_tasks import (
    Compared,
    CorrelateSettings,
    Ready,
    capture_model,
    compare_checkpoints,
    compare_models,
)
from zoo_analysis.cluster.placement import declared
from zoo_analysis.cluster.processes.task import Room, Task
from zoo_analysis.cluster.processes.task_limits import Limits
from zoo_analysis.cluster.worker import Failure, failure
from zoo_analysis.pairwise.pairs import ComparisonPlan, Pair
from zoo_analysis.sources import ModelRef

#: Models a side of a tile of pairs that one task compares under a heavy measure.
_TILE = 4
#: Tasks a place that pairs which are compared at once are cut into, where there are as many.
_TASKS_A_PLACE = 2
#: Models a side of a tile of them at most, and bytes of activations that a task may be given.
_SIDE, _TILE_BYTES = 16, 2**30
#: Reasons why models could not be compared that the summary names.
_REASONS = 5
#: Multiply-adds of running a model that each byte of its weights may explain, for each sample; of
#: comparing two models, that each couple of their numbers of one sample may.
_FLOPS_A_BYTE, _FLOPS_A_COUPLE = 128, 10
#: The same of comparing matrices of weights, for each byte.
_FLOPS_OF_WEIGHTS = 4096
#: Memory of a model that runs for each byte of its weights, and of comparing for each number.
_BYTES_A_BYTE, _BYTES_A_NUMBER = 8, 32
#: The share of it that tasks declare; bytes of two models that have the largest layers there are.
_LIKELY, _LARGE = 0.5, 1 << 30


class CorrelateSchedule:
    """Tasks of a comparison in their order.

    Each model is captured once. Further models are captured when fewer pairs are ready than there
    are places, and a model's activations are let go with its last pair.

    Args:
        writer: gets what the tasks yield.
        settings: for every task.
        plan: the pairs.
        probe_of: the probe that a model is shown, in Ray's memory, and its samples.
        limits: of a model, and of a pair, besides what their sizes explain.
    """

    def __init__(
        self,
        writer: RunWriter[CorrelateSummary],
        settings: CorrelateSettings,
        plan: ComparisonPlan,
        probe_of: Callable[[ModelRef], tuple[Any, int]],
        limits: Limits,
    ) -> None:
        self.writer, self.summary, self.probe_of = writer, writer.summary, probe_of
        self.limits = limits
        self.gpus = int(settings.device == "cuda")
        self.settings, self.times = ray.put(settings), 1 + settings.permutations
        self.left: dict[ModelRef, dict[Pair, None]] = {}  # pairs still to be compared
        for pair in plan.active:
            for ref in (pair.a, pair.b):
                self.left.setdefault(ref, {})[pair] = None
        self.number = {ref: i for i, ref in enumerate(self.left)}
        self.uncaptured, self.passive = deque(self.left), deque(plan.passive)
        self.ready: list[tuple[int, tuple[int, int], int, list[Pair]]] = []
        self.at_once = [pair for pair in plan.active if pair.at_once]
        self.side = 0  # of their tiles
        self.tiles: dict[tuple[int, int], tuple[list[Pair], set[Pair]]] = {}  # ready, not yet
        self.order = itertools.count()
        self.seen: dict[ModelRef, Any] = {}
        self.sizes: dict[ModelRef, Ready] = {}
        self.done: set[tuple[ModelRef, ModelRef]] = set()

    def next_task(self, room: Room) -> Task | None:
        """The next model to capture, or pairs to compare."""
        if self.gpus and not room.gpus:
            return None
        places = room.places
        if not self.side:
            self._lay_out(places)
        while self.uncaptured and len(self.ready) < places:
            ref = self.uncaptured.popleft()
            if self.left[ref]:  # else all the others failed
                return self._capture(ref)
        if self.ready:
            return self._compare_models(self._bundle(places))
        if self.passive:
            pair = self.passive.popleft()
            nbytes = pair.a.nbytes + pair.b.nbytes
            limits = self.limits.of(nbytes, _FLOPS_OF_WEIGHTS * nbytes, _BYTES_A_BYTE * nbytes)
            memory = declared(_LIKELY * _BYTES_A_BYTE * min(nbytes, _LARGE))
            return self._compare(compare_checkpoints, [pair], limits, memory, pair, self.settings)
        return None

    def _lay_out(self, places: int) -> None:
        """Cut all pairs that are compared at once into tiles: enough of them for all places."""
        models = len({ref for pair in self.at_once for ref in (pair.a, pair.b)})
        self.side = min(_SIDE, max(1, int(models / sqrt(2 * _TASKS_A_PLACE * places))))
        for pair in self.at_once:
            self.tiles.setdefault(self._tile(pair, self.side), ([], set()))[1].add(pair)

    def _tile(self, pair: Pair, side: int) -> tuple[int, int]:
        return self.number[pair.a] // side, self.number[pair.b] // side

    def _settle(self, pair: Pair, *, ready: bool) -> None:
        """A pair of a tile is ready, or given up: once all are, those that are ready go."""
        gathered, missing = self.tiles[tile := self._tile(pair, self.side)]
        if pair in missing:
            missing.remove(pair)
            gathered += [pair] * ready
            if gathered and not missing:
                for bundle in self._fitting(gathered, self.side):
                    heapq.heappush(self.ready, (pair.turn, tile, next(self.order), bundle))

    def _fitting(self, pairs: list[Pair], side: int) -> Iterator[list[Pair]]:
        """The pairs in bundles whose activations a task may be given."""
        refs = {ref for pair in pairs for ref in (pair.a, pair.b)}
        if side == 1 or 4 * sum(self.sizes[ref].numbers for ref in refs) <= _TILE_BYTES:
            yield pairs
            return
        half = -(-side // 2)
        parts: dict[tuple[int, int], list[Pair]] = {}
        for pair in pairs:
            parts.setdefault(self._tile(pair, half), []).append(pair)
        for part in parts.values():
            yield from self._fitting(part, half)

    def _capture(self, ref: ModelRef) -> Task:
        probe, samples = self.probe_of(ref)
        done, lost = partial(self._captured, ref), partial(failure, ref, "capture")
        flops, peak = _FLOPS_A_BYTE * ref.nbytes * samples, _BYTES_A_BYTE * ref.nbytes + MEMORY
        limits = self.limits.of(ref.nbytes, flops, peak)
        memory = declared(_LIKELY * _BYTES_A_BYTE * ref.nbytes)
        how: dict[str, Any] = {"gpus": self.gpus, "limits": limits, "remade": True}
        return Task(capture_model, (ref, probe, self.settings), done, lost, memory=memory, **how)

    def _compare_models(self, pairs: list[Pair]) -> Task:
        refs = list(dict.fromkeys(ref for pair in pairs for ref in (pair.a, pair.b)))
        seen = (self.seen[ref] for ref in refs)
        limits = self._limits(pairs)
        memory = declared(_LIKELY * max(map(self._peak, pairs)))
        arguments = pairs, refs, self.settings, *seen
        task = self._compare(compare_models, pairs, limits, memory, *arguments)
        if pairs[0].at_once and len(pairs) > 1:  # one that kills its worker is not to take others
            return replace(task, split=lambda _: [self._compare_models([p]) for p in pairs])
        return task

    def _compare(
        self, function: Any, pairs: list[Pair], limits: Limits, memory: int | None, *arguments: Any
    ) -> Task:
        done, lost = partial(self._compared, pairs), partial(_lost, pairs)
        how: dict[str, Any] = {"gpus": self.gpus, "limits": limits, "memory": memory}
        return Task(function, arguments, done, lost, **how)

    def _peak(self, pair: Pair) -> int:
        return _BYTES_A_NUMBER * (self.sizes[pair.a].numbers + self.sizes[pair.b].numbers)

    def _limits(self, pairs: list[Pair]) -> Limits:
        """The time of all the pairs, and the memory of the largest."""
        each = []
        for pair in pairs:
            a, b = self.sizes[pair.a], self.sizes[pair.b]
            flops = _FLOPS_A_COUPLE * a.numbers * b.numbers / max(1, a.samples) * len(pair.keys)
            flops *= self.times
            each.append(self.limits.of(0, flops, self._peak(pair)))
        seconds = sum(limits.seconds for limits in each)
        return replace(max(each, key=lambda limits: limits.nbytes or 0), seconds=seconds)

    def _bundle(self, places: int) -> list[Pair]:
        """The next pair; of heavy ones a tile, so that each layer is prepared for several pairs."""
        *tile, _, bundle = heapq.heappop(self.ready)
        pair = bundle[0]
        if pair.at_once:
            return bundle
        most = min(_TILE**2, 1 + len(self.ready) // places) if pair.heavy else 1
        while len(bundle) < most and self.ready and list(self.ready[0][:2]) == tile:
            bundle += heapq.heappop(self.ready)[-1]
        return sorted(bundle, key=lambda each: (self.number[each.a], self.number[each.b]))

    def _captured(self, ref: ModelRef, outcome: Ready | Failure, seen: Any) -> None:
        if isinstance(outcome, Failure):
            self.writer.fail(outcome)
            for pair in list(self.left[ref]):
                self._give_up(pair)
            return
        self.summary.forwarded += outcome.forwarded
        self.summary.cached += not outcome.forwarded
        self.summary.forward_seconds += outcome.seconds
        self.writer.tell(Event("captured", ref.repo_id))
        self.seen[ref], self.sizes[ref] = seen, outcome
        both = [pair for pair in self.left[ref] if pair.a in self.seen and pair.b in self.seen]
        # To and fro: what a worker prepared last is used first.
        for pair in both if len(self.seen) % 2 else reversed(both):
            if pair.at_once:
                self._settle(pair, ready=True)
                continue
            place = self._tile(pair, _TILE) if pair.heavy else (0, 0)
            heapq.heappush(self.ready, (pair.turn, place, next(self.order), [pair]))

    def _compared(self, pairs: list[Pair], outcomes: list[Compared | Failure]) -> None:
        for pair, outcome in zip(pairs, outcomes, strict=True):
            if isinstance(outcome, Failure):
                self.writer.note(outcome)
                self._give_up(pair)
            else:
                self._finish(pair, outcome)

    def _finish(self, pair: Pair, compared: Compared) -> None:
        self.summary.pairs += (pair.a, pair.b) not in self.done
        self.done.add((pair.a, pair.b))
        self.summary.compare_seconds += compared.seconds
        self.summary.incomparable += compared.incomparable
        for reason in compared.reasons:
            if reason not in self.summary.reasons and len(self.summary.reasons) < _REASONS:
                self.summary.reasons.append(reason)
        self.writer.similarities.append(compared.rows)
        for failed in compared.failures:
            self.writer.note(failed)
        self.writer.tell(Event("compared", f"{pair.a.repo_id} and {pair.b.repo_id}"))
        self._forget(pair)

    def _give_up(self, pair: Pair) -> None:
        self.writer.tell(Event("dropped", f"{pair.a.repo_id} and {pair.b.repo_id}"))
        if pair.at_once:
            self._settle(pair, ready=False)
        self._forget(pair)

    def _forget(self, pair: Pair) -> None:
        for ref in (pair.a, pair.b):
            left = self.left.get(ref, {})
            left.pop(pair, None)
            if not left:
                self.seen.pop(ref, None)


def _lost(pairs: list[Pair], error: BaseException, attempts: int) -> list[Failure]:
    """The failures of pairs whose worker died."""
    return [
        failure(pair.a, "compare", error, attempts).about(f"with {pair.b.repo_id}")
        for pair in pairs
    ]
