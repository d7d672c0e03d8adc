"""Networks measured against one reference: their similarity to it against what they can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.stats import correlation, fisher_z
from zoo_analysis.stats.computable import Floats
from zoo_analysis.stats.correlations import Kind
from zoo_analysis.studies.analysis.estimate import Estimate
from zoo_analysis.studies.analysis.jackknife import jackknife

ACCURACY: Final = "accuracy"
#: Under the published attack, see `lab.retrained_attack`.
PUBLISHED_LOSS: Final = "loss, published attack"
MEAN_LOSS: Final = "mean loss over attacks"
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)[::-1]


@dataclass(frozen=True)
class Candidate:
    """A network and its similarity to the reference of its seed.

    Attributes:
        name: of its architecture.
        seed: of its training, and of the reference's.
        revision: hash of what made it.
        reference: hash of what made the reference.
        similarity: neuronal correlation: the mean of both directions, to the reference, from it.
        undistanced: that mean without the distance of layers.
        outcomes: in percent: its accuracy on held-out digits, and the points of it that are lost
            under each attack and on the mean.
    """

    name: str
    seed: int
    revision: str
    reference: str
    similarity: tuple[float, float, float]
    undistanced: float
    outcomes: dict[str, float]


def associated(
    candidates: Sequence[Candidate],
    of: str,
    kind: Kind = "spearman",
    *,
    group: str = "all networks",
    distance: bool = True,
    within: bool = False,
) -> Estimate:
    """Correlation of similarity with an outcome, over networks of all seeds.

    Its interval comes from leaving out each seed in turn, on the scale of Fisher's z: seeds are
    independent draws, the networks of one seed share their reference and the attacks.

    Args:
        candidates: measured networks.
        of: which of their outcomes.
        kind: which coefficient.
        group: what the estimate calls them.
        distance: whether the similarity counts the distance of layers.
        within: take each architecture's mean off both sides first.
    """
    seeds = sorted({c.seed for c in candidates})
    similarity = np.array([c.similarity[0] if distance else c.undistanced for c in candidates])
    sides = np.array([similarity, [c.outcomes[of] for c in candidates]])
    seed_of = np.array([seeds.index(c.seed) for c in candidates])
    name_of = np.array([c.name for c in candidates])

    def statistic(kept: NDArray[np.int64]) -> float:
        chosen = np.isin(seed_of, kept)
        x, y = _less_means(sides[:, chosen], name_of[chosen]) if within else sides[:, chosen]
        return fisher_z(correlation(x, y, kind).value)

    bounds = np.tanh(jackknife(statistic, len(seeds)))
    return Estimate(
        group,
        f"{kind} of likeness and {of}",
        "neuronal" if distance else "neuronal without layer distance",
        len(candidates),
        *map(float, bounds),
    )


def associations(candidates: Sequence[Candidate], outlier: str) -> list[Estimate]:
    """`associated` of every outcome, and of the main ones in other ways.

    Args:
        candidates: measured networks.
        outlier: architecture that is left out once, to see what the rest alone shows.
    """
    main = (ACCURACY, PUBLISHED_LOSS, MEAN_LOSS)
    rest = [c for c in candidates if c.name != outlier]
    but = f"all but {outlier}"
    return [
        *(associated(candidates, of, kind) for of in candidates[0].outcomes for kind in KINDS),
        *(associated(candidates, of, distance=False) for of in main),
        *(associated(rest, of, kind, group=but) for of in main for kind in KINDS),
        *(associated(rest, of, group=but, distance=False) for of in main),
        *(associated(candidates, of, group="within architectures", within=True) for of in main),
    ]


def architectures(candidates: Sequence[Candidate]) -> list[Estimate]:
    """Mean similarity, accuracy and loss of each architecture, with Student's t over seeds."""
    rows = []
    for name in dict.fromkeys(c.name for c in candidates):
        own = [c for c in candidates if c.name == name]
        rows += [
            _mean(name, "likeness to the CNN", "neuronal", [c.similarity[0] for c in own]),
            _mean(name, "accuracy, %", "", [c.outcomes[ACCURACY] for c in own]),
            *(
                _mean(name, f"{loss}, points", "", [c.outcomes[loss] for c in own])
                for loss in (PUBLISHED_LOSS, MEAN_LOSS)
            ),
        ]
    return rows


def _mean(group: str, quantity: str, measure: str, values: Sequence[float]) -> Estimate:
    """A mean over seeds; of a plain mean the jackknife's interval is Student's."""
    found = jackknife(lambda kept: np.asarray(values)[kept].mean(), len(values))
    return Estimate(group, quantity, measure, len(values), *map(float, found))


def _less_means(sides: Floats, names: NDArray[np.str_]) -> Floats:
    left = sides.copy()
    for name in np.unique(names):
        left[:, names == name] -= sides[:, names == name].mean(axis=1, keepdims=True)
    return left
