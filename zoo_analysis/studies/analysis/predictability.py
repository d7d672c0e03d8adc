"""Correlations of similarity measures with how often two networks agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.stats import correlation, correlation_difference, fisher_z
from zoo_analysis.stats.computable import Floats
from zoo_analysis.stats.correlations import Kind
from zoo_analysis.studies.analysis.estimate import Estimate
from zoo_analysis.studies.analysis.jackknife import jackknife

KINDS: Final[tuple[Kind, ...]] = ("pearson", "spearman")


@dataclass(frozen=True)
class Pairs:
    """Pairs of networks, with their similarity and the share of inputs on which they agree.

    Attributes:
        first: (p,) number of one network of each pair.
        second: (p,) of the other.
        draw: (networks,) which independent draw of random numbers a network came from.
        similarity: (p,) by measure, higher being more alike.
        agreement: (p,) by kind of inputs: share of inputs that both give the same class.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    draw: NDArray[np.int64]
    similarity: Mapping[str, Floats]
    agreement: Mapping[str, Floats]

    def only(self, chosen: NDArray[np.bool_]) -> "Pairs":
        """Some of the pairs.

        Args:
            chosen: (p,) which.
        """
        return Pairs(
            self.first[chosen],
            self.second[chosen],
            self.draw,
            {name: values[chosen] for name, values in self.similarity.items()},
            {name: values[chosen] for name, values in self.agreement.items()},
        )


def predicted(pairs: Pairs, measure: str, inputs: str, kind: Kind, group: str) -> Estimate:
    """Correlation of a measure with agreement; the interval of Fisher's z, over pairs.

    Pairs share networks, so that this interval, which is the published one, is too narrow.
    """
    found = correlation(pairs.similarity[measure], pairs.agreement[inputs], kind)
    return Estimate(
        group,
        f"{kind} with agreement, {inputs} inputs",
        measure,
        found.n,
        found.value,
        found.low,
        found.high,
        found.p_value,
    )


def compared(
    pairs: Pairs, measure: str, other: str, inputs: str, kind: Kind, group: str
) -> Estimate:
    """Difference of two measures' correlations with agreement, by the test for dependent ones.

    Like `predicted`, it takes the pairs for independent.
    """
    found = correlation_difference(
        pairs.similarity[measure], pairs.similarity[other], pairs.agreement[inputs], kind
    )
    return Estimate(
        group,
        f"{kind} with agreement, {inputs} inputs: difference",
        f"{measure} − {other}",
        found.n,
        found.value,
        found.low,
        found.high,
        found.p_value,
    )


def redrawn(
    pairs: Pairs, measure: str, inputs: str, kind: Kind, group: str, other: str | None = None
) -> Estimate:
    """Correlation of a measure with agreement; interval from leaving out draws in turn.

    Args:
        pairs: all of them.
        measure: whose.
        inputs: on which networks agree or not.
        kind: which coefficient.
        group: what the estimate calls them.
        other: take this measure's correlation off.
    """
    draws = np.unique(pairs.draw)

    def statistic(kept: NDArray[np.int64]) -> float:
        inside = np.isin(pairs.draw, draws[kept])
        some = pairs.only(inside[pairs.first] & inside[pairs.second])
        found = [
            correlation(some.similarity[name], some.agreement[inputs], kind).value
            for name in (measure, other)
            if name is not None
        ]
        return fisher_z(found[0]) if other is None else found[0] - found[1]

    found = jackknife(statistic, len(draws))
    bounds = np.tanh(found) if other is None else found
    return Estimate(
        f"{group}, draws left out in turn",
        f"{kind} with agreement, {inputs} inputs{'' if other is None else ': difference'}",
        measure if other is None else f"{measure} − {other}",
        len(draws),
        *map(float, bounds),
    )
