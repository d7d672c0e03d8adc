"""Printed figures beside recomputed ones, cell by cell."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from scipy.stats import kendalltau

from zoo_analysis.stats import fit_line
from zoo_analysis.studies.trends.published import METRICS, STATISTICS, Printed, large_scale
from zoo_analysis.studies.trends.published_models import PublishedModel

#: Outliers that the authors' notebook leaves out.
OUTLIERS: Final = frozenset(
    {
        "efficientnet_b0",
        "efficientnet_b1",
        "resnext272_2x32d_cifar100",
        "resnext29_16x64d_cifar100",
        "resnext29_32x4d_cifar100",
        "resnext272_1x64d_cifar100",
    }
)
#: Models of ImageNet that must be left out besides for every printed digit to come out: inferred.
INFERRED: Final = frozenset({"resnetd50b", "resnetd101b", "resnetd152b"})
#: A family of fewer models is no row of the tables.
_LEAST_MODELS: Final = 4

#: Data set, family, metric and statistic of a figure.
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Cell:
    """One figure, as printed and as recomputed from the published averages.

    Attributes:
        dataset: of the reported errors.
        family: of the models.
        metric: one of `published.METRICS`, or of `published.SERIES_METRICS`.
        statistic: ``rmse``, ``r2``, ``kendall_tau``, or ``mean``.
        published: as printed.
        recomputed: to all digits.
    """

    dataset: str
    family: str
    metric: str
    statistic: str
    published: float
    recomputed: float

    @property
    def key(self) -> Key:
        """The place of the figure in its table."""
        return self.dataset, self.family, self.metric, self.statistic


def cells(printed: Iterable[Printed], found: Mapping[Key, float]) -> list[Cell]:
    """Printed figures beside those found, in the printed order.

    Args:
        printed: figures.
        found: by data set, family, metric and statistic; NaN where it is missing.
    """
    return [Cell(*p[:4], float(p.text), found.get(p[:4], math.nan)) for p in printed]


def large_scale_cells(
    models: Sequence[PublishedModel], without: frozenset[str] = OUTLIERS | INFERRED
) -> list[Cell]:
    """The three large-scale tables: error regressed on each metric within each family.

    Args:
        models: all of them.
        without: names of models that are left out.
    """
    found = {
        (*family, metric, statistic): value
        for family, members in families(models, without).items()
        for metric in METRICS
        for statistic, value in _regressed(members, metric).items()
    }
    return cells(large_scale(), found)


def families(
    models: Sequence[PublishedModel], without: frozenset[str]
) -> dict[tuple[str, str], list[PublishedModel]]:
    """Models by data set and first architecture, of families with at least four."""
    out: dict[tuple[str, str], list[PublishedModel]] = {}
    for model in models:
        if model.name not in without and model.family:
            out.setdefault((model.dataset, model.family.split("/")[0]), []).append(model)
    return {family: members for family, members in out.items() if len(members) >= _LEAST_MODELS}


def agree(found: Sequence[Cell], printed: Iterable[Printed]) -> int:
    """How many figures agree to the printed digit."""
    digits = {p[:4]: len(p.text.partition(".")[2]) for p in printed}
    return sum(
        abs(c.recomputed - c.published) <= 0.5 * 10.0 ** -digits[c.key] + 1e-9 for c in found
    )


def _regressed(members: Sequence[PublishedModel], metric: str) -> dict[str, float]:
    x = np.array([getattr(model, metric) for model in members])
    return statistics(x, np.array([model.error for model in members]))


def beside(table: pa.Table) -> pa.Table:
    """Cells with the statistics of one metric in one row: ``printed``, or ``printed ≠ recomputed``.

    Args:
        table: columns of `Cell`.
    """
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for cell in table.to_pylist():
        place = cell["dataset"], cell["family"], cell["metric"]
        published, recomputed = (_figure(cell[name]) for name in ("published", "recomputed"))
        text = published if published == recomputed else f"{published} ≠ {recomputed}"
        rows.setdefault(place, {})[cell["statistic"]] = text
    names = ("dataset", "family", "metric")
    told = [name for name in (*STATISTICS, "mean") if any(name in row for row in rows.values())]
    return pa.Table.from_pylist(
        [dict(zip(names, place, strict=True)) | row for place, row in rows.items()],
        schema=pa.schema([(name, pa.string()) for name in (*names, *told)]),
    )


def _figure(value: float | None) -> str:
    """A figure with as many digits as are printed; `?` for one that cannot be recomputed."""
    return "?" if value is None else f"{value:.2f}"


def statistics(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """RMSE and R² of the line y = a + b·x, and Kendall's τ-b of x and y."""
    line = fit_line(x, y)
    values = line.rmse, line.r2, float(kendalltau(x, y).statistic)
    return dict(zip(STATISTICS, values, strict=True))
