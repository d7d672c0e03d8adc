"""Similarity to a convolutional network against accuracy and robustness to attacks."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zoo_analysis.pairwise.scores import Score, similarity_rows
from zoo_analysis.pairwise.settings import Key
from zoo_analysis.similarity.neurons.neuronal_correlation import neuronal, neuronal_between
from zoo_analysis.stats import correlation
from zoo_analysis.store.schemas import SIMILARITIES
from zoo_analysis.studies.analysis.candidates import (
    ACCURACY,
    KINDS,
    MEAN_LOSS,
    PUBLISHED_LOSS,
    Candidate,
    architectures,
    associated,
    associations,
)
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.lab.attacks import Attack, attacked
from zoo_analysis.studies.lab.mnist import Digits, load_mnist
from zoo_analysis.studies.lab.networks import Net, NetSpec, accuracy
from zoo_analysis.studies.lab.optimisation import TrainedNet, train
from zoo_analysis.studies.lab.retrained_attack import retrained_attack
from zoo_analysis.studies.study import Outcome, Setting

#: The five published networks.
CANDIDATES: Final = (
    NetSpec("100", (100,)),
    NetSpec("60-40", (60, 40)),
    NetSpec("40-60", (40, 60)),
    NetSpec("50-50", (50, 50)),
    NetSpec("20-20-20-20-20", (20,) * 5),
)
#: The only one that is much worse than the others, in the published experiment as well.
DEEPEST: Final = CANDIDATES[-1].name
REFERENCE: Final = NetSpec("cnn", (), channels=(8, 16))
ATTACKS: Final[tuple[Attack, ...]] = ("fgsm", "pgd")
#: Largest changes of a pixel by these; the published attack has ten steps of 10/255.
EPSILONS: Final = (0.04, 0.1, 0.2)
#: Added to a seed for the network that attacks are computed on.
_SURROGATE: Final = 1_000
#: Of the five networks, in their order, what the authors' notebooks print for MNIST: likeness to
#: the CNN beside accuracy, and accuracy before and after the attack when trained once more.
_PUBLISHED_LIKENESS: Final = (0.9211571, 0.9053279, 0.92999244, 0.8931049, 0.561959)
_PUBLISHED_ACCURACY: Final = (0.9621143, 0.9638857, 0.9594857, 0.962, 0.9320571)
_PUBLISHED_BEFORE: Final = (0.9621143, 0.9658857, 0.9597143, 0.9608, 0.9292571)
_PUBLISHED_AFTER: Final = (0.7373143, 0.6573714, 0.6939429, 0.6742857, 0.5347429)
_NAME: Final = "neuronal-robustness"
_PUBLISHED: Final = "published, MNIST"


def _digits(small: bool) -> tuple[Digits, Digits]:
    """Digits to train on and to measure on."""
    training, test = load_mnist()
    return (training.sample(300), test.sample(100)) if small else (training, test)


def trained(spec: NetSpec, seed: int, small: bool, cache: Path) -> TrainedNet:
    """Train one of the study's networks, unless it is there already.

    Args:
        spec: what to build.
        seed: of its training.
        small: two epochs on few digits.
        cache: directory of trained networks.
    """
    epochs = 2 if small else 10 if spec.channels else 20  # as published
    return train(spec, seed, epochs, cache=cache, data=_digits(small)[0])


def replicated(seed: int, small: bool, cache: Path) -> list[Candidate]:
    """The published experiment once: five networks, a CNN to compare with, one to attack from.

    Args:
        seed: of the five and the CNN.
        small: see `trained`.
        cache: directory of trained networks.
    """
    test = _digits(small)[1]
    kept_reference = trained(REFERENCE, seed, small, cache)
    reference = kept_reference.net()
    surrogate = trained(REFERENCE, seed + _SURROGATE, small, cache).net()
    published = retrained_attack(
        REFERENCE,
        test,
        seed + _SURROGATE,
        **({"steps": 2, "epochs": 1} if small else {}),
    )
    moved = {
        f"loss, {kind} ε={epsilon}": attacked(
            kind, surrogate, test.images, test.labels, epsilon, seed
        )
        for kind in ATTACKS
        for epsilon in EPSILONS
    }
    candidates = []
    for spec in CANDIDATES:
        kept = trained(spec, seed, small, cache)
        net = kept.net()
        clean = 100 * accuracy(net, test.images, test.labels)
        losses = {
            name: clean - 100 * accuracy(net, images, test.labels) for name, images in moved.items()
        }
        under_published = clean - 100 * accuracy(net, published, test.labels)
        units = [_units(each, test) for each in (net, reference)]
        found = neuronal_between(*units)
        candidates.append(
            Candidate(
                spec.name,
                seed,
                kept.revision,
                kept_reference.revision,
                (found.value, found.value_ab, found.value_ba),
                neuronal_between(*units, distance=False).value,
                {
                    ACCURACY: clean,
                    PUBLISHED_LOSS: under_published,
                    MEAN_LOSS: float(np.mean(list(losses.values()))),
                    **losses,
                },
            )
        )
    return candidates


def _units(net: Net, digits: Digits) -> list[NDArray[np.float32]]:
    """Activations (n × units) of each layer; of a convolution, a unit is a channel-position."""
    return [values.flatten(1).numpy() for _, values in net.activations(digits.images)]


def run(setting: Setting) -> Outcome:
    """The outcome of the study.

    Args:
        setting: the circumstances.
    """
    seeds, specs = range(setting.seeds), (REFERENCE, *CANDIDATES)
    wanted = [(REFERENCE, seed + _SURROGATE) for seed in seeds]
    wanted += [(spec, seed) for seed in seeds for spec in specs]
    how = (setting.small, setting.cache)
    setting.spread("training", trained, [(*net, *how) for net in wanted])
    runs = setting.spread("attacking and comparing", replicated, [(seed, *how) for seed in seeds])
    candidates = [candidate for run in runs for candidate in run]
    verdict, seen = judged(candidates)
    found = outcome(
        [*associations(candidates, DEEPEST), *published(), *architectures(candidates)],
        seen,
        verdict,
        _similarities(candidates, _digits(setting.small)[1]),
    )
    return replace(found, remarks=(_published_verdict(),))


def published() -> list[Estimate]:
    """The authors' own figures for MNIST: correlations over five networks, with Fisher's interval.

    They trained each network once, so that there is no seed to leave out.
    """
    losses = 100 * (np.array(_PUBLISHED_BEFORE) - _PUBLISHED_AFTER)
    sides = {ACCURACY: 100 * np.array(_PUBLISHED_ACCURACY), PUBLISHED_LOSS: losses}
    rows = []
    for of, values in sides.items():
        for kind in KINDS:
            r = correlation(_PUBLISHED_LIKENESS, values, kind)
            quantity = f"{kind} of likeness and {of}"
            rows.append(Estimate(_PUBLISHED, quantity, "neuronal", r.n, r.value, r.low, r.high))
    return rows


def _published_verdict() -> str:
    of_accuracy, pearson, of_loss, _ = published()
    holds = "holds" if _holds(of_accuracy, of_loss) else "does not hold"
    return (
        f"By the same rule the finding {holds} in the authors' own figures for MNIST, of five "
        f"networks trained once: ρ = {_said(of_accuracy)} with accuracy (Pearson's r "
        f"{_said(pearson)}) and {_said(of_loss)} with the accuracy lost."
    )


def judged(candidates: Sequence[Candidate]) -> tuple[str, bool | None]:
    """The verdict, and whether the published finding is seen.

    It is where, over all networks, the interval of the rank correlation of similarity and accuracy
    lies above zero and that of similarity and loss under the published attack below; without
    intervals (fewer than three seeds) nothing can be said.
    """
    rest = [c for c in candidates if c.name != DEEPEST]
    of_all, of_rest, linear = (
        [associated(each, of, kind) for of in (ACCURACY, PUBLISHED_LOSS)]
        for each, kind in ((candidates, KINDS[0]), (rest, KINDS[0]), (candidates, KINDS[1]))
    )
    seen = None if any(np.isnan(e.low) for e in of_all) else _holds(*of_all)
    answer = {True: "Seen", False: "Not seen", None: "Cannot be said from so few seeds"}[seen]
    return (
        f"{answer}: over {len(candidates)} networks, likeness to the CNN goes with accuracy at "
        f"ρ = {_said(of_all[0])} and with the accuracy lost to the published attack at "
        f"{_said(of_all[1])}; Pearson's r {_said(linear[0])} and {_said(linear[1])}; without the "
        f"deepest network, ρ = {_said(of_rest[0])} and {_said(of_rest[1])}.",
        seen,
    )


def _holds(with_accuracy: Estimate, with_loss: Estimate) -> bool:
    return with_accuracy.low > 0 and with_loss.high < 0


def _said(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _similarities(candidates: Sequence[Candidate], test: Digits) -> pa.Table:
    """Whole-model rows: each network and the CNN of its seed."""
    key = Key(neuronal.name, f"mnist-test-{test.id}", "full", "unit", "all")
    rows = []
    for c in candidates:
        a, b = f"{_NAME}/{c.name}-seed{c.seed}", f"{_NAME}/{REFERENCE.name}-seed{c.seed}"
        value, ab, ba = c.similarity
        score = Score(None, None, value, len(test), ab, ba)
        rows += similarity_rows((a, c.revision), (b, c.reference), [(key, [score])]).to_pylist()
    return pa.Table.from_pylist(rows, schema=SIMILARITIES)
