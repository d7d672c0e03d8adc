"""The lead of one metric over another in many families, and how sure one can be of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

from zoo_analysis.stats.computable import Floats
from zoo_analysis.studies.analysis.estimate import Estimate
from zoo_analysis.studies.analysis.jackknife import jackknife
from zoo_analysis.studies.trends.printed_cells import Cell
from zoo_analysis.studies.trends.published import METRICS, STATISTICS

#: Random assignments of the permutation test.
_FLIPS = 9999


@dataclass(frozen=True)
class Lead:
    """The mean over families of one metric's statistic less another's.

    Attributes:
        metric, over: the two metrics.
        statistic: of their regressions.
        value: mean difference.
        low, high: its 95 % interval, leaving out each family in turn.
        p_value: two-sided, of both being interchangeable in each architecture.
        adjusted_p: the same by Holm's method, over all pairs of metrics and statistics.
    """

    metric: str
    over: str
    statistic: str
    value: float
    low: float
    high: float
    p_value: float
    adjusted_p: float = float("nan")


def _mean_of(values: Floats, kept: NDArray[np.int64]) -> float:
    return float(values[kept].mean())


class Families:
    """Statistics of every metric in every family.

    Args:
        cells: of the large-scale tables.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.names = list(dict.fromkeys((cell.dataset, cell.family) for cell in cells))
        place = {name: i for i, name in enumerate(self.names)}
        self.values = np.empty((len(STATISTICS), len(METRICS), len(self.names)))
        for cell in cells:
            row, column = STATISTICS.index(cell.statistic), METRICS.index(cell.metric)
            self.values[row, column, place[cell.dataset, cell.family]] = cell.recomputed

    def means(self) -> list[Estimate]:
        """Mean of each statistic of each metric over the families, with its interval."""
        found = jackknife(lambda kept: self.values[..., kept].mean(axis=-1), len(self.names))
        return [
            Estimate(
                f"{len(self.names)} families",
                f"mean {statistic}",
                metric,
                len(self.names),
                *(float(bound[i, j]) for bound in found),
            )
            for i, statistic in enumerate(STATISTICS)
            for j, metric in enumerate(METRICS)
        ]

    def leads(self) -> list[Lead]:
        """Differences of all pairs of metrics, in all statistics."""
        out = []
        for i, statistic in enumerate(STATISTICS):
            for over, metric in combinations(range(len(METRICS)), 2):
                difference = self.values[i, metric] - self.values[i, over]
                mean = partial(_mean_of, difference)
                value, low, high = jackknife(mean, len(difference))
                out.append(
                    Lead(
                        METRICS[metric],
                        METRICS[over],
                        statistic,
                        float(value),
                        float(low),
                        float(high),
                        self._p(difference),
                    )
                )
        holm = multipletests([lead.p_value for lead in out], method="holm")[1]
        return [
            Lead(**vars(lead) | {"adjusted_p": float(p)}) for lead, p in zip(out, holm, strict=True)
        ]

    def spread(self, lead: Lead) -> tuple[float, float]:
        """Smallest and largest lead when one family is left out."""
        i, j, k = STATISTICS.index(lead.statistic), *map(METRICS.index, (lead.metric, lead.over))
        difference = self.values[i, j] - self.values[i, k]
        without = (difference.sum() - difference) / (len(difference) - 1)
        return float(without.min()), float(without.max())

    def _p(self, difference: Floats) -> float:
        """Share of random exchanges of the two metrics with so large a mean difference.

        They are exchanged for all data sets of an architecture together, since families of one
        architecture are no independent witnesses.
        """
        architectures, of = np.unique([family for _, family in self.names], return_inverse=True)
        sums = np.bincount(of, difference, len(architectures))
        signs = np.random.default_rng(0).choice([-1, 1], (_FLIPS, len(architectures)))
        larger = np.count_nonzero(np.abs(signs @ sums) >= abs(sums.sum()) - 1e-12)
        return float((larger + 1) / (_FLIPS + 1))
