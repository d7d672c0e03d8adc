"""Reported accuracies: every source is kept, nothing is stored twice, one is picked."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from zoo_analysis.errors import StoreError
from zoo_analysis.store import Store

DAY = [datetime(2024, 1, day, tzinfo=UTC) for day in range(1, 5)]


def report(store: Store, value: float, source: str = "card", **more: object) -> None:
    row = {"repo_id": "lab/net", "dataset": "digits", "metric": "accuracy", **more}
    store.append("accuracies", pa.Table.from_pylist([{**row, "value": value, "source": source}]))


def values(store: Store, view: str) -> list[tuple[str, float]]:
    rows = store.run(f"SELECT source, value FROM {view} ORDER BY ALL").to_pylist()
    return [(row["source"], row["value"]) for row in rows]


def stored(store: Store) -> int:
    return int(store.run("SELECT count(*) AS n FROM raw.accuracies")["n"][0].as_py())


def test_the_latest_report_of_a_source_counts(store: Store) -> None:
    report(store, 90.0, retrieved_at=DAY[0])
    report(store, 91.0, retrieved_at=DAY[2])
    report(store, 80.0, retrieved_at=DAY[1])
    assert values(store, "accuracies") == [("card", 91.0)]


def test_reporting_the_same_again_stores_nothing(store: Store) -> None:
    for day in DAY:
        report(store, 90.0, retrieved_at=day)
    assert stored(store) == 1


def test_a_number_that_changes_and_changes_back_is_stored_thrice(store: Store) -> None:
    for value, day in zip((90.0, 91.0, 90.0), DAY, strict=False):
        report(store, value, retrieved_at=day)
    assert stored(store) == 3
    assert values(store, "accuracies") == [("card", 90.0)]


def test_a_source_that_contradicts_itself_does_not_grow_the_table(store: Store) -> None:
    row = {"repo_id": "a", "dataset": "d", "metric": "m", "source": "card"}
    twice = pa.Table.from_pylist([{**row, "value": 1.0}, {**row, "value": 2.0}])
    store.append("accuracies", twice)
    store.append("accuracies", twice)
    assert values(store, "accuracies") == [("card", 1.0)]
    assert stored(store) == 1


def test_rows_get_the_time_they_were_retrieved(store: Store) -> None:
    before = datetime.now(UTC)
    report(store, 90.0)
    (at,) = store.run("SELECT retrieved_at FROM accuracies")["retrieved_at"].to_pylist()
    assert before <= at <= datetime.now(UTC)


def test_sources_are_all_kept_and_the_more_accountable_is_picked(store: Store) -> None:
    order = ["a paper", "eval-results", "timm-csv", "torchvision", "card"]
    for rank, source in reversed(list(enumerate(order))):
        report(store, float(rank), source)
        assert values(store, "accuracy") == [(source, float(rank))]
    assert len(values(store, "accuracies")) == 5


def test_models_data_sets_and_metrics_are_kept_apart(store: Store) -> None:
    report(store, 1.0)
    report(store, 2.0, dataset="mnist")
    report(store, 3.0, metric="top5")
    report(store, 4.0, repo_id="lab/other")
    assert [value for _, value in values(store, "accuracy")] == [1.0, 2.0, 3.0, 4.0]


def test_other_events_are_shown_once(store: Store) -> None:
    release = {"watch": "w", "repo_id": "r", "revision": "1", "event": "new model"}
    for day in DAY:
        store.append("releases", pa.Table.from_pylist([{**release, "seen_at": day}]))
    assert store.run("SELECT seen_at FROM releases")["seen_at"].to_pylist() == [DAY[0]]


def test_a_scan_that_is_recorded_at_its_start_and_its_end_is_one_row(store: Store) -> None:
    start = {"scan_id": "s", "started_at": DAY[0]}
    store.append("scans", pa.Table.from_pylist([start]))
    store.append("scans", pa.Table.from_pylist([{**start, "finished_at": DAY[1], "scanned": 3}]))
    assert store.run("SELECT scanned FROM scans")["scanned"].to_pylist() == [3]


def test_a_misspelt_column_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="accuracies has no column datset"):
        store.append("accuracies", pa.table({"datset": ["x"]}))
