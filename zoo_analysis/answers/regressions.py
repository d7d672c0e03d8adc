"""The regression table: every metric on every reported accuracy that the store has both of."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa

from zoo_analysis.answers.points import Selection, load_pairs
from zoo_analysis.errors import QueryError
from zoo_analysis.stats import benjamini_hochberg, regress
from zoo_analysis.store import Store
from zoo_analysis.store.schemas import REGRESSIONS, SUMMARY_METRICS

METRICS = SUMMARY_METRICS
By = Literal["series", "library", "none"]

_SCHEMA = pa.schema([f for f in REGRESSIONS if f.name not in ("query", "computed_at")])

#: What a reader is shown of it; machines get all.
READER_COLUMNS = (
    *("series", "dataset", "accuracy", "metric", "n", "slope", "slope_se", "r2", "r2_low"),
    *("r2_high", "rmse", "rmse_loo", "kendall_tau", "tau_low", "tau_high", "perm_p", "q"),
    *("method", "flags"),
)


def regression_table(
    store: Store,
    metrics: Sequence[str] = (),
    dataset: str | None = None,
    by: By = "none",
    method: str | None = None,
    *,
    accuracy: str | None = None,
    where: str | None = None,
    min_models: int = 4,
    seed: int = 0,
) -> pa.Table:
    """Regress reported accuracies on quality metrics.

    Args:
        store: with summaries and accuracies.
        metrics: columns of `summaries`; all of them where empty.
        dataset: only accuracies on this data set.
        by: a regression for each series or library, or over all models.
        method: only methods whose id begins with this.
        accuracy: only this kind of accuracy.
        where: an SQL condition, as in `Selection`.
        min_models: fewest models of a regression.
        seed: of bootstrap and permutations.

    Returns:
        A row for every group (series or library, data set, accuracy, method) and metric; `q` is
        Benjamini and Hochberg's over the rows' permutation p-values. A model counts once, at the
        revision committed last.

    Raises:
        QueryError: as `load_pairs`; also where no group has enough models, or min_models < 1.
    """
    if by not in get_args(By):
        raise QueryError(f"by is {by!r}: use one of {', '.join(get_args(By))}")
    if min_models < 1:
        raise QueryError(f"min-models is {min_models}: at least 1")
    selection = Selection(tuple(metrics), dataset, accuracy, method, where)
    pairs = load_pairs(store, selection)
    groups = pairs.assign(group=None if by == "none" else pairs[by]).groupby(
        ["group", "dataset", "accuracy", "method"], dropna=False
    )
    rows: list[dict[str, Any]] = []
    largest = 0
    for (group, data, kind, how), models in groups:
        for metric in selection.columns:
            values = models[metric].astype(float)
            n = int(np.isfinite(values).sum())
            largest = max(largest, n)
            if n < min_models:
                continue
            fit = regress(values, models["value"].astype(float), list(models["repo_id"]), seed=seed)
            names = {
                "series": group if isinstance(group, str) else None,
                "dataset": data,
                "accuracy": kind,
                "metric": metric,
                "method": how,
            }
            rows.append(names | _nullable(asdict(fit)) | {"flags": "; ".join(fit.flags)})
    if not rows:
        raise QueryError(
            f"no group has {min_models} models with both a metric and an accuracy, the largest "
            f"has {largest}: lower --min-models, or pool with --by none"
        )
    q = benjamini_hochberg(np.array([row["perm_p"] for row in rows], dtype=float))
    for row, value in zip(rows, q, strict=True):
        row["q"] = None if math.isnan(value) else float(value)
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def keep(store: Store, table: pa.Table, query: str) -> None:
    """Add regressions to the table `regressions`, with the query that made them and the time.

    Raises:
        StoreError: the store cannot be written.
    """
    store.append("regressions", table.append_column("query", pa.array([query] * len(table))))


def _nullable(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }
