"""The page of predicted accuracies, beside what was reported of the models afterwards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from zoo_analysis.report.figures.prediction_chart import predictions as chart
from zoo_analysis.report.figures.theme import counted
from zoo_analysis.report.page.cell_texts import called, link, shown_number
from zoo_analysis.report.page.markup import Column, Crumbs, page
from zoo_analysis.report.page.picture import Picture
from zoo_analysis.store import Store, get_query

#: Predictions that are listed: those with a report, then the latest.
_LISTED: Final = 500
_OF: Final = "WHERE $models IS NULL OR repo_id IN (SELECT unnest(CAST($models AS VARCHAR[])))"
_RECORD: Final = f"""
SELECT dataset, metric, level, count(*) AS predictions, count(predicted) AS made,
    count(*) FILTER (predicted IS NOT NULL AND reported IS NOT NULL) AS met,
    count(*) FILTER (reported BETWEEN low AND high) AS inside,
    avg(abs(reported - predicted)) AS error, avg(high - low) AS width
FROM forecasts {_OF}
GROUP BY ALL ORDER BY ALL
"""
_LATEST: Final = f"""
FROM forecasts {_OF}
ORDER BY reported IS NULL OR predicted IS NULL, predicted_at DESC, repo_id, dataset, metric, level
LIMIT {_LISTED}
"""
_KEPT: Final = (
    Column("Data set"),
    Column("Metric"),
    Column("Level"),
    *(Column(name, right=True) for name in ("Predictions", "Abstained", "Reported later")),
    Column("Inside", "reports inside their intervals", right=True),
    *(Column(name, right=True) for name in ("Mean error", "Mean width")),
)
#: Headings of `forecast_cells`.
FORECAST: Final = (
    Column("Data set"),
    Column("Metric"),
    Column("Predicted", right=True),
    Column("Interval"),
    Column("Level"),
    Column("Reported later", right=True),
    Column("Report is"),
    Column("By", "what predicts"),
    Column("Predicted on"),
    Column("Why there is none", prose=True),
)

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Forecasts:
    """The predicted accuracies of a report's models.

    Attributes:
        record: counts of each data set, metric and level.
        latest: those that a report has met, then the others, the latest first, as many as are
            listed.
    """

    record: Rows
    latest: Rows

    @classmethod
    def ask(cls, store: Store, site: Crumbs, where: str | None) -> "Forecasts":
        """Those of a store.

        Args:
            store: that is asked.
            site: of the report.
            where: the condition on its models.
        """
        asked = {"models": None if where is None else [*site.models]}
        return cls(*(store.run(query, asked).to_pylist() for query in (_RECORD, _LATEST)))

    @property
    def count(self) -> int:
        """Predictions, and models of which none could be made."""
        return sum(row["predictions"] for row in self.record)

    @property
    def made(self) -> int:
        """Predictions alone."""
        return sum(row["made"] for row in self.record)

    @property
    def in_words(self) -> str:
        """The record so far in a sentence; empty where nothing was predicted."""
        if not self.record:
            return ""
        made = self.made
        met, inside = (sum(row[name] for row in self.record) for name in ("met", "inside"))
        levels = " and ".join(f"{level:.0%}" for level in sorted({r["level"] for r in self.record}))
        told = f"{counted(made, 'prediction')} of accuracies that nobody had reported"
        if self.count > made:
            told += f", {self.count - made:,}{' more' * bool(made)} could not be made"
        if not made:
            return f"{told}."
        if not met:
            return f"{told}; none has met a report yet."
        told += f"; {met:,} have met a report since, {inside:,} of these "
        return f"{told}inside the interval ({levels} are to be)."


def prediction_files(
    found: Forecasts, store: Store, site: Crumbs, where: str | None
) -> Iterator[tuple[str, str | bytes]]:
    """Names and texts of the files of the page of predictions.

    Args:
        found: the predictions of its models.
        store: that is asked for the figure, which is of all models.
        site: of the report.
        where: the condition on its models.
    """
    statements = ["FROM forecasts WHERE reported IS NOT NULL", "zoo plot predictions"]
    if picture := Picture.of_all(chart, store, where, "figures/predictions.png", statements):
        yield picture.address, picture.png
    listed = counted(found.made, "prediction")
    if found.count > found.made:
        listed += f" and {found.count - found.made:,} that could not be made"
    if found.count > len(found.latest):
        listed += f", of which {len(found.latest):,} are listed"
    yield (
        "predictions.html",
        page(
            "predictions",
            "predictions.html",
            site,
            told=found.in_words,
            some=where is not None,
            picture=picture,
            record_columns=_KEPT,
            record=[_kept(row) for row in found.record],
            record_sql=[get_query("prediction-record").sql, "zoo query prediction-record"],
            columns=(Column("Model"), *FORECAST),
            rows=[
                [link(site.models.get(row["repo_id"]), row["repo_id"]), *cells]
                for row, cells in zip(found.latest, forecast_cells(found.latest), strict=True)
            ],
            listed=listed,
        ),
    )


def forecast_cells(rows: Rows) -> list[list[str]]:
    """Cells under `FORECAST`, of each of some predictions.

    Args:
        rows: of `forecasts`.
    """
    return [
        [
            called(row["dataset"]),
            called(row["metric"]),
            shown_number(row["predicted"]),
            _interval(row),
            f"{row['level']:.0%}",
            shown_number(row["reported"]),
            verdict(row),
            row["predictor"] or "",
            f"{row['predicted_at']:%Y-%m-%d}",
            row["reason"] or "",
        ]
        for row in rows
    ]


def verdict(row: Mapping[str, Any]) -> str:
    """The word for a report: inside or outside its interval; empty where one is missing."""
    if row["predicted"] is None or row["reported"] is None:
        return ""
    return "inside" if row["low"] <= row["reported"] <= row["high"] else "outside"


def _interval(row: Mapping[str, Any]) -> str:
    if row["predicted"] is None:
        return ""
    return f"{shown_number(row['low'])} to {shown_number(row['high'])}"


def _kept(row: Mapping[str, Any]) -> list[str]:
    return [
        called(row["dataset"]),
        called(row["metric"]),
        f"{row['level']:.0%}",
        *map(shown_number, (row["made"], row["predictions"] - row["made"], row["met"])),
        f"{row['inside']:,} of {row['met']:,}" if row["met"] else "",
        *(shown_number(row[name]) for name in ("error", "width")),
    ]
