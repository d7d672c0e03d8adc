"""The tree of models that descend from each other, by distances and by which way each step goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

#: λ: what a step against its direction costs more, as a share of its distance.
WRONG_WAY: Final = 0.3

#: Share of the cost of the tree in which kurtosis rises below which the other is taken.
_CLEARLY: Final = 0.95

#: What kurtosis does from parent to child: it rises while a network still learns in general, and
#: falls while it specialises.
Trend = Literal["rises", "falls"]


@dataclass(frozen=True)
class Descent:
    """One family's tree.

    Attributes:
        parents: of each model but the root, the number of its parent; None for the root.
        trend: of kurtosis along the tree.
        cost: of all its steps.
    """

    parents: tuple[int | None, ...]
    trend: Trend
    cost: float


def is_coarser(a: NDArray[np.floating], b: NDArray[np.floating]) -> bool:
    """True where b was made of a by rounding, quantising, clipping or pruning, row by row.

    In each row b is then a non-decreasing function of a that takes different values to one, or a
    with entries set to zero: no way leads back.

    Args:
        a: (rows × columns) of one model's weights.
        b: likewise, of the same entries of the other's.
    """
    if np.array_equal(a, b):
        return False
    masked = (a == b) | (b == 0)
    if masked.all():
        return True
    lost = False
    for x, y in zip(a, b, strict=True):
        order = np.lexsort((y, x))
        if (np.diff(y[order]) < 0).any():
            return False
        lost = lost or len(np.unique(y)) < len(np.unique(x))
    return lost


def descent(
    distances: NDArray[np.float64],
    kurtosis: Sequence[float],
    known: Mapping[tuple[int, int], bool] | None = None,
) -> Descent:
    """The minimum arborescence of a family: each model but one has the parent that costs least.

    A step costs its distance, and λ of it more where it goes the wrong way: against what is known
    of the two, or else against the trend of kurtosis. The root costs its mean distance from the
    others, for what many models were made of lies amidst them; those that are known to be made of
    another do not count in that. Both trends are tried, and the cheaper tree is taken; where they
    cost about the same, kurtosis rises.

    Args:
        distances: (n × n), symmetric; n is 2 at least.
        kurtosis: of each model, summed over its layers.
        known: of pairs (i, j), whether j can have come from i; pairs that are missing go by
            kurtosis.

    Source: MoTHer (2024), arXiv 2405.18432: distance, direction by kurtosis, and the arborescence
    of Edmonds 1967. There λ is 0.3 of the mean distance, the root costs nothing, and the user says
    which trend holds.
    """
    trends: tuple[Trend, Trend] = ("rises", "falls")
    trees = [_arborescence(distances, kurtosis, known or {}, trend) for trend in trends]
    rises, falls = trees
    return falls if falls.cost < rises.cost * _CLEARLY else rises


def _arborescence(
    distances: NDArray[np.float64],
    kurtosis: Sequence[float],
    known: Mapping[tuple[int, int], bool],
    trend: Trend,
) -> Descent:
    import networkx as nx

    n, start = len(distances), -1
    made = [any(known.get((i, j), False) and not known[j, i] for i in range(n)) for j in range(n)]
    beyond = 1 + 2 * float(distances.sum())  # more than any tree costs, so that there is one root
    graph = nx.DiGraph()
    for parent in range(n):
        others = [i for i in range(n) if i != parent and not made[i]]
        amidst = float(distances[parent, others].mean()) if others else 0.0
        if not made[parent]:
            graph.add_edge(start, parent, cost=beyond + amidst)
        for child in range(n):
            if parent == child or (made[parent] and not known.get((parent, child), True)):
                continue
            risen = kurtosis[child] > kurtosis[parent]
            right = known.get((parent, child), risen == (trend == "rises"))
            cost = float(distances[parent, child]) * (1 if right else 1 + WRONG_WAY)
            graph.add_edge(parent, child, cost=cost)
    tree = nx.minimum_spanning_arborescence(graph, attr="cost")
    parents: list[int | None] = [None] * n
    for parent, child in tree.edges:
        parents[child] = None if parent == start else parent
    return Descent(tuple(parents), trend, float(tree.size(weight="cost")) - beyond)
