"""Similarity of networks against how often they agree, within each kind of pair."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.kernels.deconfounded import dcka_measure
from zoo_analysis.similarity.kernels.kernel_alignment import cka
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.neurons.neuronal_correlation import neuronal
from zoo_analysis.similarity.shapes.procrustes_distances import procrustes
from zoo_analysis.similarity.weights_only import wcka_measure
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.analysis.predictability import KINDS, Pairs, compared, predicted, redrawn
from zoo_analysis.studies.lab.attacks import ATTACKS, attacked
from zoo_analysis.studies.lab.corruptions import CORRUPTIONS, corrupted
from zoo_analysis.studies.lab.mnist import TEST_IMAGES, load_three_digits
from zoo_analysis.studies.lab.optimisation import TrainedNet
from zoo_analysis.studies.study import Outcome, Setting

EPSILON: Final = 0.1
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
TRAITS: Final = ("architecture", "seed", "strategy", "epoch")
#: Pairs of which the published work says that wCKA leads; of epochs it says that none does.
DECIDING: Final = TRAITS[:3]
#: The mean of agreement over all kinds of inputs, and the means over some of them.
ALL_INPUTS: Final = "all"
_MEANS: Final = {
    ALL_INPUTS: ("clean", *CORRUPTIONS, *ATTACKS),
    "clean": ("clean",),
    "corrupted": tuple(CORRUPTIONS),
    "attacked": tuple(ATTACKS),
}

#: Trained networks and their epochs.
Nets = Sequence[tuple[TrainedNet, int]]


def similarities(name: str, nets: Nets, samples: int) -> list[float]:
    """A measure of every pair of networks, higher being more alike.

    Args:
        name: one of `MEASURES`.
        nets: all with the same convolutions, if any.
        samples: held-out digits that are shown to measures of activations.

    Returns:
        (p,) in the order of `numpy.triu_indices`; NaN where a network cannot be compared, as one
        whose last hidden layer is dead.
    """
    measure = MEASURES[name]
    sign = 1 if measure.higher == "more alike" else -1
    features = nets[0][0].net().features(load_three_digits()[1].sample(samples).images)
    prepared = [_prepared(name, net, epoch, features) for net, epoch in nets]
    pairs = zip(*np.triu_indices(len(nets), 1), strict=True)
    return [
        sign * measure.compare(prepared[i], prepared[j])
        if prepared[i] is not None and prepared[j] is not None
        else np.nan
        for i, j in pairs
    ]


def _prepared(name: str, kept: TrainedNet, epoch: int, features: Tensor) -> Any:
    """A network as the measure of this name compares it; None where it cannot be compared."""
    measure, net = MEASURES[name], kept.net(epoch)
    try:
        if measure.chain is not None:
            weights = net.head_weights()[: None if name == WCKA else -1]
            return measure.prepared(measure.chain(weights)[-1])
        return measure.prepared(net.head(features)[0], inputs=features)
    except SimilarityError:
        return None


def predictions(nets: Nets, surrogate: TrainedNet, samples: int) -> dict[str, NDArray[np.int64]]:
    """The classes that networks give, (networks × images), by kind of inputs.

    Args:
        nets: all with the same convolutions, if any.
        surrogate: on which attacks are computed, so that they are the same for all.
        samples: held-out digits.
    """
    shown = load_three_digits()[1].sample(samples)
    victim = surrogate.net()
    inputs: dict[str, Tensor] = {"clean": shown.images}
    inputs |= {name: corrupted(name, shown.images) for name in CORRUPTIONS}
    inputs |= {
        kind: attacked(kind, victim, shown.images, shown.labels, EPSILON) for kind in ATTACKS
    }
    networks = [kept.net(epoch) for kept, epoch in nets]
    return {
        name: _classes([net.head for net in networks], networks[0].features(images))
        for name, images in inputs.items()
    }


def _classes(heads: Sequence[Any], features: Tensor) -> NDArray[np.int64]:
    return torch.stack([head(features)[1].argmax(1) for head in heads]).numpy()


def paired(
    nets: Nets,
    similarity: Mapping[str, Sequence[float]],
    classes: Mapping[str, NDArray[np.int64]],
) -> Pairs:
    """All pairs of networks that every measure can compare.

    Args:
        nets: the networks.
        similarity: (p,) by measure, see `similarities`.
        classes: by kind of inputs, see `predictions`.
    """
    i, j = np.triu_indices(len(nets), 1)
    # Trainings of one architecture and seed begin with the same weights and see the same order.
    draws = [(net.spec.name, str(net.seed)) for net, _ in nets]
    draw = np.unique(draws, axis=0, return_inverse=True)[1]
    agreed = {name: (c[i] == c[j]).mean(axis=1) for name, c in classes.items()}
    agreement = {
        name: np.mean([agreed[each] for each in inputs], axis=0) for name, inputs in _MEANS.items()
    }
    values = {name: np.asarray(each, dtype=float) for name, each in similarity.items()}
    comparable = np.asarray(np.isfinite([*values.values()]).all(axis=0))
    return Pairs(i, j, draw, values, agreement).only(comparable)


def measured(
    setting: Setting, kept: Sequence[TrainedNet], epochs: Sequence[int], surrogate: TrainedNet
) -> Outcome:
    """The outcome of a study of trained networks: all of them at all epochs, compared and asked.

    Args:
        setting: the circumstances.
        kept: the networks.
        epochs: at which each is taken.
        surrogate: that attacked inputs are made on.
    """
    nets = [(net, epoch) for net in kept for epoch in epochs]
    shown = 60 if setting.small else TEST_IMAGES
    found = setting.spread("comparing", similarities, [(name, nets, shown) for name in MEASURES])
    (classes,) = setting.spread("predicting", predictions, [(nets, surrogate, shown)])
    return told(paired(nets, dict(zip(MEASURES, found, strict=True)), classes), nets)


def told(pairs: Pairs, nets: Nets) -> Outcome:
    """The outcome: coefficients within each kind of pair, and of all, with wCKA's leads.

    Args:
        pairs: comparable ones.
        nets: the networks.
    """
    kinds = pairs_by_trait(pairs, nets)
    rows: list[Estimate] = []
    leads: dict[str, list[Estimate]] = {}
    over_pairs: dict[str, list[Estimate]] = {}
    for trait, some in {**kinds, "anything": pairs}.items():
        group = f"pairs of different {trait}" + (" alone" if trait in kinds else "")
        rows += [
            predicted(some, name, inputs, kind, group)
            for inputs in some.agreement
            for name in MEASURES
            for kind in KINDS
        ]
        leads[trait] = [
            redrawn(some, WCKA, ALL_INPUTS, kind, group, rival)
            for kind in KINDS
            for rival in RIVALS
        ]
        over_pairs[trait] = [
            compared(some, WCKA, rival, ALL_INPUTS, kind, group)
            for kind in KINDS
            for rival in RIVALS
        ]
        rows += [redrawn(some, WCKA, ALL_INPUTS, kind, group) for kind in KINDS]
        rows += [*leads[trait], *over_pairs[trait]]
    verdict, seen = judged(leads)
    remarks = [
        "By intervals over pairs, as published, which take pairs that share networks for "
        f"independent, wCKA leads every rival {_where(holding(over_pairs))}."
    ]
    if lost := len(nets) * (len(nets) - 1) // 2 - len(pairs.first):
        remarks.append(f"{lost} pairs with a network whose last layer is dead are left out.")
    return replace(outcome(rows, seen, verdict), remarks=tuple(remarks))


def pairs_by_trait(pairs: Pairs, nets: Nets) -> dict[str, Pairs]:
    """The pairs that differ in one trait alone, by `TRAITS`."""
    traits = np.array([(n.spec.name, n.seed, n.strategy, epoch) for n, epoch in nets])
    differ = traits[pairs.first] != traits[pairs.second]
    alone = differ.sum(axis=1) == 1
    return {trait: pairs.only(differ[:, k] & alone) for k, trait in enumerate(TRAITS)}


def judged(leads: Mapping[str, Sequence[Estimate]]) -> tuple[str, bool | None]:
    """The verdict, and whether the published finding is seen.

    Within a kind of pair the finding holds where wCKA's correlation with agreement over all inputs
    is above that of every rival, by Pearson's coefficient and by Spearman's, with all intervals,
    from leaving out draws in turn, above zero. It is seen where it holds for pairs of different
    architecture, seed and strategy, not seen where it holds for none of these, and null where it
    holds for some, or where there are too few draws.

    Args:
        leads: wCKA's coefficients less its rivals', by trait.
    """
    holds = holding(leads)
    unknown = any(np.isnan(lead.low) for trait in DECIDING for lead in leads[trait])
    seen = None if unknown or 0 < len(holds) < len(DECIDING) else bool(holds)
    answer = {True: "Seen", False: "Not seen", None: "Seen in part"}[seen]
    if unknown:
        answer = "Cannot be said from so few trainings"
    numbers = "; ".join(f"{trait} {_least(leads[trait])}" for trait in leads)
    return (
        f"{answer}: with intervals above zero wCKA leads every rival in predicting agreement "
        f"{_where(holds)}. The least of its leads: {numbers}.",
        seen,
    )


def holding(leads: Mapping[str, Sequence[Estimate]]) -> list[str]:
    """The traits of `DECIDING` for which all intervals of wCKA's leads lie above zero."""
    return [trait for trait in DECIDING if min(lead.low for lead in leads[trait]) > 0]


def _where(traits: Sequence[str]) -> str:
    return f"for pairs of different {', '.join(traits)}" if traits else "for no kind of pair"


def _least(leads: Sequence[Estimate]) -> str:
    """The smallest lead of either coefficient."""
    least = (min(leads[i : i + len(RIVALS)], key=_value) for i in (0, len(RIVALS)))
    return ", ".join(
        f"{lead.quantity.split()[0]} {lead.value:+.2f} ({lead.interval('+.2f')}) from "
        f"{lead.measure.rpartition(' ')[2]}"
        for lead in least
    )


def _value(lead: Estimate) -> float:
    return lead.value
