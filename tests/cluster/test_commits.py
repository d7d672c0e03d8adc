"""A run is recorded and what it did is kept, whatever ends it."""

import json
import shutil
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.support.small_models import model_rows
from zoo_analysis import open_store, status
from zoo_analysis.cluster import commits
from zoo_analysis.cluster.account import CorrelateSummary, Event, Summary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.worker import Failure
from zoo_analysis.errors import StoreError
from zoo_analysis.sources import ModelRef
from zoo_analysis.store import Store, tables, upkeep

REF = ModelRef("lab/net", "r1", "/net", "local", 100)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def rows(store: Store, sql: str) -> list[tuple[object, ...]]:
    return store.sql(sql).fetchall()


def test_a_run_that_breaks_off_keeps_what_it_did_and_says_so(store: Store) -> None:
    summary = Summary(store.uri, "default")

    def broken_off() -> None:
        with RunWriter(store, summary, None, {"device": "cpu"}) as writer:
            writer.add_model(model_rows("lab/net", "r1"))
            writer.fail(Failure(REF, "open", "ZooError", "no weights"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert store.committed() == {("lab/net", "r1", "default")}
    assert (summary.scanned, summary.layers, summary.failed) == (1, 2, 1)
    ((scan_id, method, scanned, failed, config),) = rows(
        store, "SELECT scan_id, method, scanned, failed, config FROM scans"
    )
    assert (scan_id, method, scanned, failed) == (summary.scan_id, "default", 1, 1)
    assert json.loads(str(config)) == {"device": "cpu"}
    assert rows(store, "SELECT scan_id, stage, message FROM failures") == [
        (summary.scan_id, "open", "no weights")
    ]


def test_what_comes_last_is_committed_while_the_rest_is_still_being_done(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "_LAST_SECONDS", 0.0)
    with RunWriter(store, Summary(store.uri, "default"), None, {}) as writer:
        writer.add_model(model_rows("lab/a", "r1"))
        writer.commit_if_due()
        assert not writer._underway, "more is to be begun"
        writer.ending = True
        writer.commit_if_due()
        assert writer._underway
        writer.commit()
        assert store.committed() == {("lab/a", "r1", "default")}


def test_where_models_cannot_be_committed_failures_and_the_run_still_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise StoreError("no room")

    def run() -> None:
        with RunWriter(store, Summary(store.uri, "default"), None, {}) as writer:
            writer.add_model(model_rows("lab/net"))
            writer.fail(Failure(REF, "open", "ZooError", "no weights"))

    monkeypatch.setattr(Store, "publish", refused)
    monkeypatch.setattr(commits, "_AGAIN", (0.0, 0.0))
    with pytest.raises(StoreError, match="no room"):
        run()
    assert rows(store, "SELECT scanned, failed FROM scans") == [(0, 1)]
    assert rows(store, "SELECT message FROM failures") == [("no weights",)]


def test_a_run_whose_end_finds_no_room_has_failed_and_is_said_to_have_what_is_in_the_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "_AGAIN", ())
    summary = Summary(store.uri, "default")

    def run() -> None:
        with RunWriter(store, summary, None, {}) as writer:
            writer.watched.progress.begin(7, 700)
            for name in ("lab/a", "lab/b", "lab/c"):
                writer.add_model(model_rows(name))
                writer.tell(Event("scanned", name, 2, 100))
            writer.commit()
            for name in ("lab/d", "lab/e"):
                writer.add_model(model_rows(name))
                writer.tell(Event("scanned", name, 2, 100))
            full = shutil.disk_usage(store.uri)._replace(free=0)
            monkeypatch.setattr("zoo_analysis.folders.shutil.disk_usage", lambda path: full)

    with pytest.raises(StoreError, match=r"cannot write table 'layers' .* No space left") as broken:
        run()
    assert broken.value.__notes__ == [
        f"3 models of this scan are in {store.uri}: the same command goes on from there"
    ]
    (told,) = status(store).runs
    assert (told.scan_id, told.state) == (summary.scan_id, "failed")
    assert (told.done, told.total, told.waiting, told.layers) == (3, 7, 4, 6)
    monkeypatch.undo()
    assert upkeep.vacuum(store.location, timedelta(days=7))[-1] == upkeep.Vacuumed("runs", 0)
    assert upkeep.vacuum(store.location, timedelta(0))[-1] == upkeep.Vacuumed("runs", 1)
    (recorded,) = status(store).runs
    assert (recorded.state, recorded.done, recorded.total) == ("died", 3, None)


def until(fact: Callable[[], bool], writer: RunWriter[Summary]) -> bool:
    end = time.monotonic() + 30
    while not fact() and time.monotonic() < end:
        writer.commit_if_due()
        time.sleep(0.01)
    return fact()


def test_models_are_committed_when_a_batch_is_full_and_not_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "_MODELS", 32)
    monkeypatch.setattr(commits, "BATCH_SECONDS", 600)
    summary = Summary(store.uri, "default")
    with RunWriter(store, summary, None, {}) as writer:
        for i in range(31):
            writer.add_model(model_rows(f"lab/net{i}"))
            writer.commit_if_due()
        assert store.committed() == set()
        writer.add_model(model_rows("lab/last"))
        assert until(lambda: summary.scanned == 32, writer)
        assert len(store.committed()) == 32


def test_a_run_goes_on_while_a_batch_is_committed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "_MODELS", 1)
    publish, gone_on = Store.publish, threading.Event()

    def slow(*arguments: Any) -> None:
        assert gone_on.wait(30)
        publish(*arguments)

    monkeypatch.setattr(Store, "publish", slow)
    with RunWriter(store, Summary(store.uri, "default"), None, {}) as writer:
        for i in range(3):
            writer.add_model(model_rows(f"lab/net{i}"))
            writer.commit_if_due()
        gone_on.set()
    assert len(store.committed()) == 3


@pytest.mark.parametrize("table", ["layers", "models", "commits"])
def test_a_commit_that_failed_half_way_is_tried_again_and_nothing_is_there_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    append, failures = tables.append, [OSError("No space left on device (os error 28)")]

    def full_once(location: tables.Location, name: str, rows: pa.Table) -> None:
        if name == table and failures:
            raise StoreError(f"cannot write: {failures.pop()}")
        append(location, name, rows)

    monkeypatch.setattr(tables, "append", full_once)
    monkeypatch.setattr(commits, "_AGAIN", (0.0,))
    summary = Summary(store.uri, "default")
    with RunWriter(store, summary, None, {}) as writer:
        writer.add_model(model_rows("lab/a"))
        writer.add_model(model_rows("lab/b"))
    assert not failures
    assert (summary.scanned, summary.failed, summary.layers) == (2, 0, 4)
    sql = "SELECT repo_id, layer, eigenvalues FROM layers JOIN esds USING (repo_id, layer)"
    assert len(rows(store, sql)) == 4
    assert rows(store, "SELECT repo_id FROM models ORDER BY repo_id") == [("lab/a",), ("lab/b",)]


def test_of_models_that_cannot_be_written_together_each_good_one_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = tables.append

    def picky(location: tables.Location, name: str, rows: pa.Table) -> None:
        if name == "models" and "lab/odd" in rows["repo_id"].to_pylist():
            raise StoreError("an odd one")
        append(location, name, rows)

    monkeypatch.setattr(tables, "append", picky)
    monkeypatch.setattr(commits, "_AGAIN", ())
    summary = Summary(store.uri, "default")
    with RunWriter(store, summary, None, {}) as writer:
        for name in ("lab/a", "lab/odd", "lab/b"):
            writer.add_model(model_rows(name))
    assert {repo_id for repo_id, *_ in store.committed()} == {"lab/a", "lab/b"}
    assert rows(store, "SELECT repo_id, stage FROM failures") == [("lab/odd", "commit")]
    assert (summary.scanned, summary.failed) == (2, 1)


def test_rows_of_pairs_carry_the_run_that_made_them(store: Store) -> None:
    summary = CorrelateSummary(store.uri)
    pair = {"repo_id_a": "a", "repo_id_b": "b", "measure": "cka", "value": 0.5}
    with RunWriter(store, summary, None, {}) as writer:
        writer.similarities.append(pa.Table.from_pylist([pair]))
    assert rows(store, "SELECT run_id, value FROM similarities") == [(summary.run_id, 0.5)]
    assert summary.rows == 1
    assert rows(store, "SELECT scan_id, method FROM scans") == [(summary.run_id, "correlate")]


def test_failures_are_counted_told_and_spelled_out(store: Store) -> None:
    events: list[Event] = []
    summary = Summary(store.uri, "default")
    failure = Failure(REF, "measure", "ZooError", "too large", 3)
    with RunWriter(store, summary, events.append, {}) as writer:
        writer.fail(failure, done=40)
        writer.note(failure.about("with lab/other"))
    assert events == [Event("failed", "lab/net", bytes=60)]
    told = {"repo_id": "lab/net", "stage": "measure", "error": "ZooError"}
    assert summary.as_dict()["failures"] == [
        told | {"message": "too large"},
        told | {"message": "with lab/other: too large"},
    ]
    assert json.loads(json.dumps(summary.as_dict()))["failed"] == 2
