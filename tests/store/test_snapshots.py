"""Where a store may be, what it was at an earlier time, and tables of other package versions."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from zoo_analysis.errors import StoreError
from zoo_analysis.store import ModelRows, Store, open_store, tables
from zoo_analysis.store.schemas import LAYERS, TABLES
from zoo_analysis.store.tables import Location

Make = Callable[..., ModelRows]


def repo_ids(store: Store, view: str = "models") -> list[str]:
    return store.run(f"SELECT DISTINCT repo_id FROM {view} ORDER BY 1")["repo_id"].to_pylist()


def test_a_store_that_does_not_exist_says_what_creates_it(tmp_path: Path) -> None:
    store = open_store(tmp_path / "nothing")
    with pytest.raises(StoreError, match=r"no store at .*nothing: `zoo scan SOURCE` creates one"):
        store.sql("SELECT 1")
    assert store.committed() == set()
    assert not (tmp_path / "nothing").exists()


def test_tables_not_written_yet_are_empty_with_their_columns(store: Store) -> None:
    store.append("scans", pa.table({"scan_id": ["s"]}))
    for view in set(TABLES) | {"summaries", "accuracy", "metric_values"}:
        assert store.run(f"SELECT * FROM {view}").num_rows == (view == "scans")
    assert store.run("SELECT * FROM layers").schema.field("shape").type == pa.list_(pa.int64())


def test_the_default_store_is_zoo_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZOO_STORE", raising=False)
    assert open_store().uri == str(tmp_path / "zoo-store")
    monkeypatch.setenv("ZOO_STORE", "elsewhere")
    assert open_store().uri == str(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", ["with space", "quo'te", "ünï", "a*b", "q?", "#hash", "{x}"])
def test_a_store_may_have_an_awkward_name(tmp_path: Path, model_rows: Make, name: str) -> None:
    store = open_store(tmp_path / name)
    store.commit_models([model_rows()], "scan")
    assert repo_ids(store, "layers") == ["lab/net"]


@pytest.mark.parametrize("name", ["a[b]", "100%", "a|b"])
def test_a_name_that_deltalake_cannot_address_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="choose another directory"):
        open_store(tmp_path / name)


def test_a_file_uri_is_the_same_store(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows()], "scan")
    assert repo_ids(open_store(Path(store.uri).as_uri())) == ["lab/net"]


def generic(store: Store) -> Store:
    """The same store read as an object store would be: by Arrow, not by DuckDB itself."""
    return Store(Location(Path(store.uri).as_uri(), None, as_of=store.location.as_of))


def test_object_stores_are_read_and_written_as_local_directories_are(
    tmp_path: Path, model_rows: Make
) -> None:
    remote = generic(open_store(tmp_path / "store"))
    with pytest.raises(StoreError, match="no store at"):
        remote.run("SELECT 1 AS one")
    remote.commit_models([model_rows(f"lab/{i}", series="s") for i in range(3)], "scan")
    accuracy = {"repo_id": ["lab/1"], "dataset": ["d"], "metric": ["accuracy"], "value": [7.0]}
    remote.append("accuracies", pa.table({**accuracy, "source": ["card"]}))
    local = open_store(tmp_path / "store")
    assert remote.committed() == local.committed() != set()
    for view in (*TABLES, "summaries", "accuracy", "metric_values"):
        query = f"SELECT * FROM {view} ORDER BY ALL"
        assert remote.run(query).equals(local.run(query)), view
    point = "SELECT * FROM layers WHERE repo_id = $r ORDER BY layer"
    assert remote.run(point, {"r": "lab/1"}).equals(local.run(point, {"r": "lab/1"}))
    assert remote.run(point, {"r": "lab/1"}).num_rows == 2


@pytest.fixture
def history(store: Store, model_rows: Make) -> tuple[Store, list[datetime]]:
    """A store that grew in three steps, and the times before, between and after them."""
    times = []
    for step in (
        lambda: store.commit_models([model_rows("lab/first")], "scan"),
        lambda: store.append("scans", pa.table({"scan_id": ["s"]})),
        lambda: store.commit_models([model_rows("lab/second")], "scan"),
    ):
        times.append(datetime.now(UTC))
        time.sleep(0.02)
        step()
        time.sleep(0.02)
    times.append(datetime.now(UTC))
    return store, times


@pytest.mark.parametrize("through", [lambda store: store, generic])
def test_a_store_can_be_read_as_of_an_earlier_time(
    history: tuple[Store, list[datetime]], through: Callable[[Store], Store]
) -> None:
    store, (start, after_first, after_scan, now) = history

    def at(when: datetime) -> Store:
        return through(open_store(store.uri, as_of=when))

    with pytest.raises(StoreError, match="as of"):
        at(start - timedelta(seconds=5)).run("SELECT 1 AS one")
    assert repo_ids(at(after_first)) == repo_ids(at(after_scan)) == ["lab/first"]
    assert at(after_first).committed() == {("lab/first", "r1", "default")}
    assert at(after_first).run("SELECT * FROM scans").num_rows == 0
    assert at(after_scan).run("SELECT * FROM scans").num_rows == 1
    assert repo_ids(at(now), "layers") == ["lab/first", "lab/second"]
    assert repo_ids(at(now + timedelta(days=1)), "layers") == ["lab/first", "lab/second"]


def test_a_time_without_a_zone_is_utc(history: tuple[Store, list[datetime]]) -> None:
    store, times = history
    naive = open_store(store.uri, as_of=times[1].replace(tzinfo=None))
    assert repo_ids(naive) == ["lab/first"]


def test_the_past_cannot_be_written(store: Store, model_rows: Make) -> None:
    past = open_store(store.uri, as_of=datetime.now(UTC))
    with pytest.raises(StoreError, match="the past is read-only"):
        past.commit_models([model_rows()], "scan")


def without(schema: pa.Schema, *names: str) -> pa.Schema:
    return pa.schema([field for field in schema if field.name not in names])


def test_a_store_of_an_older_version_reads_and_grows_new_columns(
    store: Store, model_rows: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = without(LAYERS, "hill_alpha", "num_traps")
    with monkeypatch.context() as then:
        then.setitem(TABLES, "layers", older)
        store.commit_models([model_rows("lab/old")], "scan")
    query = "SELECT repo_id, alpha, hill_alpha, num_traps FROM layers ORDER BY ALL"
    assert store.run(query).num_rows == 2  # columns that no file has yet are null

    rows = model_rows("lab/new")
    layers = rows.layers.append_column("hill_alpha", pa.array([1.5, 2.5]))
    store.commit_models([ModelRows(rows.model, rows.method, layers, rows.esds)], "scan")
    for reader in (store, generic(store)):
        assert reader.run(query)["hill_alpha"].to_pylist() == [1.5, 2.5, None, None]

    with monkeypatch.context() as then:  # the older version still appends to the wider table
        then.setitem(TABLES, "layers", older)
        store.commit_models([model_rows("lab/older")], "scan")
    assert store.run(query).num_rows == 6


def test_a_compacted_store_answers_the_same(store: Store, model_rows: Make) -> None:
    for i in range(5):
        store.commit_models([model_rows(f"lab/{i}")], "scan")
    query = "SELECT * FROM summaries ORDER BY repo_id"
    before = store.run(query)
    for name in ("layers", "esds", "models", "commits"):
        DeltaTable(store.location.table_uri(name)).optimize.compact(
            writer_properties=tables.writer_properties(name, TABLES[name])
        )
    assert store.run(query).equals(before)
    assert len(tables.load(store.location, "layers").file_uris()) == 1  # type: ignore[union-attr]


def test_a_broken_table_is_one_line(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows()], "scan")
    log = Path(store.uri) / "layers" / "_delta_log" / "00000000000000000000.json"
    log.write_text("{broken")
    with pytest.raises(StoreError, match="cannot read table 'layers'") as broken:
        store.run("SELECT * FROM layers")
    assert "\n" not in str(broken.value)


def test_a_store_that_cannot_be_written_is_one_line(tmp_path: Path, model_rows: Make) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(StoreError, match=r"cannot write .*file: Not a directory") as refused:
        open_store(tmp_path / "file").commit_models([model_rows()], "scan")
    assert "\n" not in str(refused.value)


def test_a_table_created_but_never_written_is_empty(store: Store, model_rows: Make) -> None:
    for name in TABLES:
        tables._create(store.location, name)
    for reader in (store, generic(store)):
        assert reader.committed() == set()
        assert reader.run("SELECT * FROM layers JOIN commits USING (repo_id)").num_rows == 0
    store.commit_models([model_rows()], "scan")
    assert repo_ids(store) == ["lab/net"]
