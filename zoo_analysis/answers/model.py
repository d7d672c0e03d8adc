"""One model: its layers, averages, warnings and reported accuracies."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pyarrow as pa

from zoo_analysis.errors import QueryError
from zoo_analysis.store import Store

_SHOWN = (
    "depth, layer, kind, role, shape, N, M, num_evals, alpha, sigma, D, alpha_weighted, "
    "log_alpha_norm, log_norm, log_spectral_norm, stable_rank, num_spikes, mp_softrank, "
    "status, warning"
)


@dataclass(frozen=True)
class ModelReport:
    """What the store knows of one model under one method."""

    repo_id: str
    revision: str
    method: str
    model: Mapping[str, Any]
    averages: Mapping[str, Any]
    layers: pa.Table
    warnings: Mapping[str, int]
    accuracies: pa.Table

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **{name: getattr(self, name) for name in ("repo_id", "revision", "method")},
            "model": dict(self.model),
            "averages": dict(self.averages),
            "warnings": dict(self.warnings),
            "accuracies": self.accuracies.to_pylist(),
            "layers": self.layers.to_pylist(),
        }


def load_model(
    store: Store, name: str, revision: str | None = None, method: str | None = None
) -> ModelReport:
    """Find a model and gather its rows.

    Args:
        store: where to look.
        name: its repository id, or a part that only one has.
        revision: the beginning of one; None is the one committed last.
        method: the beginning of a method's id; None is the one committed last.

    Raises:
        QueryError: no such model, or several.
    """
    repo_id = find_model(store, name)
    found = store.sql(
        "SELECT revision, method FROM commits WHERE repo_id = $repo_id "
        "AND starts_with(revision, $revision) AND starts_with(method, $method) "
        "ORDER BY committed_at DESC LIMIT 1",
        {"repo_id": repo_id, "revision": revision or "", "method": method or ""},
    ).to_arrow_table()
    if not len(found):
        raise QueryError(f"{repo_id} has no revision {revision or 'any'} under {method or 'any'}")
    key = {"repo_id": repo_id, **found.to_pylist()[0]}
    where = "WHERE repo_id = $repo_id AND revision = $revision"
    model = _rows(store, f"FROM models {where}", key, "repo_id", "revision")[0]
    averages = _rows(store, f"FROM summaries {where} AND method = $method", key)[0]
    layers = store.sql(
        f"SELECT {_SHOWN} FROM layers {where} AND method = $method ORDER BY depth, layer", key
    ).to_arrow_table()
    accuracies = store.sql(
        "SELECT dataset, metric, split, value, source, source_url FROM accuracies "
        "WHERE repo_id = $repo_id ORDER BY ALL",
        {"repo_id": repo_id},
    ).to_arrow_table()
    warnings: dict[str, int] = {}
    for warning in layers["warning"].drop_null().to_pylist():
        warnings[warning] = warnings.get(warning, 0) + 1
    return ModelReport(
        **key,
        model=model,
        averages=averages,
        layers=layers,
        warnings=warnings,
        accuracies=accuracies,
    )


def _rows(store: Store, sql: str, key: Mapping[str, str], *used: str) -> list[dict[str, Any]]:
    params = {name: key[name] for name in used or key}
    rows: list[dict[str, Any]] = store.sql(sql, params).to_arrow_table().to_pylist()
    return rows


def find_model(store: Store, name: str) -> str:
    """The repository id that `name` is, or is a part of.

    Raises:
        QueryError: none, or several.
    """
    models = store.sql("SELECT DISTINCT repo_id FROM models").to_arrow_table()
    known: list[str] = models["repo_id"].to_pylist()
    if name in known:
        return name
    matches = sorted(repo_id for repo_id in known if name.lower() in repo_id.lower())
    if len(matches) == 1:
        return str(matches[0])
    if matches:
        raise QueryError(f"{name!r} is a part of {len(matches)} models: {', '.join(matches[:8])}")
    near = get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "zoo query models lists them"
    raise QueryError(f"no model {name!r} in the store; {hint}")
