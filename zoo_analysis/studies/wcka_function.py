"""Similarity of weights, and of activations, against how often two networks agree."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo_analysis.similarity.deconfounded import dcka_measure
from zoo_analysis.similarity.kernel_alignment import cka
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.neuronal_correlation import neuronal
from zoo_analysis.similarity.procrustes_distances import procrustes
from zoo_analysis.similarity.weights_only import wcka_measure
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.analysis.predictability import KINDS, Pairs, compared, predicted, redrawn
from zoo_analysis.studies.lab.attacks import attacked
from zoo_analysis.studies.lab.corruptions import CORRUPTIONS, corrupted
from zoo_analysis.studies.lab.mnist import Digits, load_mnist
from zoo_analysis.studies.lab.networks import Net, NetSpec
from zoo_analysis.studies.lab.optimisation import Strategy, TrainedNet, train
from zoo_analysis.studies.study import Outcome, Setting

ARCHITECTURES: Final = (
    NetSpec("100", (100,)),
    NetSpec("60-40", (60, 40)),
    NetSpec("50-50", (50, 50)),
)
STRATEGIES: Final[tuple[Strategy, ...]] = ("standard", "fgsm", "pgd")
EPOCHS: Final = (1, 4, 12)
#: Attacked inputs are the same for all networks: made on this one, which is none of them.
SURROGATE: Final = NetSpec("80", (80,))
_SURROGATE_SEED: Final = 1_000
EPSILON: Final = 0.1
#: The mean of agreement over all other inputs.
ALL_INPUTS: Final = "all"
WCKA: Final = "wcka"
#: By the names under which they are shown; activations are those of the last hidden layer.
MEASURES: Final[dict[str, Measure]] = {
    WCKA: wcka_measure,
    "wcka to the last hidden layer": wcka_measure,
    "cka": cka,
    "dcka": dcka_measure,
    "procrustes": procrustes,
    "neuronal": neuronal,
}
#: What the published work compares wCKA with.
RIVALS: Final = ("cka", "dcka", "procrustes")


def _digits(small: bool) -> tuple[Digits, Digits]:
    """Digits to train on and to measure on."""
    training, test = load_mnist()
    return (training.sample(300), test.sample(120)) if small else (training, test)


def trained(
    spec: NetSpec, seed: int, epochs: tuple[int, ...], strategy: Strategy, small: bool, cache: Path
) -> TrainedNet:
    """Train one of the study's networks, unless it is there already; see `optimisation.train`."""
    data = _digits(small)[0]
    return train(spec, seed, epochs[-1], strategy, cache=cache, snapshots=epochs, data=data)


def similarities(name: str, nets: Sequence[tuple[TrainedNet, int]], small: bool) -> list[float]:
    """A measure of every pair of networks, higher being more alike.

    Args:
        name: one of `MEASURES`.
        nets: trained networks and their epochs.
        small: on few digits.

    Returns:
        (p,) in the order of `numpy.triu_indices`.
    """
    measure, test = MEASURES[name], _digits(small)[1]
    sign = 1 if measure.higher == "more alike" else -1
    prepared = [_prepared(name, kept.net(epoch), test) for kept, epoch in nets]
    pairs = zip(*np.triu_indices(len(nets), 1), strict=True)
    return [sign * measure.compare(prepared[i], prepared[j]) for i, j in pairs]


def _prepared(name: str, net: Net, test: Digits) -> Any:
    """A network as the measure of this name compares it."""
    measure = MEASURES[name]
    if measure.chain is not None:
        return measure.prepared(measure.chain(net.weights()[: None if name == WCKA else -1])[-1])
    activations = net.activations(test.images)[-1][1]
    return measure.prepared(activations, inputs=test.images.flatten(1))


def predictions(
    nets: Sequence[tuple[TrainedNet, int]], surrogate: TrainedNet, small: bool
) -> dict[str, NDArray[np.int64]]:
    """The classes that networks give, (networks × images), by kind of inputs.

    Args:
        nets: trained networks and their epochs.
        surrogate: on which attacks are computed.
        small: on few digits.
    """
    test, victim = _digits(small)[1], surrogate.net()
    inputs: dict[str, Tensor] = {"clean": test.images}
    inputs |= {name: corrupted(name, test.images) for name in CORRUPTIONS}
    for kind in ("fgsm", "pgd"):
        inputs[kind] = attacked(kind, victim, test.images, test.labels, EPSILON)
    networks = [kept.net(epoch) for kept, epoch in nets]
    return {
        name: torch.stack([net.logits(images).argmax(1) for net in networks]).numpy()
        for name, images in inputs.items()
    }


def run(setting: Setting) -> Outcome:
    """The outcome of the study.

    Args:
        setting: the circumstances.
    """
    small, cache = setting.small, setting.cache
    architectures = ARCHITECTURES[:2] if small else ARCHITECTURES
    strategies = STRATEGIES[:2] if small else STRATEGIES
    epochs = (1, 2) if small else EPOCHS
    kinds = list(product(architectures, range(setting.seeds), [epochs], strategies))
    wanted = [*kinds, (SURROGATE, _SURROGATE_SEED, epochs[-1:], "standard")]
    *kept, surrogate = setting.spread("training", trained, [(*net, small, cache) for net in wanted])
    nets = [(net, epoch) for net in kept for epoch in epochs]
    found = setting.spread("comparing", similarities, [(name, nets, small) for name in MEASURES])
    (classes,) = setting.spread("predicting", predictions, [(nets, surrogate, small)])
    pairs = _pairs(nets, dict(zip(MEASURES, found, strict=True)), classes)
    verdict, seen = judged(pairs)
    return outcome(_estimates(pairs, nets), seen, verdict)


def _pairs(
    nets: Sequence[tuple[TrainedNet, int]],
    similarity: dict[str, list[float]],
    classes: dict[str, NDArray[np.int64]],
) -> Pairs:
    i, j = np.triu_indices(len(nets), 1)
    # Trainings of one architecture and seed begin with the same weights and see the same order.
    draws = [(net.spec.name, net.seed) for net, _ in nets]
    draw = np.unique(draws, axis=0, return_inverse=True)[1]
    agreement = {name: (c[i] == c[j]).mean(axis=1) for name, c in classes.items()}
    agreement[ALL_INPUTS] = np.mean(list(agreement.values()), axis=0)
    return Pairs(i, j, draw, {k: np.array(v) for k, v in similarity.items()}, agreement)


def _estimates(pairs: Pairs, nets: Sequence[tuple[TrainedNet, int]]) -> list[Estimate]:
    rows = [redrawn(pairs, name, ALL_INPUTS) for name in MEASURES]
    rows += [redrawn(pairs, WCKA, inputs, name) for inputs in pairs.agreement for name in RIVALS]
    for inputs in pairs.agreement:
        rows += [predicted(pairs, m, inputs, k, "all pairs") for m in MEASURES for k in KINDS]
        rows += [compared(pairs, WCKA, m, inputs, "spearman") for m in RIVALS]
    traits = np.array([(n.spec.name, n.seed, n.strategy, epoch) for n, epoch in nets])
    differ = traits[pairs.first] != traits[pairs.second]
    for k, trait in enumerate(("architecture", "seed", "strategy", "epoch")):
        only = differ[:, k] & (differ.sum(axis=1) == 1)
        group = f"pairs of different {trait} alone"
        rows += [
            predicted(pairs.only(only), name, ALL_INPUTS, "spearman", group) for name in MEASURES
        ]
    return rows


def judged(pairs: Pairs) -> tuple[str, bool | None]:
    """The verdict, and whether the published finding is seen.

    It is where the rank correlation of wCKA with agreement, over all inputs, is above zero and
    above that of each of its rivals, with intervals from leaving out draws in turn.
    """
    own = redrawn(pairs, WCKA, ALL_INPUTS)
    leads = {
        inputs: [redrawn(pairs, WCKA, inputs, name) for name in RIVALS]
        for inputs in (ALL_INPUTS, *(name for name in pairs.agreement if name != ALL_INPUTS))
    }
    lows = [own.low, *(lead.low for lead in leads[ALL_INPUTS])]
    seen = None if np.isnan(lows).any() else min(lows) > 0
    answer = {True: "Seen", False: "Not seen", None: "Cannot be said from so few trainings"}[seen]
    differences = ", ".join(
        f"{_said(lead)} of {name}" for name, lead in zip(RIVALS, leads.pop(ALL_INPUTS), strict=True)
    )
    ahead = [inputs for inputs, each in leads.items() if min(lead.low for lead in each) > 0]
    behind = [inputs for inputs, each in leads.items() if max(lead.high for lead in each) < 0]
    return (
        f"{answer}: over {len(pairs.first)} pairs, wCKA goes with agreed predictions at "
        f"ρ = {_said(own)}; that less the ρ of its rivals is {differences}; it is ahead of all on "
        f"{', '.join(ahead) or 'no'} inputs and behind all on {', '.join(behind) or 'none'}.",
        seen,
    )


def _said(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"
