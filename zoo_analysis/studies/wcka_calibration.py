"""Networks that are alike against networks that are not, by several measures."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.stats.line import Floats
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.analysis.jackknife import jackknife
from zoo_analysis.studies.lab.mnist import load_mnist
from zoo_analysis.studies.lab.networks import Net, NetSpec
from zoo_analysis.studies.lab.optimisation import TrainedNet, train
from zoo_analysis.studies.study import Outcome, Setting

_SPEC: Final = NetSpec("three-layers", (100, 100, 100))
_EPOCHS: Final = 20
_LATE: Final = 6
WCKA: Final = "wcka"
ACTIVE: Final = ("cka", "dcka", "procrustes")
SAMPLES: Final = (32, 128, 512, 1000)


@dataclass(frozen=True)
class PairSimilarities:
    """Similarities of pairs of networks by one measure, 1 at most.

    Attributes:
        measure: its name.
        samples: digits that the networks were shown; 0 for none.
        random: (pairs,) of untrained networks, in the order of `itertools.combinations`.
        adjacent: (networks × pairs) of successive late epochs of one network.
        seconds: median time that one pair took, forward passes included.
    """

    measure: str
    samples: int
    random: Floats
    adjacent: Floats
    seconds: float


def trained(seed: int, small: bool, cache: Path) -> TrainedNet:
    """One of the study's networks, with its untrained beginning and its last epochs.

    Args:
        seed: of its training.
        small: three epochs on few digits.
        cache: directory of trained networks.
    """
    epochs = 3 if small else _EPOCHS
    late = tuple(range(epochs - (2 if small else _LATE) + 1, epochs + 1))
    training, _ = load_mnist()
    data = training.sample(500) if small else training
    return train(_SPEC, seed, epochs, cache=cache, snapshots=(0, *late), data=data)


def similarities(name: str, samples: int, nets: Sequence[TrainedNet]) -> PairSimilarities:
    """Compare untrained networks with each other, and each network's late epochs in turn.

    A similarity is the mean over hidden layers of the measure between layers of one depth; that of
    a distance d of at most 2 is 1 − d/2.

    Args:
        name: of the measure.
        samples: held-out digits to show; 0 for a measure of weights.
        nets: trained, each with snapshots at 0 and at late epochs.
    """
    images, measure = load_mnist()[1].sample(samples).images, get_measure(name)
    seconds: list[float] = []

    def similarity(a: Net, b: Net) -> float:
        start = time.perf_counter()
        value = _similarity(measure, *(_prepared(measure, net, images) for net in (a, b)))
        seconds.append(time.perf_counter() - start)
        return value

    untrained = [net.net(0) for net in nets]
    late = [[net.net(epoch) for epoch in net.epochs[1:]] for net in nets]
    random = [similarity(a, b) for a, b in combinations(untrained, 2)]
    adjacent = [[similarity(a, b) for a, b in pairwise(epochs)] for epochs in late]
    return PairSimilarities(
        name, samples, np.array(random), np.array(adjacent), float(np.median(seconds))
    )


def _prepared(measure: Measure, net: Net, images: Tensor) -> list[Any]:
    """The hidden layers as the measure compares them."""
    if measure.chain is not None:
        return [measure.prepared(product) for product in measure.chain(net.weights()[:-1])]
    inputs = images.flatten(1)
    return [measure.prepared(x, inputs=inputs) for _, x in net.activations(images)]


def _similarity(measure: Measure, a: Sequence[Any], b: Sequence[Any]) -> float:
    mean = float(np.mean([measure.compare(x, y) for x, y in zip(a, b, strict=True)]))
    return mean if measure.higher == "more alike" else 1 - mean / measure.range[1]


def _means(found: PairSimilarities, kept: NDArray[np.int64]) -> Floats:
    """Mean similarity of random pairs and of adjacent ones among some networks, and overlap."""
    pairs = np.array(list(combinations(range(len(found.adjacent)), 2)))
    random = found.random[np.isin(pairs, kept).all(axis=1)]
    adjacent = found.adjacent[kept].ravel()
    overlap = (np.sign(random[:, None] - adjacent) + 1).mean() / 2
    return np.array([random.mean(), adjacent.mean(), overlap])


def summarised(found: PairSimilarities) -> list[Estimate]:
    """Means of both kinds of pairs, how far apart they are, how much they overlap, and the time.

    Overlap is the chance that a random pair is at least as alike as an adjacent one. Intervals
    leave out one network in turn, with its random pairs and its adjacent ones.
    """

    def statistic(kept: NDArray[np.int64]) -> Floats:
        random, adjacent, overlap = _means(found, kept)
        return np.array([random, adjacent, adjacent - random, overlap])

    n = len(found.adjacent)
    group = f"{found.samples} samples" if found.samples else "no samples"
    quantities = ("random networks", "adjacent epochs", "separation", "overlap")
    rows = [
        Estimate(group, quantity, found.measure, n, *map(float, bounds))
        for quantity, *bounds in zip(quantities, *jackknife(statistic, n), strict=True)
    ]
    return [*rows, Estimate(group, "seconds a pair", found.measure, n, found.seconds)]


def margin(wcka: PairSimilarities, other: PairSimilarities) -> Estimate:
    """The separation of adjacent epochs and random networks by wCKA, less that by another measure.

    Args:
        wcka: its similarities.
        other: those of the other measure, over the same networks.
    """

    def statistic(kept: NDArray[np.int64]) -> float:
        ours, theirs = _means(wcka, kept), _means(other, kept)
        return float((ours[1] - ours[0]) - (theirs[1] - theirs[0]))

    n = len(wcka.adjacent)
    bounds = map(float, jackknife(statistic, n))
    quantity = "separation of wcka less that of the measure"
    return Estimate(f"{other.samples} samples", quantity, other.measure, n, *bounds)


def run(setting: Setting) -> Outcome:
    """The outcome of the study.

    Args:
        setting: the circumstances.
    """
    samples = SAMPLES[1:2] if setting.small else SAMPLES
    seeds = range(max(setting.seeds, 2))
    nets = setting.spread("training", trained, [(s, setting.small, setting.cache) for s in seeds])
    asked = [(WCKA, 0, nets), *((name, n, nets) for name in ACTIVE for n in samples)]
    found: list[PairSimilarities] = setting.spread("comparing", similarities, asked)
    margins = [margin(found[0], each) for each in found if each.samples == max(samples)]
    verdict, seen = judged(found[0], margins)
    return outcome([*(row for each in found for row in summarised(each)), *margins], seen, verdict)


def judged(wcka: PairSimilarities, margins: Sequence[Estimate]) -> tuple[str, bool | None]:
    """The verdict, and whether the published finding is seen.

    It is where wCKA separates the two kinds of pairs by more than each other measure does, with
    all intervals of the difference above zero. Without intervals nothing can be said.

    Args:
        wcka: what it says.
        margins: of the other measures, at the largest number of samples.
    """
    seen: bool | None = all(each.low > 0 for each in margins)
    if any(np.isnan(each.low) for each in margins):
        seen = None
    answer = {True: "Seen", False: "Not seen", None: "Cannot be said"}[seen]
    random, adjacent, _ = _means(wcka, np.arange(len(wcka.adjacent)))
    others = ", ".join(
        f"from that of {each.measure} by {each.value:+.3f} ({each.interval('+.3f')})"
        for each in margins
    )
    return (
        f"{answer}: wCKA of random networks is {random:.3f} and of adjacent epochs {adjacent:.3f}; "
        f"their separation over {len(wcka.adjacent)} networks differs {others}.",
        seen,
    )
