"""Alike models and pieces taken together, so that a zoo of millions is some thousands of tasks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from zoo_analysis.cluster.planning.replay.prices import PricedModel, PricedPiece, Prices
from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel
from zoo_analysis.measure.cost import Piece
from zoo_analysis.sources import ModelRef


@dataclass(frozen=True)
class Several(Piece):
    """Alike pieces after each other.

    Attributes:
        one: of them.
        times: how many there are.
    """

    one: PricedPiece
    times: int

    @property
    def layers(self) -> int:
        """How many layers they are."""
        return self.times * len(self.specs)


@dataclass(frozen=True)
class Group:
    """Alike models that are scanned one after the other, as if they were one.

    Attributes:
        ref: by which the schedule knows them.
        priced: one of them.
        copies: how many they are.
        pieces: of all of them.
    """

    ref: ModelRef
    priced: PricedModel
    copies: int
    pieces: Sequence[Several]

    @property
    def size(self) -> float:
        """Bytes of one of them."""
        return self.ref.nbytes / self.copies


def groups_of(model: ZooModel, prices: Prices, grain: float) -> Iterator[Group]:
    """A model's copies in groups of which no task takes more than `grain` seconds.

    Where one copy takes more, each is alone; so is a piece that takes more, and all where the grain
    is 0.
    """
    priced = prices.model(model)
    most = max(1, int(grain / priced.longest))
    cut = {n: list(_several(priced, n, grain)) for n in {most, model.copies % most or most}}
    for start in range(0, model.copies, most):
        copies = min(most, model.copies - start)
        name = f"{model.name}/{start}"
        ref = ModelRef(name, "replayed", name, "hub", copies * model.nbytes)
        yield Group(ref, priced, copies, cut[copies])


def _several(priced: PricedModel, copies: int, grain: float) -> Iterator[Several]:
    """The pieces of so many copies: those of one cost together, as far as the grain allows."""
    for _, alike in groupby(priced.pieces, key=_alike):
        one, *others = alike
        cost = one.piece.cost
        left = copies * (1 + len(others))
        tasks = -(-left // max(1, int(grain / one.core)))
        for task in range(tasks, 0, -1):
            times = -(-left // task)
            left -= times
            several = replace(cost, seconds=times * cost.seconds)
            yield Several(one.piece.specs, several, one, times)


def _alike(piece: PricedPiece) -> object:
    return piece.piece.cost, piece.piece.layers
