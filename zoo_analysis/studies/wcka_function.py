"""Similarity of weights, and of activations, against how often two networks agree."""

from itertools import product
from pathlib import Path
from typing import Final

from zoo_analysis.studies.analysis.agreement import measured
from zoo_analysis.studies.lab.mnist import load_three_digits
from zoo_analysis.studies.lab.networks import NetSpec
from zoo_analysis.studies.lab.optimisation import Strategy, TrainedNet, train
from zoo_analysis.studies.study import Outcome, Setting

ARCHITECTURES: Final = (
    NetSpec("8", (8,), classes=3),
    NetSpec("32", (32,), classes=3),
    NetSpec("four-of-8", (8,) * 4, classes=3),
    NetSpec("four-of-32", (32,) * 4, classes=3),
)
STRATEGIES: Final[tuple[Strategy, ...]] = ("standard", "fgsm", "pgd")
EPOCHS: Final = (5, 20, 80)
#: Attacked inputs are the same for all networks: made on this one, which is none of them.
SURROGATE: Final = NetSpec("16", (16,), classes=3)
_SURROGATE_SEED: Final = 1_000


def trained(
    spec: NetSpec, seed: int, epochs: tuple[int, ...], strategy: Strategy, small: bool, cache: Path
) -> TrainedNet:
    """One of the study's networks, trained unless it is there already; see `optimisation.train`."""
    data = load_three_digits()[0]
    return train(
        spec,
        seed,
        epochs[-1],
        strategy,
        cache=cache,
        snapshots=epochs,
        data=data.sample(150) if small else data,
    )


def run(setting: Setting) -> Outcome:
    """The outcome of the study.

    Args:
        setting: the circumstances.
    """
    small, cache = setting.small, setting.cache
    architectures = ARCHITECTURES[:2] if small else ARCHITECTURES
    strategies = STRATEGIES[:2] if small else STRATEGIES
    epochs = (2, 4) if small else EPOCHS
    kinds = list(product(architectures, range(setting.seeds), [epochs], strategies))
    wanted = [*kinds, (SURROGATE, _SURROGATE_SEED, epochs[-1:], "standard")]
    *kept, surrogate = setting.spread("training", trained, [(*net, small, cache) for net in wanted])
    return measured(setting, kept, epochs, surrogate)
