"""Regressions of accuracy on every metric as the pages of series draw and tell them."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.answers.defaults import BY
from zoo_analysis.answers.points import Selection, load_pairs
from zoo_analysis.answers.regressions import regress
from zoo_analysis.errors import QueryError
from zoo_analysis.report.figures.regression_chart import Kind
from zoo_analysis.report.figures.tau_grid import metrics
from zoo_analysis.report.page.markup import Crumbs
from zoo_analysis.report.page.picture import Picture
from zoo_analysis.stats import line_band
from zoo_analysis.store import Store

if TYPE_CHECKING:
    import pandas as pd

#: Points of a band.
_POINTS: Final = 24


@dataclass(frozen=True)
class Regressions:
    """Regressions of accuracy on every metric, series by series.

    Attributes:
        rows: of `regress`, by series.
        pooled: of `regress` over all models, by kind of accuracy and metric.
        pairs: the models that they are of.
        grid: τ of every metric in every series, as a picture; None where there is none.
        none: why there are none; None where there are.
    """

    rows: Mapping[str | None, Sequence[Mapping[str, Any]]]
    pooled: Mapping[tuple[Kind, str], Mapping[str, Any]]
    pairs: "pd.DataFrame | None"
    grid: Picture | None
    none: str | None

    @classmethod
    def ask(cls, store: Store, where: str | None) -> "Regressions":
        """Those of a store.

        Args:
            store: that is asked.
            where: as `regress` takes it.
        """
        try:
            found = regress(store, by=BY, where=where)
        except QueryError as error:
            return cls({}, {}, None, None, str(error))
        pooled = regress(store, by="none", where=where).to_pylist()
        pairs = load_pairs(store, Selection(where=where))
        rows: dict[str | None, list[Mapping[str, Any]]] = {}
        for row in found.to_pylist():
            rows.setdefault(row["series"], []).append(row)
        whole = {(kind_of(row), row["metric"]): row for row in pooled}
        grid = Picture.of(metrics(found), "figures/metrics.png", [regress_command(where)])
        return cls(rows, whole, pairs, grid, None)

    def drawn(self, series: str | None, site: Crumbs) -> dict[str, Any] | None:
        """The models of a series, and the line of each metric, as its page draws them.

        Of several kinds of accuracy the one with the most models is drawn.

        Args:
            series: its name; None is of no series.
            site: of the report.

        Returns:
            None where the series has no regression.
        """
        rows = self.rows.get(series)
        if not rows or self.pairs is None:
            return None
        kind, others = Kind.most(rows)
        pairs = self.pairs
        mine = pairs["series"] == series if series is not None else pairs["series"].isna()
        for column, value in asdict(kind).items():
            mine &= pairs[column] == value
        models = pairs.loc[mine].sort_values("repo_id").drop_duplicates("repo_id")
        accuracies = models["value"].to_numpy(dtype=float)
        by_metric = {row["metric"]: row for row in rows if kind.has(row)}
        return {
            **asdict(kind),
            "others": others,
            "models": [[name, site.models.get(name)] for name in models["repo_id"]],
            "accuracies": accuracies,
            "metrics": {
                name: self._line(models[name].to_numpy(dtype=float), accuracies, row, kind)
                for name, row in by_metric.items()
            },
        }

    def _line(
        self, x: NDArray[np.float64], y: NDArray[np.float64], row: Mapping[str, Any], kind: Kind
    ) -> dict[str, Any]:
        drawn: dict[str, Any] = {"values": x, "line": None, "band": None, "pooled": None}
        drawn["tau"] = row["kendall_tau"]
        told = np.isfinite(x) & np.isfinite(y)
        if row["slope"] is None or not told.any():
            return drawn
        ends = np.array([x[told].min(), x[told].max()])
        drawn["line"] = _ends(row, ends)
        if told.sum() > 2:
            at = np.linspace(ends[0], ends[1], _POINTS)
            low, high = line_band(x[told], y[told], at)
            drawn["band"] = np.column_stack([at, low, high])
        pooled = self.pooled.get((kind, row["metric"]))
        if pooled is not None and pooled["slope"] is not None and pooled["n"] > row["n"]:
            drawn["pooled"] = _ends(pooled, ends)
        return drawn


def _ends(row: Mapping[str, Any], at: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([at, row["intercept"] + row["slope"] * at])


def regress_command(where: str | None) -> str:
    """The command that makes the regressions."""
    return shlex.join(
        ["zoo", "regress", "--by", BY, *(["--where", where] if where is not None else [])]
    )


def kind_of(row: Mapping[str, Any]) -> Kind:
    """Data set, accuracy and method of a row of `regress`."""
    return Kind(row["dataset"], row["accuracy"], row["method"])
