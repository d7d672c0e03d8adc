"""Models ranked by a metric beside their rank by accuracy, and the places of one in its series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from zoo_analysis.answers.defaults import QUALITY, RANKED_BY
from zoo_analysis.answers.names import check
from zoo_analysis.answers.points import models_where
from zoo_analysis.answers.remarks.no_rows import why_none
from zoo_analysis.errors import QueryError
from zoo_analysis.lookup import listed
from zoo_analysis.stats import robust_z
from zoo_analysis.store import Store, as_store, get_query
from zoo_analysis.store.schemas import LEADING_COLUMNS, LEADING_METRICS, QUALITIES, SUMMARY_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

#: Views that a ranking reads.
_ASKED_OFTEN = (
    *("main.summaries", "main.clear_summaries", "main.latest"),
    *("raw.method_order", "raw.accuracy_by_kind"),
)
_SERIES = """
FROM summaries
WHERE series = $series AND method = $method
    AND if(
        repo_id = $repo_id,
        revision = $revision,
        (repo_id, revision, method) IN (SELECT (repo_id, revision, method) FROM latest)
    )
"""


def rank(
    store: Store | str | Path | None = None,
    metrics: Sequence[str] | str = RANKED_BY,
    series: str | None = None,
    *,
    dataset: str | None = None,
    accuracy: str | None = None,
    where: str | None = None,
    method: str | None = None,
    quality: str = QUALITY,
) -> pa.Table:
    """The models of each series ranked by metric and by accuracy: the question `leaderboard`.

    The lower value is first, which theory calls better of the metrics that are told unasked, and of
    no others (docs/statistics.md); by accuracy the higher is. A ranking is within one series and
    one method; a model counts once, at the revision committed last; models most of whose layers
    look random come last.

    Args:
        store: a store, or what `open_store` takes.
        metrics: columns of `summaries`; the mean of every metric where empty.
        series: only this one.
        dataset: only models with an accuracy on this data set; where None, accuracies are on the
            one that most models of the series have.
        accuracy: only models with this kind of accuracy: ``top1``, ``top5``, ….
        where: an SQL condition on models, as `Selection` takes it.
        method: the one whose id begins with this; where None the default one, else the last.
        quality: ``all`` layers are averaged, or those with a ``clear`` tail.

    Returns:
        A row a model and metric, in the order of series and rank: repo_id, series, metric, rank,
        value, accuracy, rank_by_accuracy, remark, disagreement (how many places it is ranked
        higher or lower than by accuracy, among those with one; equal values share their places),
        random_like (the share of such layers), of how many models, averaged_layers, data set and
        kind of the accuracy, method, revision.

    Raises:
        QueryError: an unknown metric, series, data set, accuracy, method or quality, a condition
            that DuckDB refuses, or nobody to rank (says why).
        StoreError: there is no store.
    """
    store, named = as_store(store), get_query("leaderboard")
    columns = listed(metrics) or LEADING_METRICS
    for metric in columns:
        check(metric, SUMMARY_COLUMNS, "metric to rank by")
    check(quality, QUALITIES, "quality")
    asked = {
        "series": series,
        "dataset": dataset,
        "accuracy": accuracy,
        "method": method,
        "quality": quality,
        "models": None if where is None else models_where(store, where),
        "limit": None,
    }
    tables = [store.run("leaderboard", {"metric": metric, **asked}) for metric in columns]
    table = pa.concat_tables(tables)
    if not len(table):
        raise QueryError(why_none(store, named, named.bind({"metric": columns[0], **asked})))
    return table


def rankings(
    store: Store, metrics: Sequence[str] = LEADING_COLUMNS, where: str | None = None
) -> Iterator[tuple[str, str, pa.Table]]:
    """The rankings of `rank` by many metrics, over all layers and over those with a clear tail.

    Averages are computed once for all of them. A ranking that nobody takes part in has no rows.

    Args:
        store: that is asked.
        metrics: columns of `summaries`.
        where: an SQL condition on models, as `Selection` takes it.

    Yields:
        Quality, metric, and columns of `rank`.

    Raises:
        QueryError: a condition that DuckDB refuses, or that holds of no model.
        StoreError: there is no store.
    """
    named = get_query("leaderboard")
    models = None if where is None else models_where(store, where)
    connection = store.connect()
    for number, view in enumerate(_ASKED_OFTEN):
        connection.execute(f"CREATE TABLE main.held_{number} AS FROM {view}")
    for number, view in enumerate(_ASKED_OFTEN):
        connection.execute(f"CREATE OR REPLACE VIEW {view} AS FROM main.held_{number}")
    for quality in QUALITIES:
        for metric in metrics:
            asked = {"metric": metric, "quality": quality, "models": models, "limit": None}
            found = connection.sql(named.sql, params=named.bind(asked))
            yield quality, metric, found.to_arrow_table()


@dataclass(frozen=True)
class Place:
    """A model's place in its series by one metric.

    Attributes:
        metric, value: the average.
        rank: as `rank` has it: lowest first, models that look random last.
        of: models with a value.
        alike: those of them that look random if it does, and do not if it does not.
        z: its robust z among these.
    """

    metric: str
    value: float
    rank: int
    of: int
    alike: int
    z: float


def standing(
    store: Store, repo_id: str, revision: str, method: str, series: str
) -> tuple[Place, ...]:
    """A model's place in its series by every metric it has.

    Args:
        store: that has them.
        repo_id: of the model.
        revision: of the model; of the others the one committed last counts.
        method: by which all were measured.
        series: its name.
    """
    key = {"repo_id": repo_id, "revision": revision, "method": method, "series": series}
    return places_among(store.run(_SERIES, key).to_pandas(), repo_id, revision)


def places_among(rows: "pd.DataFrame", repo_id: str, revision: str) -> tuple[Place, ...]:
    """A model's place among the models of its series by every metric it has.

    Args:
        rows: of `summaries`, its own and one a model of the others, of one method.
        repo_id, revision: of the model.
    """
    places = []
    for metric in LEADING_METRICS:
        told = rows[rows[metric].notna()]
        mine = ((told["repo_id"] == repo_id) & (told["revision"] == revision)).to_numpy()
        if not mine.any():
            continue
        values = told[metric].to_numpy(dtype=float)
        value = float(values[mine][0])
        random = told["looks_random"].astype(float).to_numpy() == 1  # null of what none can judge
        alike = random == random[mine][0]
        before = (alike & (values < value)) | (~alike & ~random)
        z = float(robust_z(values[alike])[mine[alike]][0])
        places.append(Place(metric, value, 1 + int(before.sum()), len(told), int(alike.sum()), z))
    return tuple(places)
