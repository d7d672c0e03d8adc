"""A store that an earlier or later version of the package made is read as it was meant, or not."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from tests.support.command import zoo
from zoo_analysis.errors import StoreError
from zoo_analysis.store import ModelRows, Store, open_store, schemas, tables, upkeep
from zoo_analysis.store.history import history

Make = Callable[..., ModelRows]
#: What these columns of now were called in the generation before; the second one twice over.
FORMERLY = {
    "layers": {"log_spectral_norm": ("log_lambda_max",), "N": ("larger", "rows")},
    "commits": {"scan_id": ("run",)},
}
QUESTIONS = (
    "FROM summaries ORDER BY ALL",
    "SELECT repo_id, layer, N, M, log_spectral_norm FROM layers ORDER BY ALL",
    "SELECT repo_id, created FROM models ORDER BY ALL",
    "SELECT repo_id, scan_id, committed_at FROM commits ORDER BY ALL",
    "SELECT repo_id, layer, eigenvalues FROM esds ORDER BY repo_id, layer",
)


@pytest.fixture
def present(store: Store, model_rows: Make) -> Store:
    for name in ("lab/a", "lab/b"):
        store.commit_models([model_rows(name)], "scan")
    return store


@pytest.fixture
def old(present: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The same store as the generation before wrote it: other names and types, fewer columns."""
    for module in (schemas, tables, upkeep):
        monkeypatch.setattr(module, "GENERATION", 2)
    monkeypatch.setattr(schemas, "FORMERLY", FORMERLY)
    place = tmp_path / "old"
    for name in ("layers", "esds", "models", "commits"):
        table = tables.load(present.location, name)
        assert table is not None
        rows = tables.dataset(present.location, table).to_table()
        names = {now: was[-1] for now, was in FORMERLY.get(name, {}).items()}
        rows = rows.rename_columns([names.get(each, each) for each in rows.column_names])
        if name == "layers":
            index = rows.column_names.index("rows")
            rows = rows.set_column(index, "rows", rows["rows"].cast(pa.int32()))
            rows = rows.drop_columns(["precision", "hill_alpha"])
        if name == "models":
            rows = rows.drop_columns(["parameters_total", "coverage"])
        described = f"{len(rows.column_names)} columns at creation"
        write_deltalake(str(place / name), rows, description=described)
    return open_store(place)


def answers(store: Store) -> list[pa.Table]:
    return [store.run(question) for question in QUESTIONS]


def test_renamed_columns_and_other_types_are_read_as_they_are_now(
    old: Store, present: Store
) -> None:
    assert answers(old) == answers(present)
    assert old.committed() == present.committed()


def test_columns_that_were_not_there_yet_are_null(old: Store) -> None:
    found = old.run("SELECT l.precision, m.coverage FROM layers l JOIN models m USING (repo_id)")
    assert set(map(str, found["precision"].to_pylist() + found["coverage"].to_pylist())) == {"None"}


def test_what_is_added_to_it_is_read_beside_what_was_there(
    old: Store, present: Store, model_rows: Make
) -> None:
    for each in (old, present):
        each.commit_models([model_rows("lab/c")], "scan")
    question = "SELECT repo_id, layer, N, log_spectral_norm FROM layers ORDER BY ALL"
    assert old.run(question) == present.run(question)
    assert len(old.committed()) == 3
    assert set(old.run("SELECT DISTINCT scan_id FROM commits")["scan_id"].to_pylist()) == {"scan"}


def test_migrating_rewrites_what_differs_and_changes_no_answer(old: Store, present: Store) -> None:
    last = history(old.location)[-1].version
    done = {each.table: each for each in upkeep.migrate(old.location)}
    assert {each.before for each in done.values()} == {0}
    assert done["layers"].rows == len(present.run("FROM layers"))
    assert done["esds"].rows == 0, "its columns are those of now"
    assert answers(old) == answers(present)
    for name, each in done.items():
        table = tables.load(old.location, name)
        assert table is not None
        assert schemas.generation(table.metadata().description) == each.after == 2
        assert tables.columns_of(table).names == schemas.TABLES[name].names
    assert answers(open_store(old.uri, as_of=last)) == answers(present)
    again = upkeep.migrate(old.location)
    assert {(each.before, each.rows) for each in again} == {(2, 0)}


def test_a_migrated_store_is_written_and_looked_after_like_any_other(
    old: Store, model_rows: Make
) -> None:
    run = zoo("store", "migrate", "--store", old.uri)
    assert run.code == 0, run.err
    old.commit_models([model_rows("lab/c")], "scan")
    assert zoo("store", "compact", "--store", old.uri).code == 0
    assert len(old.run("SELECT DISTINCT repo_id FROM layers")) == 3


def test_a_later_generation_is_neither_read_nor_written(present: Store, model_rows: Make) -> None:
    table = DeltaTable(present.location.table_uri("layers"))
    table.alter.set_table_description("40 columns at creation, generation 99")
    for act in (
        lambda: present.run("FROM layers"),
        lambda: present.commit_models([model_rows("lab/c")], "scan"),
        lambda: upkeep.migrate(present.location),
    ):
        with pytest.raises(StoreError, match=r"'layers' of .* is of generation 99; .* newer one"):
            act()


def test_a_value_that_is_not_of_its_type_is_refused_not_misread(tmp_path: Path) -> None:
    rows = pa.table({"scan_id": ["s"], "scanned": ["many"]})
    write_deltalake(str(tmp_path / "scans"), rows, description="2 columns at creation")
    with pytest.raises(Exception, match=r"many.*INT64"):
        open_store(tmp_path).run("SELECT scanned FROM scans")
