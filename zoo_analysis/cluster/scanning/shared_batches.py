"""Batches of a zoo that several runs may be scanning at once: what another does is left to it."""

import random
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Final

from zoo_analysis.cluster.account import Event, Summary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.scanning.batches import Batches, Size, by_bytes
from zoo_analysis.sources import ModelRef
from zoo_analysis.spectra.methods import Method

#: Seconds for which batches are taken ahead where there are other runs, and how many at most.
_AHEAD, _BATCHES = 2.0, 64
#: Seconds between two looks at what others do, when there is nothing else left.
_LOOK: Final = 1.0


class SharedBatches:
    """A scan's batches, less the models that other runs do at the moment.

    Args:
        writer: of the run.
        how: the method.
        refs: the models.
        known: revisions that the store holds, of models whose own is not known yet.
        size: of a model among others.

    Attributes:
        known: the same, and what other runs have added since.
    """

    def __init__(
        self,
        writer: RunWriter[Summary],
        how: Method,
        refs: Iterable[ModelRef],
        known: Mapping[str, Set[str]],
        size: Size = by_bytes,
    ) -> None:
        self._writer, self._how, self._size = writer, how, size
        self._batches = Batches(refs, size)
        self.known = {repo_id: set(revisions) for repo_id, revisions in known.items()}
        self._taken: tuple[deque[list[ModelRef]], ...] = (deque(), deque())  # largest, smallest
        self._elsewhere: list[ModelRef] = []
        self._ahead, self._at = 1, time.monotonic()

    @property
    def left(self) -> float:
        """Seconds that those which are not opened yet are expected to take."""
        return self._batches.left

    def next(self, places: int, smallest: bool = False) -> list[ModelRef]:
        """The next models for one task; none where all that are left are another run's.

        Args:
            places: for tasks.
            smallest: the smallest instead of the largest.
        """
        while not self._taken[smallest] and self._batches:
            self._take(places, smallest)
        taken = self._taken[smallest] or self._taken[not smallest]
        refs = taken.popleft() if taken else []
        self._writer.watched.progress.running += len(refs)
        return refs

    def took(self, refs: Sequence[ModelRef], seconds: float) -> None:
        """Hear what a task took."""
        if len(refs) > 1:
            self._batches.took(refs, seconds)

    def wait_for_others(self) -> bool:
        """Wait a moment for what other runs do, to ask for it again; False where there is none."""
        if not self._elsewhere:
            return False
        self._writer.commit_if_due()
        time.sleep(_LOOK * random.uniform(0.5, 1.5))
        self._batches, self._elsewhere = Batches(self._elsewhere, self._size), []
        return True

    def _take(self, places: int, smallest: bool) -> None:
        """Take the next batches: several at once, where asking takes time."""
        watched, now = self._writer.watched, time.monotonic()
        self._ahead = min(_BATCHES, 2 * self._ahead) if now - self._at < _AHEAD else 1
        self._at = now
        batches = [self._batches.next(places, smallest)]
        while not watched.alone and self._batches and len(batches) < self._ahead:
            batches.append(self._batches.next(places, smallest))
        mine = watched.take(ref.repo_id for batch in batches for ref in batch)
        # Others may have committed since the store was asked, but not since this run has them.
        others = mine and not watched.alone
        for repo_id, revision, _ in (
            self._writer.store.committed(mine, self._how.id) if others else ()
        ):
            self.known.setdefault(repo_id, set()).add(revision)
        for batch in batches:
            own = [ref for ref in batch if ref.repo_id in mine]
            self._elsewhere += [ref for ref in batch if ref.repo_id not in mine]
            new = []
            for ref in own:
                if ref.revision in self.known.get(ref.repo_id, ()):
                    skip(ref, self._writer, self._how.id)
                else:
                    new.append(ref)
            if new:
                self._taken[smallest].append(new)
        watched.progress.elsewhere = len(self._elsewhere)


def skip(ref: ModelRef, writer: RunWriter[Summary], method: str) -> None:
    """Leave out a model that the store holds by a method; what is reported of it may be new."""
    writer.report(ref)
    if further := method != writer.summary.method:
        writer.summary.count_further(method, skipped=1)
    else:
        writer.summary.skipped += 1
    writer.watched.release([ref.repo_id])
    writer.tell(Event("skipped", ref.repo_id, bytes=ref.nbytes, further=further))
