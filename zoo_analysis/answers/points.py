"""Models that have both a metric and a reported accuracy: the points of every regression."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zoo_analysis.answers.defaults import QUALITY, Quality
from zoo_analysis.answers.names import check, there
from zoo_analysis.answers.similarity_metric import is_similarity, similarity_points
from zoo_analysis.errors import QueryError
from zoo_analysis.store import Store
from zoo_analysis.store.guard import admit
from zoo_analysis.store.schemas import (
    LEADING_COLUMNS,
    LEADING_METRICS,
    QUALITIES,
    SPREADS,
    SUMMARY_COLUMNS,
    SUMMARY_METRICS,
)

if TYPE_CHECKING:
    import pandas as pd

#: Stands for every averaged metric where metrics are named.
EVERY_METRIC: Final = "all"
#: Two names of one quantity.
_TOP1 = ("accuracy", "top1")

# The revision committed last stands for its model: a reported accuracy does not say which it is of.
_POINTS = """
FROM (
    SELECT
        s.series, a.dataset, a.metric AS accuracy, s.method, s.repo_id, s.revision, a.value,
        a.source, s.layers, {metrics}, s.warnings,
        m.* EXCLUDE (repo_id, revision, series, source)
    FROM {summaries} s
    JOIN latest USING (repo_id, revision, method)
    {joined} accuracy a ON a.repo_id = s.repo_id
    LEFT JOIN models m ON m.repo_id = s.repo_id AND m.revision = s.revision
)
WHERE (
{where}
)
"""
_EVERY = ", ".join(f"s.{column}" for column in SUMMARY_COLUMNS)
_SUMMARIES = {"all": "summaries", "clear": "clear_summaries"}


@dataclass(frozen=True)
class Selection:
    """A choice of models, metrics and accuracies.

    Attributes:
        metrics: columns of `summaries`, or ``likeness:MEASURE:REFERENCE``; the means of those that
            are told unasked where empty, of all that are averaged where it is ``all``.
        dataset: only accuracies on this data set.
        accuracy: only this kind of accuracy; ``top1`` and ``accuracy`` are the same.
        method: only methods whose id begins with this.
        where: an SQL condition over the columns of `summaries` and `models`, `dataset`,
            `accuracy` (its kind), `value` (its size) and `source`.
        quality: ``all`` layers are averaged, or those with a ``clear`` tail.
    """

    metrics: tuple[str, ...] = ()
    dataset: str | None = None
    accuracy: str | None = None
    method: str | None = None
    where: str | None = None
    quality: Quality = QUALITY

    @property
    def columns(self) -> tuple[str, ...]:
        """The metrics meant."""
        return (
            (*SUMMARY_METRICS, *SPREADS)
            if self.metrics == (EVERY_METRIC,)
            else self.metrics or LEADING_METRICS
        )


def load_pairs(store: Store, selection: Selection) -> "pd.DataFrame":
    """One row a model, method and reported accuracy, with metrics and the model's columns.

    Args:
        store: with summaries and accuracies.
        selection: of them.

    Returns:
        series, dataset, accuracy, method, repo_id, revision, value, source, the metrics meant and
        those told unasked, the columns of `models`, and `similarity`, the metric that a row is of
        where this is one.

    Raises:
        QueryError: a metric, data set, accuracy or method that is not there (says what is), no
            model that has both (says which side is missing), or a condition DuckDB refuses.
    """
    similarities = [metric for metric in selection.metrics if is_similarity(metric)]
    spectral = [metric for metric in selection.columns if metric not in similarities]
    for metric in spectral:
        check(metric, SUMMARY_COLUMNS, "metric")
    check(selection.quality, QUALITIES, "quality")
    rows = _points(store, selection, spectral, similarities)
    if not len(rows):
        if not spectral:
            raise QueryError(
                f"no model compared with the reference has a reported accuracy"
                f"{' and ' + selection.where if selection.where else ''}: "
                "`zoo accuracies show` lists those there are"
            )
        raise QueryError(
            _missing(store)
            or (
                f"no model with both a metric and an accuracy has {selection.where}"
                if selection.where
                else None
            )
            or "no model with an accuracy has a layer with a clear tail: leave out `quality`"
        )
    if selection.dataset is not None:
        check(selection.dataset, sorted(set(rows["dataset"])), "dataset")
        rows = rows[rows["dataset"] == selection.dataset]
    if selection.accuracy is not None:
        known = sorted(set(rows["accuracy"]))
        meant = _TOP1 if selection.accuracy in _TOP1 else (selection.accuracy,)
        if not set(meant) & set(known):
            check(selection.accuracy, known, "accuracy")
        rows = rows[rows["accuracy"].isin(meant)]
        # Called as it was asked for; a model that has it under both names counts once.
        rows = rows.sort_values("accuracy", kind="stable").assign(accuracy=selection.accuracy)
        rows = rows.drop_duplicates(["repo_id", "method", "dataset", "similarity"])
    if selection.method is not None:
        methods = sorted(set(rows["method"]))
        rows = rows[rows["method"].str.startswith(selection.method)]
        if not len(rows):
            raise QueryError(f"no method begins with {selection.method!r}; {there(methods)}")
    return rows.copy()  # in few blocks: pandas would warn of many when a column is added


def points_sql(metrics: Sequence[str], where: str) -> str:
    """SQL of the points of a regression: models with metrics and a reported accuracy, `value`.

    Args:
        metrics: columns of `summaries`.
        where: an SQL condition, as `Selection` takes it.
    """
    points = _POINTS.format(
        metrics=", ".join(f"s.{each}" for each in metrics),
        summaries=_SUMMARIES[QUALITY],
        joined="JOIN",
        where=where,
    )
    return f"SELECT repo_id, {', '.join(metrics)}, value, source {points.strip()}\nORDER BY repo_id"


def condition(where: str) -> str:
    """An SQL condition that is one by itself, so that it stays one within brackets.

    Raises:
        QueryError: it is empty, or no condition.
    """
    import duckdb

    if not where.strip():
        raise QueryError("the condition is empty; leave it out for all models")
    with duckdb.connect() as connection:
        try:
            for text in (f"SELECT ({where}\n)", f"SELECT {where}"):
                admit(connection, text)
        except QueryError as error:
            raise QueryError(f"{where!r} is no SQL condition: {error}") from error
    return where


def models_where(store: Store, where: str) -> list[str]:
    """The repo_ids of which a condition holds, as `Selection` has it.

    Raises:
        QueryError: none, or a condition that DuckDB refuses.
    """
    points = _POINTS.format(
        metrics=_EVERY,
        summaries=_SUMMARIES[QUALITY],
        joined="LEFT JOIN",
        where=condition(where),
    )
    found: list[str] = store.run(f"SELECT DISTINCT repo_id {points}")["repo_id"].to_pylist()
    if not found:
        raise QueryError(f"no model has {where}")
    return found


def _points(
    store: Store, selection: Selection, spectral: Sequence[str], similarities: Sequence[str]
) -> "pd.DataFrame":
    import pandas as pd

    where = "true" if selection.where is None else condition(selection.where)
    frames: list[pd.DataFrame] = []
    if spectral:
        points = _POINTS.format(
            metrics=_EVERY, summaries=_SUMMARIES[selection.quality], joined="JOIN", where=where
        )
        order = "ORDER BY dataset, accuracy, method, series, repo_id"
        told = {*LEADING_COLUMNS, *spectral}
        rest = ", ".join(column for column in SUMMARY_COLUMNS if column not in told)
        columns = f"* EXCLUDE ({rest})" if rest else "*"
        rows = store.run(f"SELECT {columns} {points} {order}").to_pandas()
        frames.append(rows.assign(similarity=None))
    for metric in similarities:
        rows = similarity_points(store, metric, SUMMARY_COLUMNS, where)
        frames.append(rows.assign(similarity=metric))
    found = [frame for frame in frames if len(frame)] or frames[:1]
    return pd.concat(found, ignore_index=True) if len(found) > 1 else found[0]


def _missing(store: Store) -> str | None:
    """The side that keeps metrics and accuracies from meeting, in words; None if neither does."""
    counts = store.run(
        "SELECT (SELECT count(DISTINCT repo_id) FROM summaries) AS models, "
        "(SELECT count(DISTINCT repo_id) FROM accuracy) AS reported, "
        "(SELECT count(*) FROM summaries JOIN accuracy USING (repo_id)) AS both"
    ).to_pylist()[0]
    if not counts["models"]:
        return (
            f"the store holds no metrics (but accuracies of {counts['reported']} models): run "
            "`zoo scan` or `zoo import`"
        )
    if not counts["reported"]:
        return (
            f"the store holds no reported accuracy of its {counts['models']} models: scan models "
            "whose cards carry a model-index, or a catalogue that states accuracies, or import a "
            "table of them"
        )
    if not counts["both"]:
        return (
            f"metrics are of {counts['models']} models and accuracies of {counts['reported']}, "
            "but of none both: repo_id must be the same"
        )
    return None
