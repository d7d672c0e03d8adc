"""A GPU of a replay, whose time is shared evenly by the tasks that have work for it."""

import heapq


class SharedGpu:
    """Processor sharing: of n tasks at work each is served at an n-th of the speed.

    So processes share a GPU in time slices: one that prepares its next layer on a core leaves its
    slices to the others.

    Attributes:
        version: counts the changes after which `next_end` is another.
    """

    def __init__(self) -> None:
        self.version = 0
        self._now = self._served = 0.0  # seconds, and seconds of service of each task so far
        self._ends: list[tuple[float, int]] = []

    def add(self, now: float, number: int, seconds: float) -> None:
        """Have a task served from now on, so many seconds of a whole GPU."""
        self._go_on(now)
        heapq.heappush(self._ends, (self._served + seconds, number))
        self.version += 1

    def next_end(self) -> float | None:
        """When the first of the tasks is done, if none comes; None where there is none."""
        if not self._ends:
            return None
        return self._now + (self._ends[0][0] - self._served) * len(self._ends)

    def take(self, now: float) -> int:
        """The task that is done now."""
        self._go_on(now)
        self.version += 1
        return heapq.heappop(self._ends)[1]

    def _go_on(self, now: float) -> None:
        if self._ends:
            self._served += (now - self._now) / len(self._ends)
        self._now = now
