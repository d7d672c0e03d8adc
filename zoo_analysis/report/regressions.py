"""The regression table: every metric on every reported accuracy that the store has both of."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import Literal

import pyarrow as pa

from zoo_analysis.errors import QueryError
from zoo_analysis.stats import Regression, regress
from zoo_analysis.store import Store

METRICS = (
    "log_norm",
    "log_spectral_norm",
    "alpha",
    "alpha_weighted",
    "log_alpha_norm",
    "stable_rank",
    "mp_softrank",
)

_PAIRS = """
SELECT s.series, a.dataset, a.metric AS accuracy, s.method, s.repo_id, a.value, {metrics}
FROM summaries s JOIN accuracy a USING (repo_id)
ORDER BY ALL
"""

_SCHEMA = pa.schema(
    [
        ("series", pa.string()),
        ("dataset", pa.string()),
        ("accuracy", pa.string()),
        ("method", pa.string()),
        ("metric", pa.string()),
        ("n", pa.int64()),
        ("slope", pa.float64()),
        ("slope_se", pa.float64()),
        ("intercept", pa.float64()),
        ("r2", pa.float64()),
        ("rmse", pa.float64()),
        ("kendall_tau", pa.float64()),
        ("kendall_p", pa.float64()),
    ]
)


def regression_table(
    store: Store,
    metrics: Sequence[str] = (),
    dataset: str | None = None,
    by: Literal["series", "none"] = "none",
    method: str | None = None,
) -> pa.Table:
    """Regress reported accuracies on quality metrics.

    Args:
        store: with summaries and accuracies.
        metrics: columns of `summaries`; all of them where empty.
        dataset: only accuracies on this data set.
        by: a regression for each series, or over all models.
        method: only methods whose id begins with this.

    Returns:
        A row for every group (series, data set, accuracy metric, method) and metric, in which at
        least two models have both; models of several revisions count once each.

    Raises:
        QueryError: a metric or data set that is not there; says what is.
    """
    metrics = metrics or METRICS
    for metric in metrics:
        _check(metric, METRICS, "metric")
    rows = store.sql(_PAIRS.format(metrics=", ".join(f"s.{m}" for m in metrics))).df()
    if not len(rows):
        raise QueryError(_missing(store))
    if dataset is not None:
        _check(dataset, sorted(set(rows["dataset"])), "dataset")
        rows = rows[rows["dataset"] == dataset]
    if method is not None:
        rows = rows[rows["method"].str.startswith(method)]
    if by == "none":
        rows = rows.assign(series=None)
    out = []
    for (series, data, accuracy, how), group in rows.groupby(
        ["series", "dataset", "accuracy", "method"], dropna=False
    ):
        for metric in metrics:
            fit = regress(group[metric], group["value"])
            if fit.n > 1:
                names = {
                    "series": series if isinstance(series, str) else None,
                    "dataset": data,
                    "accuracy": accuracy,
                    "method": how,
                    "metric": metric,
                }
                out.append(names | _nullable(fit))
    if not out:
        raise QueryError("no group has two models with both a metric and an accuracy")
    return pa.Table.from_pylist(out, schema=_SCHEMA)


def _nullable(fit: Regression) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in asdict(fit).items()}


def _check(name: str, known: Sequence[str], what: str) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}"
        raise QueryError(f"no {what} {name!r}; {hint}")


def _missing(store: Store) -> str:
    models, accuracies = (
        len(store.sql(f"SELECT repo_id FROM {view}").to_arrow_table())
        for view in ("summaries", "accuracy")
    )
    if not models:
        return "the store holds no scanned model: run `zoo scan`"
    if not accuracies:
        return (
            "the store holds no reported accuracy: scan models whose cards carry a model-index, "
            "or a catalogue that states accuracies"
        )
    return f"none of the {accuracies} reported accuracies is of one of the {models} scanned models"
