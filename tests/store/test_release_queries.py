"""What the questions about releases answer, on rows that can be checked by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from statsmodels.api import OLS, add_constant

from zoo_analysis import open_store
from zoo_analysis.store import ModelRows, Store
from zoo_analysis.store.schemas import ACCURACIES, RELEASES

NOW = datetime.now(UTC)


def rows(repo_id: str, revision: str, alpha: float, modified: datetime) -> ModelRows:
    """A model of one layer."""
    layers = pa.table(
        {
            "layer": ["l"],
            "kind": ["linear"],
            "status": ["success"],
            "alpha": [alpha],
            "log_norm": [1.0],
        }
    )
    esds = pa.table({"layer": ["l"], "eigenvalues": [[1.0, 2.0]]})
    about = {"repo_id": repo_id, "revision": revision, "series": "s", "modified": modified}
    return ModelRows(about, "default", layers, esds)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three old models about the line accuracy = 100 - 10 alpha, a new one 5 points above that."""
    store = open_store(str(tmp_path / "store"))
    alphas = {"me/a": 2.0, "me/b": 3.0, "me/c": 4.0, "me/new": 5.0}
    batch = [rows(name, "r1", alpha, NOW) for name, alpha in alphas.items()]
    batch.append(rows("me/a", "r0", 2.5, NOW - timedelta(days=90)))
    store.commit_models(batch, "scan")
    told = [
        {"repo_id": n, "dataset": "d", "metric": "accuracy", "source": "card", "value": value}
        for n, value in {"me/a": 80.0, "me/b": 71.0, "me/c": 60.0, "me/new": 55.0}.items()
    ]
    store.append("accuracies", pa.Table.from_pylist(told, schema=ACCURACIES))
    monday = datetime(2025, 1, 6, tzinfo=UTC)
    seen = [
        ("w", "me/new", "r1", "new", NOW),
        ("w", "me/x", "r1", "new", monday),
        ("w", "me/x", "r2", "revision", monday + timedelta(days=6)),
        ("w", "me/x", "r2", "gated", monday + timedelta(days=7)),
    ]
    names = ("watch", "repo_id", "revision", "event", "seen_at")
    releases = [dict(zip(names, row, strict=True)) for row in seen]
    store.append("releases", pa.Table.from_pylist(releases, schema=RELEASES))
    return store


def test_releases_per_week(store: Store) -> None:
    names = ("new_models", "new_revisions", "gated")
    found = [tuple(row[n] for n in names) for row in store.run("releases-per-week").to_pylist()]
    assert found == [(1, 0, 0), (0, 0, 1), (1, 1, 0)]
    assert store.run("releases-per-week", {"watch": "other"}).num_rows == 0


def test_revision_changes(store: Store) -> None:
    (row,) = store.run("revision-changes").to_pylist()
    assert (row["repo_id"], row["before_revision"], row["revision"]) == ("me/a", "r0", "r1")
    assert (row["before"], row["after"], row["change"]) == (2.5, 2.0, -0.5)


def test_releases_against_series(store: Store) -> None:
    (row,) = store.run("releases-against-series", {"metric": "alpha"}).to_pylist()
    assert (row["repo_id"], row["accuracy"]) == ("me/new", 55.0)
    # me/a counts once, by its latest revision.
    line = OLS([80.0, 71.0, 60.0], add_constant([2.0, 3.0, 4.0])).fit()
    new = line.get_prediction([[1.0, 5.0]])
    assert row["n"] == 3
    assert row["expected"] == pytest.approx(new.predicted_mean[0])
    assert row["residual"] == pytest.approx(55.0 - new.predicted_mean[0])
    assert row["studentized"] == pytest.approx(row["residual"] / new.se_obs[0])
