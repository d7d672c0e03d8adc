"""Models with what predicts them, and what is reported of them on one data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.answers.defaults import LEAST_COVERAGE
from zoo_analysis.answers.names import the_one, there
from zoo_analysis.answers.points import models_where
from zoo_analysis.errors import QueryError
from zoo_analysis.store import Store
from zoo_analysis.store.schemas import SUMMARY_METRICS
from zoo_analysis.texts import few

if TYPE_CHECKING:
    import pandas as pd

#: The share of models with a report that have to have all that is to predict.
LEAST_KNOWN: Final = 0.9
#: Columns that a remark names.
_NAMED: Final = 6

# Each model once under each method, by the revision committed last; when a watch saw it.
_MODELS: Final = f"""
SELECT
    s.repo_id, s.revision, s.method, s.series, {", ".join(f"s.{m}" for m in SUMMARY_METRICS)},
    log10(nullif(m.parameters, 0)) AS size, coalesce(m.coverage, 1) AS coverage, m.pipeline_tag,
    l.committed_at, r.seen_at
FROM summaries s
JOIN latest l USING (repo_id, revision, method)
LEFT JOIN models m ON m.repo_id = s.repo_id AND m.revision = s.revision
LEFT JOIN (
    SELECT repo_id, revision, max(seen_at) AS seen_at FROM releases
    WHERE event IN ('new', 'revision') GROUP BY ALL
) r ON r.repo_id = s.repo_id AND r.revision = s.revision
WHERE $method IS NULL OR starts_with(s.method, $method)
ORDER BY s.method, s.repo_id
"""
_REPORTS: Final = """
SELECT repo_id, dataset, value FROM raw.accuracy_by_kind
WHERE metric = $accuracy AND ($dataset IS NULL OR dataset = $dataset)
ORDER BY dataset, repo_id
"""
_KINDS: Final = "SELECT DISTINCT dataset, metric FROM accuracy ORDER BY ALL"


@dataclass(frozen=True)
class Labelled:
    """One data set: models to predict from, and models to predict.

    Attributes:
        dataset: its name.
        accuracy: kind of accuracy.
        method: under which most of the reported models were measured.
        known: models with a report, its `value`, and a series, that have all of `columns`.
        wanted: models to predict, new releases first, with the `value` that is reported of them,
            and whether a known model is `of_task`, the same `pipeline_tag`.
        columns: what may predict: `size` (log10 parameters) and metrics of `summaries`.
        remarks: what was left out, in words.
    """

    dataset: str
    accuracy: str
    method: str
    known: "pd.DataFrame"
    wanted: "pd.DataFrame"
    columns: tuple[str, ...]
    remarks: tuple[str, ...]


def labelled(
    store: Store,
    dataset: str | None,
    accuracy: str,
    method: str | None,
    where: str | None,
    models: Sequence[str],
) -> list[Labelled]:
    """Data sets with their known models and those to predict.

    Args:
        store: with summaries and accuracies.
        dataset: only this one.
        accuracy: kind of accuracy; ``top1`` and ``accuracy`` are the same.
        method: only methods whose id begins with this.
        where: an SQL condition on models, as `points.Selection` takes it.
        models: repo_ids to predict, or parts that only one has, whatever is reported of them; empty
            for all without a report.

    Raises:
        QueryError: no model measured, or none of them with a report; a data set, kind of accuracy,
            method or model that is not there.
    """
    kind = "accuracy" if accuracy == "top1" else accuracy
    measured = store.run(_MODELS, {"method": method}).to_pandas()
    if where is not None:
        measured = measured[measured["repo_id"].isin(models_where(store, where))]
    names = sorted(set(measured["repo_id"]))
    models = [the_one(model, names, "measured model") for model in models]
    if not len(measured):
        raise QueryError("no model was measured; run `zoo scan`, or name another method")
    reports = store.run(_REPORTS, {"accuracy": kind, "dataset": dataset}).to_pandas()
    if not len(reports):
        kinds = [f"{row['metric']} on {row['dataset']}" for row in store.run(_KINDS).to_pylist()]
        on = f" on {dataset!r}" if dataset else ""
        raise QueryError(f"no {accuracy} is reported{on}; {there(kinds)}")
    found = [
        _dataset(str(name), kind, measured, rows, models)
        for name, rows in reports.groupby("dataset", sort=True)
        if measured["repo_id"].isin(rows["repo_id"]).any()
    ]
    if not found:
        raise QueryError("no model that was measured has a report; repo_id must be the same")
    return found


def _dataset(
    dataset: str,
    accuracy: str,
    measured: "pd.DataFrame",
    reports: "pd.DataFrame",
    models: Sequence[str],
) -> Labelled:
    rows = measured.merge(reports[["repo_id", "value"]], how="left", on="repo_id")
    told = rows[rows["value"].notna()]
    by_method = told.groupby("method").size()
    method = str(by_method.sort_values(kind="stable").index[-1])
    rows = rows[rows["method"] == method]
    reported = rows["value"].notna()
    asked = rows["repo_id"].isin(models) if models else ~reported
    known = rows[reported & ~rows["repo_id"].isin(models)]
    remarks = []
    if len(by_method) > 1:
        remarks.append(f"of {len(by_method)} methods the one with the most reports, {method}")
    tasks = set(known["pipeline_tag"].where(known["pipeline_tag"].notna(), None))
    of_task = rows["pipeline_tag"].where(rows["pipeline_tag"].notna(), None).isin(tasks)
    if not models and (others := int((asked & ~of_task).sum())):
        remarks.append(f"{others} without a report, of tasks that no known model has, passed over")
        asked &= of_task
    elsewhere = set(models) if models else set(measured["repo_id"]) - set(told["repo_id"])
    if absent := sorted(elsewhere - set(rows["repo_id"])):
        remarks.append(f"not measured by {method}, so not predicted: {few(absent, _NAMED)}")
    wanted = rows.assign(of_task=of_task)[asked]
    for what, out in (
        ("without a series", known["series"].isna()),
        ("measured in part", known["coverage"] < LEAST_COVERAGE),
    ):
        if number := int(out.sum()):
            remarks.append(f"{number} with a report but {what} set aside")
        known = known[~out.reindex(known.index)]
    named = ("size", *SUMMARY_METRICS)
    finite = np.isfinite(known[list(named)].to_numpy(dtype=float))
    whole, columns = _known_together(named, finite)
    if lacking := [n for n in named if n not in columns]:
        remarks.append(f"too seldom known to predict: {few(lacking, _NAMED)}")
    if number := int((~whole).sum()):
        remarks.append(f"{number} with a report but not all that predicts set aside")
    known = known[whole]
    for what, column in (("accuracy", "value"), ("number of parameters", "size")):
        if len(known) > 1 and len(set(known[column])) == 1:
            remarks.append(f"all {len(known)} with a report have the same {what}")
    wanted = wanted.sort_values(
        ["seen_at", "committed_at", "repo_id"], ascending=[False, False, True], kind="stable"
    )
    return Labelled(dataset, accuracy, method, known, wanted, columns, tuple(remarks))


def _known_together(
    names: Sequence[str], finite: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """The models (n,) that have all of some columns, and these, of all (n, columns) that are known.

    Columns are taken in the order of how many models have them, as long as enough have all.
    """
    whole = np.ones(len(finite), dtype=bool)
    taken: set[int] = set()
    for at in np.argsort(-finite.sum(0), kind="stable").tolist():
        if (left := whole & finite[:, at]).sum() >= LEAST_KNOWN * max(len(finite), 1):
            whole = left
            taken.add(at)
    return whole, tuple(name for at, name in enumerate(names) if at in taken)
