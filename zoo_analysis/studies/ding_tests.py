"""Tests of measures by what changes a network's function, and by what does not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.similarity.registry import measures
from zoo_analysis.stats.computable import Floats
from zoo_analysis.studies.analysis.dissimilarity import (
    deletions,
    layer_of,
    layers_apart,
    shown,
    truncated,
)
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.analysis.jackknife import Jackknifed, jackknife
from zoo_analysis.studies.lab.digit_pairs import load_digit_pairs
from zoo_analysis.studies.lab.mnist import Digits
from zoo_analysis.studies.lab.networks import NetSpec
from zoo_analysis.studies.lab.optimisation import TrainedNet, train
from zoo_analysis.studies.study import Outcome, Setting

_WIDTH: Final = 64
_DEPTH: Final = 5
_SPEC: Final = NetSpec("five-layers", (_WIDTH,) * _DEPTH)
_EPOCHS: Final = 10
#: Principal components that are left, from all of them to one.
KEPT: Final[tuple[int, ...]] = (_WIDTH, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)
#: The last is specificity with the last layers alone as references.
TESTS: Final = ("sensitivity", "specificity", "specificity, last layer")
RANKS: Final = ("Kendall's τ", "Spearman's ρ")
BEST: Final = "procrustes"
#: PWCCA as the authors' code has it.
_PWCCA: Final = "pwcca_whole"
#: τ and ρ of BERT as the authors' notebooks print them: of 7 networks, layers 8 to 12, probed on
#: SST-2, and of 10 networks, all 12 layers as references, probed on QNLI.
PUBLISHED: Final[Mapping[tuple[str, str], tuple[float, float]]] = {
    ("sensitivity", "procrustes"): (0.677, 0.860),
    ("sensitivity", "cka"): (0.564, 0.751),
    ("sensitivity", _PWCCA): (0.690, 0.870),
    ("specificity", "procrustes"): (0.435, 0.574),
    ("specificity", "cka"): (0.473, 0.628),
    ("specificity", _PWCCA): (0.368, 0.491),
}
_PUBLISHED_NETWORKS: Final = {"sensitivity": 7, "specificity": 10}
_SMALL: Final = ("cka", "procrustes", "pwcca", _PWCCA)
#: Pairs that a linear probe is fitted to.
_PROBED: Final = 2_000
_SMALL_DIGITS: Final = 500


def trained(seed: int, small: bool, cache: Path) -> TrainedNet:
    """One of the study's networks, trained unless it is there already.

    Args:
        seed: of its training.
        small: one epoch on few pairs.
        cache: directory of trained networks.
    """
    training, _ = _digits(small)
    return train(_SPEC, seed, 1 if small else _EPOCHS, cache=cache, data=training)


def probed(net: TrainedNet, layer: int, kept: Sequence[int], small: bool) -> list[float]:
    """Accuracy on held-out pairs of a linear probe (logistic regression) of a truncated layer.

    Args:
        net: trained.
        layer: number of the hidden layer.
        kept: components that are left of it.
        small: on few pairs.

    Returns:
        a fraction for each of `kept`.
    """
    from sklearn.linear_model import LogisticRegression

    training, test = _digits(small)
    training = training.sample(_PROBED)
    x, y, reference = (
        layer_of(net, layer, images) for images in (training.images, test.images, shown())
    )
    scale = x.std()
    accuracies = []
    for k in kept:
        probe = LogisticRegression(max_iter=2000)
        probe.fit((truncated(x, reference, k) / scale).numpy(), training.labels.numpy())
        held_out = (truncated(y, reference, k) / scale).numpy()
        accuracies.append(float(probe.score(held_out, test.labels.numpy())))
    return accuracies


def _digits(small: bool) -> tuple[Digits, Digits]:
    training, test = load_digit_pairs()
    return (training.sample(_SMALL_DIGITS), test) if small else (training, test)


def rank_correlations(apart: Floats, accuracy: Floats, version: int) -> Floats:
    """Rank correlations of the dissimilarity to a reference with the difference in accuracy.

    Args:
        apart: (networks × networks × versions), of each network's reference and all versions.
        accuracy: (networks × versions).
        version: of a network that is its reference; with itself it is not compared.

    Returns:
        (2,): τ-b and ρ, means over references; NaN where a side is constant.
    """
    from scipy.stats import kendalltau, spearmanr

    found = []
    for i, distances in enumerate(apart):
        gaps = np.abs(accuracy - accuracy[i, version])
        others = np.ones(gaps.shape, bool)
        others[i, version] = False
        d, g = distances[others], gaps[others]
        if np.ptp(d) == 0 or np.ptp(g) == 0:
            return np.full(2, np.nan)
        found.append([kendalltau(d, g).statistic, spearmanr(d, g).statistic])
    return np.asarray(np.mean(found, axis=0), dtype=float)


def run(setting: Setting) -> Outcome:
    """The outcome of the study.

    Args:
        setting: the circumstances.
    """
    names = [name for name, measure in measures().items() if measure.of == "activations"]
    kept, depth, small = KEPT, _DEPTH, setting.small
    if small:
        names, kept, depth = [*_SMALL], (_WIDTH, 8, 1), 1
    seeds = max(setting.seeds, 2)
    nets: list[TrainedNet] = setting.spread(
        "training", trained, [(seed, small, setting.cache) for seed in range(seeds)]
    )
    # Only the layers of the sensitivity test are probed with components deleted.
    probes = [
        (n, layer, kept if layer < depth else kept[:1], small)
        for n in nets
        for layer in range(_DEPTH)
    ]
    found = setting.spread("probing", probed, probes)
    rows = [found[i : i + _DEPTH] for i in range(0, len(found), _DEPTH)]
    whole = np.array([[layer[0] for layer in row] for row in rows])
    deleted = np.array([row[:depth] for row in rows])
    asked = list(product(names, range(depth)))
    cut = setting.spread(
        "deleting", deletions, [(name, nets, layer, kept) for name, layer in asked]
    )
    other = setting.spread("comparing", layers_apart, [(name, nets) for name in names])
    cuts = dict(zip(asked, cut, strict=True))

    def statistic(keep: NDArray[np.int64]) -> Floats:
        sensitivity = [
            np.mean(
                [
                    rank_correlations(
                        cuts[name, layer][np.ix_(keep, keep)], deleted[keep, layer], 0
                    )
                    for layer in range(depth)
                ],
                axis=0,
            )
            for name in names
        ]
        by_depth = np.array(
            [
                [
                    rank_correlations(apart[np.ix_(keep, keep)], whole[keep], depth)
                    for depth, apart in enumerate(d)
                ]
                for d in other
            ]
        )
        values = np.array([sensitivity, by_depth.mean(axis=1), by_depth[:, -1]])
        best = names.index(BEST)
        return np.stack([values, values[:, best : best + 1] - values])

    return _told(jackknife(statistic, seeds), names, seeds)


def _told(found: Jackknifed, names: Sequence[str], n: int) -> Outcome:
    """The outcome of statistics (value or difference × test × measure × rank correlation)."""
    rows: list[Estimate] = []
    margins: dict[tuple[str, str], Estimate] = {}
    for t, test in enumerate(TESTS):
        for r, rank in enumerate(RANKS):
            for m, name in enumerate(names):
                value, margin = ([float(each[i, t, m, r]) for each in found] for i in range(2))
                rows.append(Estimate(test, rank, name, n, *np.clip(value, -1, 1)))
                if r == 0 and name != BEST:
                    what = f"{rank} of {BEST} less that of the measure"
                    margins[test, name] = Estimate(test, what, name, n, *margin)
    verdict, seen = judged(margins)
    told = outcome([*rows, *published(), *margins.values()], seen, verdict)
    return replace(told, remarks=(_published_remark(),))


def published() -> list[Estimate]:
    """The authors' own figures, in the order of `PUBLISHED`; they print no intervals."""
    return [
        Estimate(f"{test}, published", rank, name, _PUBLISHED_NETWORKS[test], value)
        for (test, name), values in PUBLISHED.items()
        for rank, value in zip(RANKS, values, strict=True)
    ]


def _published_remark() -> str:
    margins = [
        PUBLISHED[test, BEST][0] - PUBLISHED[test, name][0]
        for test, name in (("sensitivity", "cka"), ("specificity", _PWCCA))
    ]
    signs = "both are" if min(margins) > 0 else "not both are"
    return (
        f"In the authors' own figures, of BERT, these differences are {margins[0]:+.2f} and "
        f"{margins[1]:+.2f}: {signs} above zero; they print no intervals, without which our rule "
        "cannot decide."
    )


def judged(margins: Mapping[tuple[str, str], Estimate]) -> tuple[str, bool | None]:
    """The verdict, and whether the published finding is seen.

    It is where the intervals of both differences of τ lie above zero: from CKA's in the test of
    sensitivity, and from that of the authors' PWCCA in that of specificity. Without intervals
    nothing can be said.

    Args:
        margins: τ of Procrustes less that of a measure, by test and measure.
    """
    deciding = [margins["sensitivity", "cka"], margins["specificity", _PWCCA]]
    seen: bool | None = all(margin.low > 0 for margin in deciding)
    if any(np.isnan(margin.low) for margin in deciding):
        seen = None
    answer = {True: "Seen", False: "Not seen", None: "Cannot be said"}[seen]
    said = " and ".join(
        f"in {margin.group} from that of {margin.measure} by {margin.value:+.2f} "
        f"({margin.interval('+.2f')})"
        for margin in deciding
    )
    return (
        f"{answer}: the τ of the Procrustes distance over {deciding[0].n} networks differs {said}.",
        seen,
    )
