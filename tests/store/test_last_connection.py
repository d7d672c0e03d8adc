"""Question after question to one store: nothing stale, nothing shared that should not be."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest

from zoo_analysis.errors import StoreError
from zoo_analysis.store import ModelRows, Store, upkeep

Make = Callable[..., ModelRows]


def test_a_question_sees_every_commit_before_it(store: Store, model_rows: Make) -> None:
    for i in range(3):
        store.commit_models([model_rows(f"lab/{i}")], "scan")
        assert store.run("SELECT count(*) FROM models")[0].to_pylist() == [i + 1]
        assert store.run("SELECT count(*) FROM models")[0].to_pylist() == [i + 1]
    upkeep.compact(store.location)
    upkeep.vacuum(store.location, timedelta(0))
    assert store.run("SELECT count(*) FROM layers")[0].to_pylist()[0] > 0


def test_a_store_removed_and_made_anew_is_another(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows("lab/old")], "scan")
    assert store.run("SELECT repo_id FROM models")[0].to_pylist() == ["lab/old"]
    shutil.rmtree(store.uri)
    with pytest.raises(StoreError, match="no store"):
        store.run("SELECT repo_id FROM models")
    store.commit_models([model_rows("lab/new")], "scan")
    assert store.run("SELECT repo_id FROM models")[0].to_pylist() == ["lab/new"]


def test_an_answer_not_yet_read_is_of_when_it_was_asked(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows("lab/a")], "scan")
    earlier = store.sql("SELECT repo_id FROM models")
    store.commit_models([model_rows("lab/b")], "scan")
    assert store.run("SELECT count(*) FROM models")[0].to_pylist() == [2]
    assert earlier.fetchall() == [("lab/a",)]


def test_questions_may_be_asked_from_many_threads(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows("lab/a")], "scan")
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(
            lambda i: store.run("SELECT $i AS i FROM models", {"i": i})["i"].to_pylist(), range(40)
        )
    assert list(answers) == [[i] for i in range(40)]


def test_times_are_utc_whoever_asks(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows("lab/a")], "scan")
    for _ in range(2):
        found = store.sql("SELECT TIMESTAMPTZ '2026-03-01 00:00:00+02'::VARCHAR").fetchall()
        assert found == [("2026-02-28 22:00:00+00",)]


def test_a_layer_with_an_alpha_but_no_success_is_refused(store: Store, model_rows: Make) -> None:
    rows = model_rows("lab/a")
    index = rows.layers.column_names.index("status")
    odd = rows.layers.set_column(index, "status", pa.array(["failed"] * len(rows.layers)))
    with pytest.raises(StoreError, match="has an alpha but no success"):
        store.commit_models([replace(rows, layers=odd)], "scan")
