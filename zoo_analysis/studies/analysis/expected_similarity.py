"""How far a measure is from 0 of networks that share nothing, and from 1 of ones that are alike."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.similarity.measure import Measure
from zoo_analysis.stats.computable import Floats
from zoo_analysis.studies.analysis.estimate import Estimate
from zoo_analysis.studies.analysis.jackknife import jackknife
from zoo_analysis.studies.lab.optimisation import TrainedNet

_QUANTITIES = (
    "random networks",
    "adjacent epochs",
    "overlap",
    "distance from 0 of random networks",
    "distance from 1 of adjacent epochs",
    "distance",
)


@dataclass(frozen=True)
class PairSimilarities:
    """Similarities of pairs of networks by one measure, 1 at most.

    Attributes:
        measure: its name.
        inputs: over what, and of which layers.
        networks: how many; random pairs come first, in the order of `itertools.combinations`, and
            then as many pairs of successive late epochs of each.
        values: (pairs,), or (pairs × layers).
        seconds: median time that one pair takes, forward passes included.
    """

    measure: str
    inputs: str
    networks: int
    values: Floats
    seconds: float

    def of(self, kept: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Random pairs and adjacent epochs of some of the networks."""
        pairs = np.array([*combinations(range(self.networks), 2)])
        random, adjacent = np.split(self.values, [len(pairs)])
        inside = np.isin(pairs, kept).all(axis=1)
        return random[inside], adjacent.reshape(self.networks, -1)[kept].ravel()

    def distances(self, kept: NDArray[np.int64]) -> Floats:
        """Root-mean-square distances from 0 of random pairs, from 1 of adjacent ones, and of both.

        Both kinds count alike, however many pairs there are: √((d₀² + d₁²)/2).
        """
        random, adjacent = self.of(kept)
        squares = np.array([(random**2).mean(), ((1 - adjacent) ** 2).mean()])
        return np.sqrt([*squares, squares.mean()])


def compared(
    measure: Measure, prepared: Callable[[TrainedNet, int], list[Any]], nets: Sequence[TrainedNet]
) -> PairSimilarities:
    """Similarities of every layer of all pairs; that of a distance d of at most m is 1 − d/m.

    Args:
        measure: which.
        prepared: the layers of a network at an epoch, as the measure compares them.
        nets: each with snapshots at 0 and at late epochs.
    """
    times: list[float] = []

    def timed(function: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        value = function(*arguments)
        times.append(time.perf_counter() - start)
        return value

    def layers(a: Sequence[Any], b: Sequence[Any]) -> list[float]:
        return [measure.compare(x, y) for x, y in zip(a, b, strict=True)]

    untrained = [timed(prepared, net, 0) for net in nets]
    late = [[timed(prepared, net, epoch) for epoch in net.epochs[1:]] for net in nets]
    preparing = float(np.median(times))
    times.clear()
    pairs = [*combinations(untrained, 2), *(p for each in late for p in pairwise(each))]
    values = np.array([timed(layers, a, b) for a, b in pairs])
    if measure.higher != "more alike":
        values = 1 - values / measure.range[1]
    return PairSimilarities(
        measure.name, "", len(nets), values, 2 * preparing + float(np.median(times))
    )


def summarised(found: PairSimilarities) -> list[Estimate]:
    """Means of both kinds of pairs, their distances from 0 and 1, extremes, overlap and time.

    Overlap is the chance that a random pair is at least as alike as an adjacent one. Intervals
    leave out one network in turn, with its random pairs and its adjacent ones; extremes have none.
    """

    def statistic(kept: NDArray[np.int64]) -> Floats:
        random, adjacent = found.of(kept)
        overlap = (np.sign(random[:, None] - adjacent) + 1).mean() / 2
        return np.array([random.mean(), adjacent.mean(), overlap, *found.distances(kept)])

    n = found.networks
    rows = [
        Estimate(found.inputs, quantity, found.measure, n, *map(float, bounds))
        for quantity, *bounds in zip(_QUANTITIES, *jackknife(statistic, n), strict=True)
    ]
    random, adjacent = found.of(np.arange(n))
    rest = {
        "largest of random networks": random.max(),
        "smallest of adjacent epochs": adjacent.min(),
        "seconds a pair": found.seconds,
    }
    told = [Estimate(found.inputs, q, found.measure, n, float(v)) for q, v in rest.items()]
    return [*rows, *told]


def margin(wcka: PairSimilarities, other: PairSimilarities) -> Estimate:
    """The distance of another measure less that of wCKA: above 0 where wCKA is the nearer.

    Args:
        wcka: its similarities.
        other: those of the other measure, over the same networks.
    """

    def statistic(kept: NDArray[np.int64]) -> float:
        return float(other.distances(kept)[-1] - wcka.distances(kept)[-1])

    bounds = map(float, jackknife(statistic, wcka.networks))
    what = "distance of the measure less that of wcka"
    return Estimate(other.inputs, what, other.measure, wcka.networks, *bounds)
