"""Similarity and agreement of heads fine-tuned on one frozen convolutional extractor."""

from itertools import product
from pathlib import Path
from typing import Final

from zoo_analysis.studies.analysis.agreement import measured
from zoo_analysis.studies.lab.mnist import load_ten_digits, load_three_digits
from zoo_analysis.studies.lab.networks import NetSpec
from zoo_analysis.studies.lab.optimisation import Strategy, TrainedNet, train
from zoo_analysis.studies.study import Outcome, Setting

_CHANNELS: Final = (64, 32)
EXTRACTOR: Final = NetSpec("extractor", (1024,), _CHANNELS)
HEADS: Final = (
    NetSpec("head-32", (32,), _CHANNELS, classes=3),
    NetSpec("head-1024", (1024,), _CHANNELS, classes=3),
    NetSpec("head-ten-of-32", (32,) * 10, _CHANNELS, classes=3),
)
STRATEGIES: Final[tuple[Strategy, ...]] = ("standard", "pgd")
EPOCHS: Final = (2, 5, 15)
_EXTRACTOR_EPOCHS: Final = 5
#: Attacked inputs are the same for all networks: made on this one, which is none of them.
_SURROGATE: Final = NetSpec("head-64", (64,), _CHANNELS, classes=3)
_SURROGATE_SEED: Final = 1_000


def extracting(small: bool, cache: Path) -> TrainedNet:
    """The network whose convolutions all heads stand on, trained on ten digits.

    Args:
        small: one epoch on few digits.
        cache: directory of trained networks.
    """
    data = load_ten_digits()
    epochs = 1 if small else _EXTRACTOR_EPOCHS
    return train(EXTRACTOR, 0, epochs, cache=cache, data=data.sample(200) if small else data)


def tuned(
    spec: NetSpec,
    seed: int,
    epochs: tuple[int, ...],
    strategy: Strategy,
    small: bool,
    cache: Path,
    extractor: TrainedNet,
) -> TrainedNet:
    """A head, trained on three digits unless it is there already; see `optimisation.train`."""
    data = load_three_digits()[0]
    return train(
        spec,
        seed,
        epochs[-1],
        strategy,
        cache=cache,
        snapshots=epochs,
        data=data.sample(50) if small else data,
        extractor=extractor,
    )


def run(setting: Setting) -> Outcome:
    """The outcome of the study.

    Args:
        setting: the circumstances.
    """
    small, cache = setting.small, setting.cache
    heads = HEADS[:2] if small else HEADS
    epochs = (1, 2) if small else EPOCHS
    (extractor,) = setting.spread("training the extractor", extracting, [(small, cache)])
    kinds = list(product(heads, range(setting.seeds), [epochs], STRATEGIES))
    wanted = [*kinds, (_SURROGATE, _SURROGATE_SEED, epochs[-1:], "standard")]
    *kept, surrogate = setting.spread(
        "tuning heads", tuned, [(*head, small, cache, extractor) for head in wanted]
    )
    return measured(setting, kept, epochs, surrogate)
