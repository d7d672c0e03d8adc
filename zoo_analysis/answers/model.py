"""One model: its layers, averages, warnings and reported accuracies."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from zoo_analysis.answers.names import find_model, there
from zoo_analysis.errors import QueryError
from zoo_analysis.lookup import near
from zoo_analysis.spectra.metrics import SHOWN
from zoo_analysis.store import Store, as_store

_LAYERS = f"""
SELECT depth, layer, kind, role, shape, N, M, num_evals, {", ".join(SHOWN)}, status, warning
FROM layers WHERE repo_id = $repo_id AND revision = $revision AND method = $method
    AND role IS DISTINCT FROM 'slice'
ORDER BY depth, layer
"""


@dataclass(frozen=True)
class ModelReport:
    """All that the store knows of one model under one method.

    Attributes:
        repo_id, revision, method: of the model.
        model: its row of `models`.
        averages: its row of `summaries`.
        layers: a row a layer, in the order of depth: the metrics that are declared as shown.
        warnings: how many layers have each.
        left_out: tensors, count, elements and reason of what was not measured, the largest first.
        accuracies: reported ones, with their sources.
        imported_from: the files that they come from, where they were computed elsewhere.
    """

    repo_id: str
    revision: str
    method: str
    model: Mapping[str, Any]
    averages: Mapping[str, Any]
    layers: pa.Table
    warnings: Mapping[str, int]
    left_out: pa.Table
    accuracies: pa.Table
    imported_from: tuple[str, ...] = ()

    @property
    def counts(self) -> str:
        """The numbers of layers that other numbers are of, in a sentence."""
        if not len(self.layers):
            origin = f" imported from {', '.join(self.imported_from)}" * bool(self.imported_from)
            return f"no layers: averages only,{origin or ' of layers that were not kept'}"
        listed, averaged = len(self.layers), self.averages["layers"]
        noun = "layer" if listed == 1 else "layers"
        return (
            f"{listed} {noun}: {averaged} averaged (fitted; no embeddings, parts of fused layers "
            f"or degenerate tails), {self.averages['judged']} judged random-like or not"
        )

    @property
    def key(self) -> dict[str, str]:
        """Columns that single out its rows."""
        return {"repo_id": self.repo_id, "revision": self.revision, "method": self.method}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **self.key,
            "model": dict(self.model),
            "averages": dict(self.averages),
            "warnings": dict(self.warnings),
            "left_out": self.left_out.to_pylist(),
            "accuracies": self.accuracies.to_pylist(),
            "imported_from": list(self.imported_from),
            "layers": self.layers.to_pylist(),
        }


def show(
    store: Store | str | Path | None,
    model: str,
    revision: str | None = None,
    method: str | None = None,
) -> ModelReport:
    """A model's layers, averages, warnings and reported accuracies.

    Args:
        store: a store, or what `open_store` takes.
        model: its repository id, or a part that only one has.
        revision: the beginning of one; None is the one committed last.
        method: the beginning of a method's id; None is the one committed last, of layers' weights
            and not of differences or blocks where there is one.

    Raises:
        QueryError: no such model, or several.
        StoreError: there is no store.
    """
    store = as_store(store)
    repo_id = find_model(store, model)
    found = store.sql(
        "SELECT revision, method FROM commits WHERE repo_id = $repo_id "
        "AND starts_with(revision, $revision) AND starts_with(method, $method) "
        "ORDER BY raw.derived(method), committed_at DESC LIMIT 1",
        {"repo_id": repo_id, "revision": revision or "", "method": method or ""},
    ).fetchall()
    if not found:
        raise QueryError(_not_there(store, repo_id, revision, method))
    one = {"repo_id": repo_id, "revision": found[0][0]}
    key = {**one, "method": found[0][1]}
    where = "WHERE repo_id = $repo_id AND revision = $revision"
    layers = store.run(_LAYERS, key)
    return ModelReport(
        **key,
        model=_record(store.sql(f"FROM models {where}", one)),
        averages=_record(store.sql(f"FROM summaries {where} AND method = $method", key)),
        layers=layers,
        warnings=Counter(
            name for text in layers["warning"].drop_null().to_pylist() for name in text.split(", ")
        ),
        left_out=store.run(
            "SELECT tensor, count, elements, reason FROM left_out "
            f"{where} ORDER BY elements DESC, tensor",
            one,
        ),
        accuracies=store.run(
            "SELECT dataset, metric, split, value, source, source_url FROM accuracies "
            "WHERE repo_id = $repo_id ORDER BY ALL",
            {"repo_id": repo_id},
        ),
        imported_from=_files(store, key),
    )


def _files(store: Store, key: Mapping[str, str]) -> tuple[str, ...]:
    """The files that an imported model comes from, or from one of which."""
    told = store.run(
        "SELECT s.config FROM commits c JOIN scans s USING (scan_id) WHERE c.repo_id = $repo_id "
        "AND c.revision = $revision AND c.method = $method AND starts_with(scan_id, 'import')",
        key,
    )["config"].to_pylist()
    return tuple(name for text in told for name in json.loads(text)["import"])


def _not_there(store: Store, repo_id: str, revision: str | None, method: str | None) -> str:
    known = store.run(
        "SELECT revision, method FROM commits WHERE repo_id = $repo_id ORDER BY committed_at DESC",
        {"repo_id": repo_id},
    ).to_pylist()
    methods = list(dict.fromkeys(row["method"] for row in known))
    revisions = list(dict.fromkeys(row["revision"] for row in known))
    if method and not any(each.startswith(method) for each in methods):
        hint = near(method, methods, f"it was measured by {', '.join(methods)}")
        return f"{repo_id} was not measured by a method {method!r}; {hint}"
    if revision and not any(each.startswith(revision) for each in revisions):
        return f"{repo_id} has no revision {revision!r}; {there(revisions)}"
    pairs = [f"{row['revision']} by {row['method']}" for row in known]
    return (
        f"{repo_id} was not measured at revision {revision!r} by method {method!r}; {there(pairs)}"
    )


def _record(row: duckdb.DuckDBPyRelation) -> dict[str, Any]:
    return dict(zip(row.columns, row.fetchall()[0], strict=True))
