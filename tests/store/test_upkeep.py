"""A store that grows: earlier versions, merged files, removed files, and whether all agrees."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from tests.support.command import zoo
from zoo_analysis.errors import StoreError, ZooError
from zoo_analysis.store import ModelRows, Store, open_store, tables, upkeep
from zoo_analysis.store.history import history
from zoo_analysis.store.integrity import check
from zoo_analysis.store.model_rows import assemble, joined

Make = Callable[..., ModelRows]
WEEK = timedelta(days=7)


def repo_ids(store: Store) -> list[str]:
    return store.run("SELECT DISTINCT repo_id FROM layers ORDER BY 1")["repo_id"].to_pylist()


def files(store: Store, name: str) -> list[str]:
    table = tables.load(store.location, name)
    assert table is not None
    return tables.local_files(table)


@pytest.fixture
def grown(store: Store, model_rows: Make) -> Store:
    """Five commits of a model each, in no order of their names."""
    for name in ("lab/c", "lab/a", "lab/e", "lab/b", "lab/d"):
        store.commit_models([model_rows(name)], "scan")
    return store


def test_every_commit_of_every_table_is_a_version_of_the_store(grown: Store) -> None:
    commits = history(grown.location)
    assert [commit.version for commit in commits] == list(range(len(commits)))
    assert [c.time for c in commits] == sorted(c.time for c in commits)
    written = [c for c in commits if c.operation == "WRITE"]
    assert len(written) == 5 * 4
    assert [c.table for c in written[:4]] == ["layers", "esds", "models", "commits"] or {
        c.table for c in written[:4]
    } == {"layers", "esds", "models", "commits"}
    assert {c.rows for c in written if c.table == "layers"} == {2}


def test_a_store_can_be_read_as_of_each_version(grown: Store) -> None:
    published = [c.version for c in history(grown.location) if c.table == "commits" and c.rows]
    seen = []
    for version in published:
        then = open_store(grown.uri, as_of=version)
        assert len(then.committed()) == len(repo_ids(then))
        seen.append(repo_ids(then))
        before = open_store(grown.uri, as_of=version - 1)
        assert len(before.committed()) == len(then.committed()) - 1, "published by this commit"
    assert [len(names) for names in seen] == [1, 2, 3, 4, 5]
    assert seen[1] == ["lab/a", "lab/c"]


def test_a_version_that_never_was_names_the_present_one(grown: Store) -> None:
    last = len(history(grown.location)) - 1
    with pytest.raises(StoreError, match=rf"no version {last + 1}: the present one is {last}"):
        open_store(grown.uri, as_of=last + 1)


def test_an_earlier_version_is_read_only(grown: Store, model_rows: Make) -> None:
    then = open_store(grown.uri, as_of=8)
    with pytest.raises(StoreError, match="read-only"):
        then.commit_models([model_rows("lab/z")], "scan")
    with pytest.raises(StoreError, match="read-only"):
        upkeep.compact(then.location)


def test_compaction_merges_files_orders_models_and_changes_no_answer(grown: Store) -> None:
    before = grown.run("SELECT * FROM layers ORDER BY ALL")
    version = len(history(grown.location)) - 1
    done = {part.table: part for part in upkeep.compact(grown.location)}
    assert (done["layers"].files_before, done["layers"].files_after) == (5, 1)
    assert {part.files_after for part in done.values()} == {1}
    assert grown.run("SELECT * FROM layers ORDER BY ALL").equals(before)
    (file,) = files(grown, "layers")
    names = pq.read_table(file)["repo_id"].to_pylist()
    assert names == sorted(names)
    assert open_store(grown.uri, as_of=version).run("FROM layers ORDER BY ALL").equals(before)


def test_a_second_compaction_has_nothing_to_do(grown: Store, model_rows: Make) -> None:
    upkeep.compact(grown.location)
    commits = len(history(grown.location))
    assert all(not part.rewritten for part in upkeep.compact(grown.location))
    assert len(history(grown.location)) == commits
    grown.commit_models([model_rows("lab/f")], "scan")
    assert any(part.rewritten for part in upkeep.compact(grown.location))


def test_compaction_keeps_how_files_are_written(grown: Store) -> None:
    (before, *_), _ = files(grown, "esds"), upkeep.compact(grown.location)
    old, new = pq.ParquetFile(before), pq.ParquetFile(files(grown, "esds")[0])
    codec = [f.metadata.row_group(0).column(0).compression for f in (old, new)]
    assert codec == ["ZSTD", "ZSTD"]


def test_a_vacuum_keeps_what_the_retention_needs(grown: Store) -> None:
    upkeep.compact(grown.location)
    assert sum(part.files for part in upkeep.vacuum(grown.location, WEEK)) == 0
    counted = upkeep.vacuum(grown.location, timedelta(0), dry_run=True)
    assert sum(part.files for part in counted) == 5 * 4
    assert repo_ids(open_store(grown.uri, as_of=11))
    removed = upkeep.vacuum(grown.location, timedelta(0))
    assert [part.files for part in removed] == [part.files for part in counted]
    assert len(repo_ids(grown)) == 5
    with pytest.raises(StoreError, match="a vacuum removed files of it"):
        open_store(grown.uri, as_of=11).run("FROM layers")


def test_a_vacuum_removes_what_a_crashed_writer_left(grown: Store) -> None:
    import os

    stray = Path(grown.uri) / "layers" / "part-stray.parquet"
    stray.write_bytes(b"half a file")
    old = (datetime.now(UTC) - timedelta(days=30)).timestamp()
    os.utime(stray, (old, old))
    upkeep.vacuum(grown.location, WEEK)
    assert not stray.exists()
    assert len(repo_ids(grown)) == 5


def measured(name: str, **changes: object) -> ModelRows:
    """A layer with the spectrum 9 and 16, whose numbers agree with it unless they are changed."""
    row = {
        "layer": "fc",
        "depth": 0,
        "kind": "linear",
        "rf": 1,
        "status": "success",
        "alpha": 3.0,
        "lambda_max": 16.0,
        "log_norm": 1.3979400086720377,  # log10 25
        **changes,
    }
    esds = pa.table({"layer": ["fc"], "eigenvalues": [[9.0, 16.0]]})
    method = str(changes.pop("method", "default"))
    row.pop("method", None)
    return ModelRows({"repo_id": name, "revision": "r"}, method, pa.Table.from_pylist([row]), esds)


def test_tables_that_agree_have_no_problem(store: Store) -> None:
    store.commit_models([measured("lab/a"), measured("lab/b")], "scan")
    found = check(store)
    assert (found.models, found.layers, found.spectra, found.problems) == (2, 2, 2, ())
    assert found.table().num_rows == 0


def test_what_does_not_agree_is_named(store: Store) -> None:
    store.commit_models(
        [
            measured("lab/max", lambda_max=16.1),
            measured("lab/sum", log_norm=1.4),
            measured("lab/mean", rf=9, method="nature2021-ab", lambda_max=3.0, log_norm=2.0),
            ModelRows(
                {"repo_id": "lab/none", "revision": "r"},
                "default",
                measured("x").layers,
                measured("x").esds.slice(0, 0),
            ),
            ModelRows(
                {"repo_id": "lab/empty", "revision": "r"},
                "default",
                measured("x").layers.slice(0, 0),
                measured("x").esds.slice(0, 0),
            ),
        ],
        "scan",
    )
    found = {problem.repo_id: problem for problem in check(store).problems}
    assert {name: problem.problem for name, problem in found.items()} == {
        "lab/max": "λ_max is not the spectrum's",
        "lab/sum": "log_norm is not log Σλ of the spectrum",
        "lab/none": "a layer has numbers and no spectrum",
        "lab/empty": "a published model has neither layers nor averages",
    }
    assert found["lab/max"].layer == "fc"
    assert found["lab/max"].detail == "16.1, spectrum 16"


def test_books_that_do_not_balance_are_found(store: Store) -> None:
    books = {"parameters_total": 100, "parameters_measured": 60, "coverage": 1.0}
    left = pa.table({"tensor": ["*"], "count": [2], "elements": [40], "reason": ["vector"]})
    even, short = measured("lab/even"), measured("lab/short")
    store.commit_models(
        [
            replace(even, model={**even.model, **books}, left_out=left),
            replace(short, model={**short.model, **books}, left_out=left.slice(0, 0)),
        ],
        "scan",
    )
    (problem,) = check(store).problems
    assert (problem.repo_id, problem.problem) == ("lab/short", "the books do not balance")
    assert problem.detail == "60 of 100 measured, 0 left out"


def test_an_interrupted_commit_is_no_problem_but_counted(store: Store) -> None:
    store.commit_models([measured("lab/a")], "scan")
    for name, rows in joined([assemble([measured("lab/b")])], "scan").items():
        if name != "commits":
            tables.append(store.location, name, rows)
    found = check(store)
    assert (found.models, found.unpublished, found.problems) == (1, 1, ())


def test_a_lost_file_and_a_doubled_layer_are_found(store: Store) -> None:
    store.commit_models([measured("lab/a")], "scan")
    rows = tables.dataset(
        store.location,
        tables.load(store.location, "layers"),  # type: ignore[arg-type]
    ).to_table()
    write_deltalake(store.location.table_uri("layers"), rows, mode="append")
    problems = {problem.problem for problem in check(store).problems}
    assert "a layer is there twice" in problems
    Path(files(store, "esds")[0]).unlink()
    (lost,) = check(store).problems
    assert lost.problem == "a data file is missing"


def test_the_commands(grown: Store) -> None:
    def asked(*arguments: str) -> tuple[int, str]:
        answer = zoo(*arguments, "--store", grown.uri)
        return answer.code, answer.out + answer.err

    code, text = asked("store", "history", "-f", "json")
    commits = json.loads(text)
    assert code == 0
    assert set(commits[0]) >= {"version", "time", "table", "operation", "rows"}
    code, text = asked("store", "compact", "-f", "json")
    assert (code, json.loads(text)[0]["files_before"]) == (0, 5)
    assert asked("store", "check")[1].startswith("5 models, 10 layers, 10 spectra: no problems")
    assert asked("store", "vacuum", "--dry-run")[0] == 0
    assert "write days or hours" in asked("store", "vacuum", "--older-than", "soon")[1]
    sql = "SELECT count(*) AS n FROM models"
    first = next(c["version"] for c in commits if c["table"] == "commits" and c["rows"])
    assert asked("query", sql, "-f", "csv", "--as-of", str(first))[1] == "n\n1\n"
    now = datetime.now(UTC).isoformat()
    assert asked("query", sql, "-f", "csv", "--as-of", now)[1] == "n\n5\n"
    code, text = asked("query", sql, "--as-of", "yesterday")
    assert (code, text.startswith("zoo: --as-of 'yesterday' is neither")) == (2, True)


def test_what_as_of_takes() -> None:
    from zoo_analysis.cli.options import parse_as_of

    assert parse_as_of(None) is None
    assert parse_as_of("12") == 12
    assert parse_as_of("2026-03-01") == datetime(2026, 3, 1)
    with pytest.raises(ZooError, match="neither a version nor a time"):
        parse_as_of("v1")


def test_what_was_appended_while_a_table_was_compacted_is_compacted_the_next_time(
    store: Store, model_rows: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(3):
        store.commit_models([model_rows(f"lab/{i}")], "scan")
    read = upkeep.writer_properties

    def append_meanwhile(name: str, schema: pa.Schema) -> object:
        monkeypatch.setattr(upkeep, "writer_properties", read)
        store.commit_models([model_rows("lab/late")], "scan")
        return read(name, schema)

    monkeypatch.setattr(upkeep, "writer_properties", append_meanwhile)  # once the table is read
    upkeep.compact(store.location)
    assert len(files(store, "models")) > 1
    upkeep.compact(store.location)
    assert len(files(store, "models")) == len(files(store, "layers")) == 1


def test_compaction_and_appends_do_not_get_in_each_others_way(
    store: Store, model_rows: Make
) -> None:
    store.commit_models([model_rows("lab/first")], "scan")

    def grow() -> None:
        for i in range(12):
            store.commit_models([model_rows(f"lab/{i:02}")], "scan")

    with ThreadPoolExecutor(2) as threads:
        growing = threads.submit(grow)
        while not growing.done():
            upkeep.compact(store.location)
            assert "lab/first" in repo_ids(store), "a reader meanwhile"
        growing.result()
    upkeep.compact(store.location)
    assert repo_ids(store) == sorted(["lab/first", *(f"lab/{i:02}" for i in range(12))])
    assert store.run("SELECT count(*) FROM layers")[0].to_pylist() == [2 * 13], "none twice"
    assert len(files(store, "layers")) == 1
