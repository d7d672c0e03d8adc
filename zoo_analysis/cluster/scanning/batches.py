"""Models in batches that are worth a task: planned by size, corrected by what tasks took."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from zoo_analysis.cluster.placement import Device
from zoo_analysis.sources import ModelRef

#: Seconds for a model and for a byte of its weights, until tasks tell better: for one core, and
#: besides for the way from the hub.
_MODEL, _BYTE, _HUB_MODEL, _HUB_BYTE = 0.01, 4e-8, 0.3, 2e-8
#: Seconds of work below which a task is not worth sending, and that a batch of models has at most.
_LEAST, _MOST = 0.5, 2.0
#: Seconds of one core below which the start of Ray does not pay.
LITTLE: Final = 20.0
#: Models that a batch has at most.
_MODELS: Final = 500
#: Share of the last task in the correction.
_NEW: Final = 0.5
#: The size of a model.
Size = Callable[[ModelRef], float]


def by_bytes(ref: ModelRef) -> float:
    """Bytes of its weights."""
    return ref.nbytes


def expected_seconds(refs: Iterable[ModelRef]) -> float:
    """Seconds that one process takes for models, by the bytes of their weights: a rough guess."""
    refs = list(refs)
    hub = [ref for ref in refs if ref.source == "hub"]
    here = sum(_MODEL + _BYTE * ref.nbytes for ref in refs)
    return here + sum(_HUB_MODEL + _HUB_BYTE * ref.nbytes for ref in hub)


def fit_for_few(refs: Iterable[ModelRef], device: Device, there: bool) -> bool:
    """True for models on which a few processes of this machine are done before a cluster is up.

    Args:
        refs: that are to be scanned.
        device: where to compute.
        there: whether a Ray need not be started.
    """
    return not there and device in ("cpu", "auto") and expected_seconds(refs) < LITTLE


class Batches:
    """Models in the order of their size, to be opened from either end, small ones together.

    Args:
        refs: the models.
        size: of a model.

    Attributes:
        left: seconds that those which are not opened yet are expected to take.
    """

    def __init__(self, refs: Iterable[ModelRef], size: Size = by_bytes) -> None:
        self._queue = deque(sorted(refs, key=size))
        self.left = expected_seconds(self._queue)
        self._correction = 1.0

    def __bool__(self) -> bool:
        return bool(self._queue)

    def next(self, places: int, smallest: bool = False) -> list[ModelRef]:
        """The next models for one task.

        Args:
            places: for tasks; towards the end batches are smaller, so that all places have work.
            smallest: the smallest instead of the largest.
        """
        end, take = (0, self._queue.popleft) if smallest else (-1, self._queue.pop)
        most = min(_MOST, max(_LEAST, self._correction * self.left / places))
        batch: list[ModelRef] = []
        seconds = 0.0
        while self._queue and len(batch) < _MODELS:
            each = expected_seconds([self._queue[end]])
            if batch and seconds + self._correction * each > most:
                break
            batch.append(take())
            seconds += self._correction * each
            self.left -= each
        return batch

    def took(self, refs: Iterable[ModelRef], seconds: float) -> None:
        """Correct what is expected by what a task for several models took."""
        self._correction += _NEW * (seconds / expected_seconds(refs) - self._correction)
