"""Models ranked by a metric, beside their rank by accuracy."""

import pyarrow as pa

from zoo_analysis.answers.names import check
from zoo_analysis.answers.points import Selection, load_pairs
from zoo_analysis.store import Store
from zoo_analysis.store.schemas import SUMMARY_METRICS

_SCHEMA = pa.schema(
    [
        ("series", pa.string()),
        ("dataset", pa.string()),
        ("accuracy", pa.string()),
        ("metric", pa.string()),
        ("method", pa.string()),
        ("repo_id", pa.string()),
        ("value", pa.float64()),
        ("reported", pa.float64()),
        ("rank_by_metric", pa.int64()),
        ("rank_by_accuracy", pa.int64()),
        ("of", pa.int64()),
        ("disagreement", pa.string()),
    ]
)
_GROUP = ["series", "dataset", "accuracy", "method"]


def ranking(store: Store, selection: Selection, series: str | None = None) -> pa.Table:
    """Rank the models of each series by metric and by accuracy.

    By every metric of `summaries` lower is better, which is what theory says of them
    (docs/statistics.md); by accuracy higher is. Equal values share the better rank.

    Args:
        store: with summaries and accuracies.
        selection: of them.
        series: only this one.

    Returns:
        A row a model, metric and accuracy, in the order of the metric. `disagreement` says how
        many places the metric puts a model above or below its place by accuracy; null where both
        agree.

    Raises:
        QueryError: as `load_pairs`; also an unknown series.
    """
    for metric in selection.columns:
        check(metric, SUMMARY_METRICS, "metric to rank by")
    pairs = load_pairs(store, selection)
    if series is not None:
        check(series, sorted(set(pairs["series"].dropna())), "series")
        pairs = pairs[pairs["series"] == series]
    rows = []
    for (group, dataset, accuracy, method), models in pairs.groupby(_GROUP, dropna=False):
        for metric in selection.columns:
            told = models[models[metric].notna()]
            by_metric = told[metric].rank(method="min").astype(int)
            by_accuracy = told["value"].rank(method="min", ascending=False).astype(int)
            for i in by_metric.sort_values(kind="stable").index:
                above = int(by_accuracy[i]) - int(by_metric[i])
                rows.append(
                    {
                        "series": group if isinstance(group, str) else None,
                        "dataset": dataset,
                        "accuracy": accuracy,
                        "metric": metric,
                        "method": method,
                        "repo_id": told.loc[i, "repo_id"],
                        "value": float(told.loc[i, metric]),
                        "reported": float(told.loc[i, "value"]),
                        "rank_by_metric": int(by_metric[i]),
                        "rank_by_accuracy": int(by_accuracy[i]),
                        "of": len(told),
                        "disagreement": in_words(above),
                    }
                )
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def in_words(above: int) -> str | None:
    """How far a metric's rank is from the accuracy's."""
    if not above:
        return None
    return f"metric puts it {abs(above)} {'higher' if above > 0 else 'lower'}"
