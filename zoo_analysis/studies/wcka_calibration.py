"""Networks that are alike against networks that are not, by several measures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.analysis.expected_similarity import (
    PairSimilarities,
    compared,
    margin,
    summarised,
)
from zoo_analysis.studies.lab.corruptions import CORRUPTIONS, corrupted
from zoo_analysis.studies.lab.mnist import load_three_digits
from zoo_analysis.studies.lab.networks import NetSpec
from zoo_analysis.studies.lab.optimisation import TrainedNet, train
from zoo_analysis.studies.study import Outcome, Setting

_SPEC: Final = NetSpec("four-layers", (32,) * 4, classes=3)
#: The last of these epochs ends the training.
LATE: Final = tuple(range(95, 101))
WCKA: Final = "wcka"
RIVALS: Final = ("cka", "dcka", "dcka_psd", "procrustes")
SAMPLES: Final = (10, 30, 100, 300, 1000)
#: Images of each corruption.
_CORRUPTED: Final = 300
CLEAN: Final = "clean"
#: What the authors' text says of dCKA; the rest of their figures are drawn, not printed.
PUBLISHED: Final = (
    Estimate("published, 3,147 images", "largest of random networks", "dcka", 100, 0.5),
    Estimate("published, 3,147 images", "smallest of adjacent epochs", "dcka", 100, 0.8),
)
_REMARK: Final = (
    "The authors print no mean, spread or distance, so that our rule cannot be applied to their "
    "figures; they say that dCKA reaches 0.5 of random networks and falls below 0.8 of adjacent "
    "epochs, which the largest and the smallest value stand beside."
)


def trained(seed: int, small: bool, cache: Path) -> TrainedNet:
    """One of the study's networks, with its untrained beginning and its last epochs.

    Args:
        seed: of its training.
        small: four epochs.
        cache: directory of trained networks.
    """
    late = (2, 3, 4) if small else LATE
    data = load_three_digits()[0]
    return train(_SPEC, seed, late[-1], cache=cache, snapshots=(0, *late), data=data)


def similarities(
    name: str, inputs: str, samples: int, nets: Sequence[TrainedNet]
) -> list[PairSimilarities]:
    """Compare untrained networks with each other, and each network's late epochs in turn.

    Args:
        name: of the measure.
        inputs: ``clean`` or a corruption of the held-out digits that the networks are shown.
        samples: how many; 0 for a measure of weights.
        nets: trained, each with snapshots at 0 and at late epochs.

    Returns:
        by the whole chain of weights or the last hidden layer, and by the mean over hidden layers.
    """
    images = load_three_digits()[1].sample(samples).images
    if inputs != CLEAN:
        images = corrupted(inputs, images)
    measure = get_measure(name)

    def prepared(net: TrainedNet, epoch: int) -> list[Any]:
        network = net.net(epoch)
        if measure.chain is not None:
            return [measure.prepared(product) for product in measure.chain(network.weights())]
        shown = images.flatten(1)
        return [measure.prepared(x, inputs=shown) for _, x in network.activations(images)]

    hidden = len(_SPEC.hidden)
    found = compared(measure, prepared, nets)
    last = hidden if measure.chain is not None else hidden - 1
    told = f"{inputs}, {samples} images" if samples else "weights"
    return [
        replace(found, inputs=told, values=found.values[:, last]),
        replace(
            found,
            inputs=f"{told}, mean over hidden layers",
            values=found.values[:, :hidden].mean(axis=1),
        ),
    ]


def run(setting: Setting) -> Outcome:
    """The outcome of the study.

    Args:
        setting: the circumstances.
    """
    samples: tuple[int, ...] = SAMPLES
    corruptions = [*CORRUPTIONS]
    if setting.small:
        samples, corruptions = (10, 30), corruptions[:1]
    seeds = range(max(setting.seeds, 2))
    nets = setting.spread("training", trained, [(s, setting.small, setting.cache) for s in seeds])
    asked = [(WCKA, CLEAN, 0)]
    asked += [(name, CLEAN, n) for name in RIVALS for n in samples]
    n = min(_CORRUPTED, samples[-1])
    asked += [(name, inputs, n) for inputs in corruptions for name in RIVALS]
    found = setting.spread("comparing", similarities, [(*each, nets) for each in asked])
    (wcka, _), rest = found[0], found[1:]
    margins = [margin(wcka, whole) for whole, _ in rest]
    deciding = [
        m
        for m, (_, inputs, n) in zip(margins, asked[1:], strict=True)
        if (inputs, n) == (CLEAN, samples[-1])
    ]
    verdict, seen = judged(wcka, deciding)
    # Means over layers of one probe alone: they show what the choice of layers does.
    by_mean = [
        mean
        for (_, mean), (_, inputs, n) in zip(found, asked, strict=True)
        if inputs == CLEAN and n in (0, samples[-1])
    ]
    told = [row for each in (*(whole for whole, _ in found), *by_mean) for row in summarised(each)]
    done = outcome([*told, *PUBLISHED, *margins], seen, verdict)
    return replace(done, remarks=(_REMARK,))


def judged(wcka: PairSimilarities, margins: Sequence[Estimate]) -> tuple[str, bool | None]:
    """The verdict, and whether the published finding is seen.

    It is where wCKA is nearer to 0 of random networks and to 1 of adjacent epochs, by the
    root-mean-square distance over both, than each other measure over all clean images, with all
    intervals of the difference above zero. Without intervals nothing can be said.

    Args:
        wcka: what it says.
        margins: distance of the other measures, at the largest number of samples, less its own.
    """
    seen: bool | None = all(each.low > 0 for each in margins)
    if any(np.isnan(each.low) for each in margins):
        seen = None
    answer = {True: "Seen", False: "Not seen", None: "Cannot be said"}[seen]
    far = wcka.distances(np.arange(wcka.networks))
    others = ", ".join(
        f"{each.measure} {each.value:.3f} ({each.interval('.3f')})" for each in margins
    )
    return (
        f"{answer}: over {wcka.networks} networks the root-mean-square distance of wCKA is "
        f"{far[0]:.3f} from 0 of random networks and {far[1]:.3f} from 1 of adjacent epochs, "
        f"{far[2]:.3f} in all; of the others it is greater by: {others}.",
        seen,
    )
