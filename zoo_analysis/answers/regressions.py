"""The regression table: every metric on every reported accuracy that the store has both of."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa

from zoo_analysis.answers.defaults import BY, LEAST_COVERAGE, MIN_MODELS, QUALITY, By, Quality
from zoo_analysis.answers.mixed import mixed_table
from zoo_analysis.answers.points import Selection, load_pairs
from zoo_analysis.errors import QueryError, ZooError
from zoo_analysis.lookup import listed
from zoo_analysis.stats import benjamini_hochberg, usable
from zoo_analysis.stats import regress as fitted
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.schemas import REGRESSIONS

_SCHEMA = pa.schema(
    [f for f in REGRESSIONS if f.name not in ("query", "of_version", "computed_at")]
)

#: What a reader is shown of it; machines get all.
READER_COLUMNS = (
    *("series", "dataset", "accuracy", "metric", "n", "slope", "slope_se", "r2", "r2_low"),
    *("r2_high", "rmse", "rmse_loo", "kendall_tau", "tau_low", "tau_high", "perm_p", "q"),
    *("method", "flags"),
)


def regress(
    store: Store | str | Path | None = None,
    metrics: Sequence[str] | str = (),
    dataset: str | None = None,
    by: By = BY,
    method: str | None = None,
    *,
    accuracy: str | None = None,
    where: str | None = None,
    min_models: int = MIN_MODELS,
    mixed: bool = False,
    keep: bool = False,
    quality: Quality = QUALITY,
    seed: int = 0,
) -> pa.Table:
    """Reported accuracies regressed on quality metrics, with how sure one can be.

    A model counts once, at the revision committed last. What each column means, and how far to
    trust the intervals: docs/statistics.md.

    Args:
        store: a store, or what `open_store` takes.
        metrics: columns of `summaries`, or ``likeness:MEASURE:REFERENCE``; the means that are told
            unasked where empty, ``all`` for the mean of every averaged metric.
        dataset: only accuracies on this data set.
        by: a regression for each series or library, or over all models.
        method: only methods whose id begins with this.
        accuracy: only this kind of accuracy: ``top1``, ``top5``, ….
        where: an SQL condition on models, as `Selection` takes it.
        min_models: fewest models of a regression.
        mixed: across series instead: mixed effects beside the pooled line, whatever `by` says.
        keep: also add the rows to the table `regressions`, with the command that makes them.
        quality: ``all`` layers are averaged, or those with a ``clear`` tail.
        seed: of bootstrap and permutations.

    Returns:
        A row for every group (series or library, data set, accuracy, method) and metric: columns of
        the table `regressions`, less query and time; slopes in units of the accuracy (percent) per
        unit of the metric; `q` is Benjamini and Hochberg's over the rows' permutation p-values;
        null is what the data cannot tell. With `mixed` columns of `MixedRow`.

    Raises:
        QueryError: as `load_pairs`; also where no group has enough models, or min_models < 1.
        ZooError: both `mixed` and `keep`.
        StoreError: there is no store, or it cannot be written.
    """
    store = as_store(store)
    selection = Selection(listed(metrics), dataset, accuracy, method, where, quality)
    if mixed:
        if keep:
            raise ZooError("`keep` keeps plain regressions: leave out `mixed`")
        return mixed_table(store, selection, min_models)
    table = _table(store, selection, by, min_models, seed)
    if keep:
        _keep(store, table, _command(selection, by, min_models))
    return table


def _keep(store: Store, table: pa.Table, command: str) -> None:
    """Add the rows to the table `regressions`, once for each version of what they are made of."""
    key = {"query": command, "of_version": store.version_of("models", "layers", "accuracies")}
    kept = "SELECT count(*) FROM regressions WHERE query = $query AND of_version = $of_version"
    if store.run(kept, key)[0][0].as_py() == 0:
        for name, value in key.items():
            table = table.append_column(name, pa.repeat(value, len(table)))
        store.append("regressions", table)


def _table(store: Store, selection: Selection, by: By, min_models: int, seed: int) -> pa.Table:
    if by not in get_args(By):
        raise QueryError(f"by is {by!r}: use one of {', '.join(get_args(By))}")
    if min_models < 2:
        raise QueryError(f"min-models is {min_models}: at least 2, for one model makes no line")
    pairs = load_pairs(store, selection)
    groups = pairs.assign(group=None if by == "none" else pairs[by]).groupby(
        ["group", "dataset", "accuracy", "method"], dropna=False
    )
    rows: list[dict[str, Any]] = []
    largest = 0
    for (group, data, kind, how), models in groups:
        for metric in selection.columns:
            values = models[metric].astype(float)
            n = int(usable(values).sum())
            largest = max(largest, n)
            if n < min_models:
                continue
            fit = fitted(values, models["value"].astype(float), list(models["repo_id"]), seed=seed)
            names = {
                "series": group if isinstance(group, str) else None,
                "dataset": data,
                "accuracy": kind,
                "metric": metric,
                "method": how,
            }
            thin = int((models["coverage"][usable(values)] < LEAST_COVERAGE).sum())
            flags = [*fit.flags, *([f"{thin} of {n} measured in part"] if thin else [])]
            rows.append(names | asdict(fit) | {"flags": "; ".join(flags)})
    if not rows:
        raise QueryError(
            f"no group has {min_models} models with both a metric and an accuracy, the largest "
            f"has {largest}: {_remedy(by, largest)}"
        )
    q = benjamini_hochberg(np.array([row["perm_p"] for row in rows]))
    for row, value in zip(rows, q, strict=True):
        row["q"] = value
    # NaN becomes null.
    columns = [pa.array([row[f.name] for row in rows], f.type, from_pandas=True) for f in _SCHEMA]
    return pa.table(columns, schema=_SCHEMA)


def _remedy(by: By, largest: int) -> str:
    """What makes a group large enough, of what can: fewer models asked for, or pooling."""
    lower = ["lower `min_models`"] if largest > 1 else []
    pool = ["pool with `by` none"] if by != "none" else []
    return ", or ".join([*lower, *pool]) or "scan more models, or sync their accuracies"


def _command(selection: Selection, by: By, min_models: int) -> str:
    """The command that makes the same regressions."""
    asked = {
        "--dataset": selection.dataset,
        "--accuracy": selection.accuracy,
        "--where": selection.where,
        "--method": selection.method,
        "--quality": None if selection.quality == QUALITY else selection.quality,
    }
    words = [word for name in selection.metrics for word in ("--metric", name)]
    words += [word for key, value in asked.items() if value for word in (key, value)]
    return shlex.join(["zoo", "regress", *words, "--by", by, "--min-models", str(min_models)])
