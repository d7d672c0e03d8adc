"""Models ranked by a metric, beside their rank by accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from zoo_analysis.answers.defaults import RANKED_BY
from zoo_analysis.answers.names import check
from zoo_analysis.answers.points import Selection, load_pairs
from zoo_analysis.lookup import listed
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.records import table_of
from zoo_analysis.store.schemas import SUMMARY_METRICS


@dataclass(frozen=True)
class RankedModel:
    """A model's places among its series, from 1.

    Attributes:
        series: null where the model has none.
        dataset, accuracy: what is reported, and of which kind.
        metric, method: what ranks, and how it was made.
        value: of the metric; lower is better.
        reported: the accuracy's; higher is better.
        rank_by_metric, rank_by_accuracy: equal values share the better rank.
        of: how many are ranked.
        disagreement: how many places the metric puts the model above or below its place by
            accuracy, in words; null where both agree.
    """

    series: str | None
    dataset: str
    accuracy: str
    metric: str
    method: str
    repo_id: str
    value: float
    reported: float
    rank_by_metric: int
    rank_by_accuracy: int
    of: int
    disagreement: str | None


def rank(
    store: Store | str | Path | None = None,
    metrics: Sequence[str] | str = RANKED_BY,
    series: str | None = None,
    *,
    dataset: str | None = None,
    accuracy: str | None = None,
    where: str | None = None,
    method: str | None = None,
) -> pa.Table:
    """The models of each series ranked by metric and by accuracy.

    By every metric of `summaries` lower is better, which is what theory says of them
    (docs/statistics.md); by accuracy higher is.

    Args:
        store: a store, or what `open_store` takes.
        metrics: columns of `summaries`; all of them where empty.
        series: only this one.
        dataset: only accuracies on this data set.
        accuracy: only this kind of accuracy: ``top1``, ``top5``, ….
        where: an SQL condition on models, as `Selection` takes it.
        method: only methods whose id begins with this.

    Returns:
        A row a model, metric and accuracy, in the order of the metric: columns of `RankedModel`.

    Raises:
        QueryError: as `load_pairs`; also an unknown series or metric.
        StoreError: there is no store.
    """
    selection = Selection(listed(metrics), dataset, accuracy, method, where)
    for metric in selection.columns:
        check(metric, SUMMARY_METRICS, "metric to rank by")
    pairs = load_pairs(as_store(store), selection)
    if series is not None:
        check(series, sorted(set(pairs["series"].dropna())), "series")
        pairs = pairs[pairs["series"] == series]
    rows = []
    groups = pairs.groupby(["series", "dataset", "accuracy", "method"], dropna=False)
    for (group, data, kind, how), models in groups:
        for metric in selection.columns:
            told = models[models[metric].notna()]
            by_metric = told[metric].rank(method="min").astype(int)
            by_accuracy = told["value"].rank(method="min", ascending=False).astype(int)
            for i in by_metric.sort_values(kind="stable").index:
                rows.append(
                    RankedModel(
                        series=group if isinstance(group, str) else None,
                        dataset=str(data),
                        accuracy=str(kind),
                        metric=metric,
                        method=str(how),
                        repo_id=told.loc[i, "repo_id"],
                        value=float(told.loc[i, metric]),
                        reported=float(told.loc[i, "value"]),
                        rank_by_metric=int(by_metric[i]),
                        rank_by_accuracy=int(by_accuracy[i]),
                        of=len(told),
                        disagreement=in_words(int(by_accuracy[i]) - int(by_metric[i])),
                    )
                )
    return table_of(RankedModel, rows)


def in_words(above: int) -> str | None:
    """Distance of a metric's rank from the accuracy's in words; None where there is none."""
    if not above:
        return None
    return f"metric puts it {abs(above)} {'higher' if above > 0 else 'lower'}"
