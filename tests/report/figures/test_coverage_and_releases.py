"""What was left out, what failed and what appeared, as the questions of the same names have it."""

from datetime import UTC, datetime, timedelta

import altair as alt
import pyarrow as pa
import pytest

from tests.report.figures.conftest import datasets
from zoo_analysis.errors import QueryError
from zoo_analysis.imports.metric_tables import NO_ESDS, NO_LAYERS
from zoo_analysis.report import figures
from zoo_analysis.store import ModelRows, Store, open_store

NOW = datetime.now(UTC)
SHARES = (1.0, 0.97, 0.5)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three models of which a part was measured, failures of two causes, and events of two watches.

    Accuracy is 50 + 5 · alpha, but for the newest model's: 3 more on one data set, 1 less on
    the other.
    """
    store = open_store(tmp_path_factory.mktemp("watched") / "store")
    for i, share in enumerate([*SHARES, None]):
        model = {
            **{"repo_id": f"lab/m{i}", "revision": "r", "series": "s", "coverage": share},
            "parameters_total": None if share is None else 1000,
            "parameters_measured": None if share is None else int(900 * share),
        }
        left = [{"tensor": "bias", "count": 1, "elements": 100, "reason": "vector"}]
        if share is not None and share < 1:
            lost = round(900 * (1 - share))
            left.append({"tensor": "w", "count": 1, "elements": lost, "reason": "not-understood"})
        books = pa.Table.from_pylist(left) if share is not None else None
        averages = {"alpha": 2.0 + i}
        rows = ModelRows(model, "default", NO_LAYERS, NO_ESDS, averages, books)
        store.commit_models([rows], "scan")
    failed = {"scan_id": "scan", "revision": "r", "message": "why", "attempts": 1, "failed_at": NOW}
    failures = [
        {**failed, "repo_id": f"lab/bad{i}", "stage": "open", "error": error}
        for i, error in enumerate(["CheckpointError", "CheckpointError", "MemoryError"])
    ]
    failures.append({**failures[0], "error": "MemoryError"})
    store.append("failures", pa.Table.from_pylist(failures))
    reported = [
        {
            **{"repo_id": f"lab/m{i}", "dataset": dataset, "metric": "accuracy", "source": "test"},
            "value": 50 + 5 * (2.0 + i) + more * (i == 3),
        }
        for i in range(4)
        for dataset, more in (("d", 3), ("e", -1))
    ]
    store.append("accuracies", pa.Table.from_pylist(reported))
    events = [("one", "lab/m3", 2), ("one", "lab/m0", 50), ("two", "lab/unknown", 7)]
    releases = [
        {"watch": watch, "repo_id": model, "revision": "r", "event": "new"}
        | {"seen_at": NOW - timedelta(days=days)}
        for watch, model, days in events
    ]
    store.append("releases", pa.Table.from_pylist(releases))
    return store


def test_shares_elements_and_causes_are_those_of_the_tables(watched: Store) -> None:
    chart = figures.coverage(watched)
    alt.TopLevelSpec.validate(chart.to_dict())
    rows = [row for table in datasets(chart) for row in table]
    assert sorted(row["coverage"] for row in rows if "coverage" in row) == sorted(SHARES)
    elements = {row["what"]: row["elements"] for row in rows if "elements" in row}
    assert elements == {"measured": 900 + 873 + 450, "vectors": 300, "not understood": 27 + 450}
    causes = {row["cause"]: row["models"] for row in rows if "cause" in row}
    assert causes == {"open: CheckpointError": 2, "open: MemoryError": 2}
    told = " ".join(chart.to_dict()["title"]["subtitle"])
    assert "3 models whose elements are accounted for" in told
    assert "3 models failed; one that failed of several causes is drawn with each." in told


def test_a_store_without_any_of_it_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = open_store(tmp_path_factory.mktemp("empty") / "store")
    model = {"repo_id": "lab/m", "revision": "r"}
    store.commit_models([ModelRows(model, "default", NO_LAYERS, NO_ESDS, {"alpha": 3.0})], "scan")
    with pytest.raises(QueryError, match="no failures, and no model whose elements"):
        figures.coverage(store)
    with pytest.raises(QueryError, match="no releases"):
        figures.releases(store)


def test_events_stand_where_they_were_seen_and_new_models_beside_their_line(watched: Store) -> None:
    chart = figures.releases(watched, metric="alpha")
    alt.TopLevelSpec.validate(chart.to_dict())
    rows = [row for table in datasets(chart) for row in table]
    events = {row["model"]: row for row in rows if "seen" in row}
    assert set(events) == {"lab/m3", "lab/m0", "lab/unknown"}
    assert datetime.fromisoformat(events["lab/m3"]["seen"]) == NOW - timedelta(days=2)
    assert events["lab/unknown"]["state"] == "not scanned"
    beside = {row["model"]: row["residual"] for row in rows if "residual" in row}
    assert beside == {"lab/m3 on d": pytest.approx(3), "lab/m3 on e": pytest.approx(-1)}
    assert "through the rest of it: 1 of 2 models." in " ".join(
        chart.to_dict()["title"]["subtitle"]
    )
    other = figures.releases(watched, watch="two", metric="alpha")
    assert [row["model"] for table in datasets(other) for row in table] == ["lab/unknown"]
