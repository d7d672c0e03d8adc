"""The order of a comparison's tasks: each model is read once, pairs are compared as both are."""

from collections import defaultdict, deque
from functools import partial
from typing import Any

from zoo_analysis.cluster.account import Event
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.comparing.lineage_reading import reading_bytes, reading_limits
from zoo_analysis.cluster.comparing.lineage_tasks import compare_fingerprints, read_model
from zoo_analysis.cluster.comparing.lineage_work import LineageWork
from zoo_analysis.cluster.placement import declared
from zoo_analysis.cluster.processes.task import Room, Task
from zoo_analysis.cluster.processes.task_limits import Limits
from zoo_analysis.cluster.worker import Failure, failure
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.pairwise.lineage.relatives import Pair
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow

#: Seconds of work in a task's pairs, and pairs, at most.
_SECONDS, _PAIRS = 5.0, 200
#: Multiply-adds for each second that a pair is expected to take, and bytes for each product of two
#: dimensions.
_FLOPS_A_SECOND, _BYTES_A_COUPLE = 2e10, 64
#: The share of a model's that its task declares: it reads one layer after the other.
_LIKELY = 0.25


class LineageSchedule:
    """Tasks on workers of Ray, in whose memory fingerprints lie while pairs of theirs are left.

    Args:
        writer: of the run.
        work: the pairs; gets their rows.
        access: how workers reach the hub.
        limits: of a model, and of a pair, besides what their sizes explain.

    Attributes:
        remarks: of models of which layers were left out, in words.
    """

    def __init__(
        self,
        writer: RunWriter[Any],
        work: LineageWork,
        access: HubAccess | None,
        limits: Limits,
    ) -> None:
        self.writer, self.work, self.access, self.limits = writer, work, access, limits
        self.left: dict[int, set[Pair]] = defaultdict(set)
        for pair in work.missing:
            for place in pair:
                self.left[place].add(pair)
        self.unread = deque(self.left)
        self.prints: dict[int, Any] = {}
        self.ready: dict[int, list[Pair]] = {}  # by the first model
        self.remarks: list[tuple[str, str]] = []

    def next_task(self, room: Room) -> Task | None:
        """The next model to read, or pairs to compare."""
        while self.unread and sum(map(len, self.ready.values())) < room.places:
            if self.left[place := self.unread.popleft()]:  # else all the others failed
                return self._read(place)
        return self._compare() if self.ready else None

    def _read(self, place: int) -> Task:
        ref = self.work.refs[place]
        limits = reading_limits(ref, self.limits)
        done, lost = partial(self._was_read, place), partial(failure, ref, "lineage")
        how: dict[str, Any] = {
            "limits": limits,
            "remade": True,
            "memory": declared(_LIKELY * reading_bytes(ref)),
        }
        return Task(read_model, (ref, self.access), done, lost, **how)

    def _compare(self) -> Task:
        first, waiting = next(iter(self.ready.items()))
        pairs: list[Pair] = []
        seconds = 0.0
        while waiting and len(pairs) < _PAIRS and (not pairs or seconds < _SECONDS):
            pairs.append(waiting.pop())
            seconds += self.work.pair_seconds(pairs[-1])
        if not waiting:
            del self.ready[first]
        return self._compared_by(pairs)

    def _compared_by(self, pairs: list[Pair]) -> Task:
        places = sorted({place for pair in pairs for place in pair})
        at = {place: number for number, place in enumerate(places)}
        width = max(self.work.outlines[place].width for place in places)
        flops = _FLOPS_A_SECOND * sum(map(self.work.pair_seconds, pairs))
        return Task(
            compare_fingerprints,
            (
                [(at[i], at[j]) for i, j in pairs],
                [self.work.refs[place] for place in places],
                *(self.prints[place] for place in places),
            ),
            partial(self._compared, pairs),
            partial(self._lost, pairs),
            limits=self.limits.of(0, flops, _BYTES_A_COUPLE * width**2),
            memory=declared(_BYTES_A_COUPLE * width**2),
            split=None if len(pairs) == 1 else lambda _: [self._compared_by([p]) for p in pairs],
        )

    def _was_read(self, place: int, outcome: tuple[int, str] | Failure, found: Any = None) -> None:
        ref = self.work.refs[place]
        if isinstance(outcome, Failure):
            self.writer.fail(outcome)
            for pair in list(self.left[place]):
                self._forget(pair)
            return
        layers, remark = outcome
        self.writer.summary.read += 1
        self.writer.tell(Event("scanned", ref.repo_id, layers=layers, bytes=ref.nbytes))
        if remark:
            self.remarks.append((ref.repo_id, remark))
        self.prints[place] = found
        for pair in sorted(self.left[place]):
            if all(each in self.prints for each in pair):
                self.ready.setdefault(pair[0], []).append(pair)

    def _compared(self, pairs: list[Pair], outcomes: list[list[KinshipRow] | Failure]) -> None:
        for pair, outcome in zip(pairs, outcomes, strict=True):
            if isinstance(outcome, Failure):
                self.writer.note(outcome)
            else:
                self.work.rows[pair] = outcome
            self._forget(pair)

    def _lost(self, pairs: list[Pair], error: BaseException, attempts: int) -> list[Failure]:
        refs = self.work.refs
        return [
            failure(refs[i], "lineage", error, attempts).about(f"with {refs[j].repo_id}")
            for i, j in pairs
        ]

    def _forget(self, pair: Pair) -> None:
        for place in pair:
            self.left[place].discard(pair)
            if not self.left[place]:
                self.prints.pop(place, None)
