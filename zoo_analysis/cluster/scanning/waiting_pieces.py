"""Pieces of opened models that nobody measures yet, in the order of their cost."""

import heapq
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from zoo_analysis.cluster.placement import Demand, Node, gpu_demand
from zoo_analysis.errors import ZooError
from zoo_analysis.sources import ModelRef

if TYPE_CHECKING:
    from zoo_analysis.measure.cost import Piece

#: Pieces that may be in a heap and wait no longer, whatever waits.
_FEW: Final = 64


class WaitingPiece(NamedTuple):
    """A piece that nobody measures yet.

    Attributes:
        key: its seconds of one core, and its number.
        ref: its model.
        piece: itself.
        on_gpu: what it asks for there; None where it is for cores alone.
    """

    key: tuple[float, int]
    ref: ModelRef
    piece: "Piece"
    on_gpu: Demand | None


class PieceLine:
    """Pieces in the order of their cost, of which either end may be taken.

    A heap for each end; what is taken from one stays in the other until it comes up there, or until
    such pieces are half of it.

    Attributes:
        seconds: of one core, that all of them take.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._waiting: dict[int, WaitingPiece] = {}  # by the second number of the key
        self._smallest: list[tuple[float, int]] = []
        self._largest: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[WaitingPiece]:
        return iter(self._waiting.values())

    @property
    def smallest(self) -> WaitingPiece:
        """Piece of fewest seconds, of several the one that came last."""
        return self._first(self._smallest)

    @property
    def largest(self) -> WaitingPiece:
        """Piece of most seconds, of several the one that came first."""
        return self._first(self._largest)

    def add(self, piece: WaitingPiece) -> None:
        """Have it wait."""
        seconds, number = piece.key
        self._waiting[number] = piece
        heapq.heappush(self._smallest, (seconds, -number))
        heapq.heappush(self._largest, (-seconds, number))
        self.seconds += seconds

    def take(self, piece: WaitingPiece) -> WaitingPiece:
        """Have one of them wait no longer."""
        seconds, number = piece.key
        del self._waiting[number]
        self.seconds = self.seconds - seconds if self._waiting else 0.0
        if max(len(self._smallest), len(self._largest)) > 2 * len(self._waiting) + _FEW:
            keys = [each.key for each in self]
            self._smallest = [(seconds, -number) for seconds, number in keys]
            self._largest = [(-seconds, number) for seconds, number in keys]
            heapq.heapify(self._smallest)
            heapq.heapify(self._largest)
        return piece

    def _first(self, heap: list[tuple[float, int]]) -> WaitingPiece:
        while (piece := self._waiting.get(abs(heap[0][1]))) is None:
            heapq.heappop(heap)
        return piece


class WaitingPieces:
    """Pieces that are worth a GPU, and all others.

    Args:
        gpus: whether GPUs are used where there are any.

    Attributes:
        for_gpus: those which are worth one.
        for_cores: the others.
    """

    def __init__(self, gpus: bool) -> None:
        self._gpus = gpus
        self._order = itertools.count()
        self._node: Node | None = None
        self.for_gpus, self.for_cores = PieceLine(), PieceLine()

    def __len__(self) -> int:
        return len(self.for_gpus) + len(self.for_cores)

    @property
    def seconds(self) -> float:
        """Seconds of one core, that all of them take."""
        return self.for_gpus.seconds + self.for_cores.seconds

    def place_on(self, node: Node) -> None:
        """Have them wait for what a machine is, as the largest one is now."""
        if self._gpus and node != self._node:
            self._node = node
            self._sort()

    def add(self, ref: ModelRef, piece: "Piece") -> None:
        """Have a piece of a model wait."""
        on_gpu = self._on_gpu(piece)
        key = piece.cost.seconds, next(self._order)
        line = self.for_cores if on_gpu is None else self.for_gpus
        line.add(WaitingPiece(key, ref, piece, on_gpu))

    def drop(self, ref: ModelRef) -> None:
        """Forget those of a model."""
        for line in (self.for_gpus, self.for_cores):
            for each in [each for each in line if each.ref == ref]:
                line.take(each)

    def _sort(self) -> None:
        waiting = [*self.for_gpus, *self.for_cores]
        self.for_gpus, self.for_cores = PieceLine(), PieceLine()
        for each in waiting:
            on_gpu = self._on_gpu(each.piece)
            line = self.for_cores if on_gpu is None else self.for_gpus
            line.add(each._replace(on_gpu=on_gpu))

    def _on_gpu(self, piece: "Piece") -> Demand | None:
        if self._node is None or not self._node.gpus:
            return None
        cost = piece.cost
        try:
            return gpu_demand(cost.peak_bytes, cost.seconds, piece.layers, self._node)
        except ZooError:  # it fits nowhere, which is told when its turn comes
            return None
