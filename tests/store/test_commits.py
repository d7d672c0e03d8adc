"""A model's rows are seen together, once, or not at all."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.errors import StoreError
from zoo_analysis.store import ModelRows, Store, open_store, tables
from zoo_analysis.store.schemas import ESDS, LAYERS, MODELS

Make = Callable[..., ModelRows]


def counts(store: Store) -> tuple[int, int, int]:
    """Rows that a reader sees in models, layers and esds."""
    query = (
        "SELECT (SELECT count(*) FROM models), (SELECT count(*) FROM layers), count(*) FROM esds"
    )
    return tuple(store.run(query).to_pylist()[0].values())  # type: ignore[return-value]


def test_a_committed_model_is_in_all_three_tables(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows(alphas=[2, 3, 4])], "scan")
    assert counts(store) == (1, 3, 3)
    assert store.committed() == {("lab/net", "r1", "default")}


def test_views_have_the_schemas_columns_and_no_commit_id(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows()], "scan")
    for view, schema in (("models", MODELS), ("layers", LAYERS), ("esds", ESDS)):
        found = store.run(f"FROM {view} SELECT *").schema
        assert [(f.name, f.type) for f in found] == [
            (f.name, f.type) for f in schema if f.name != "commit_id"
        ]


def test_a_batch_publishes_several_models_with_one_append_a_table(
    store: Store, model_rows: Make
) -> None:
    store.commit_models([model_rows(f"lab/{i}") for i in range(5)], "scan")
    assert counts(store) == (5, 10, 10)
    assert len(tables.load(store.location, "layers").file_uris()) == 1  # type: ignore[union-attr]


def test_an_empty_batch_writes_nothing(store: Store) -> None:
    store.commit_models([], "scan")
    assert store.committed() == set()
    assert not Path(store.uri).exists()


@pytest.mark.parametrize("survivors", [1, 2, 3])
def test_a_crash_between_the_appends_shows_nothing_and_a_rerun_publishes_once(
    store: Store, model_rows: Make, monkeypatch: pytest.MonkeyPatch, survivors: int
) -> None:
    store.commit_models([model_rows("lab/other")], "scan")
    real, written = tables.append, []

    def dying(location: tables.Location, name: str, rows: pa.Table) -> None:
        if len(written) == survivors:
            raise KeyboardInterrupt
        real(location, name, rows)
        written.append(name)

    monkeypatch.setattr(tables, "append", dying)
    with pytest.raises(KeyboardInterrupt):
        store.commit_models([model_rows()], "scan")
    monkeypatch.undo()
    assert written == ["layers", "esds", "models"][:survivors]
    assert counts(store) == (1, 2, 2)
    assert store.committed() == {("lab/other", "r1", "default")}

    store.commit_models([model_rows()], "scan")
    assert counts(store) == (2, 4, 4)


def test_two_commits_of_one_model_show_the_first(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows(alphas=[2, 3])], "scan 1")
    store.commit_models([model_rows(alphas=[5, 6, 7]), model_rows("lab/other")], "scan 2")
    assert counts(store) == (2, 4, 4)
    rows = store.run("SELECT alpha FROM layers WHERE repo_id = 'lab/net' ORDER BY alpha")
    assert rows["alpha"].to_pylist() == [2, 3]
    assert store.run("SELECT count(*) n FROM summaries")["n"].to_pylist() == [2]


def test_methods_and_revisions_are_kept_apart(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows(), model_rows(method="other"), model_rows(revision="r2")], "s")
    assert counts(store) == (2, 6, 6)
    assert store.run("FROM summaries SELECT repo_id, revision, method").num_rows == 3


def test_the_model_row_shown_is_the_one_published_last(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows(likes=1)], "scan 1")
    store.commit_models([model_rows(method="other", likes=2)], "scan 2")
    assert store.run("SELECT likes FROM models")["likes"].to_pylist() == [2]


def test_rows_are_written_sorted_by_model(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows(name) for name in ("b/b", "a/a", "c/c")], "scan")
    raw = tables.load(store.location, "layers").to_pyarrow_table()  # type: ignore[union-attr]
    assert raw["repo_id"].to_pylist() == sorted(raw["repo_id"].to_pylist())


def test_a_model_may_be_a_record_batch(store: Store, model_rows: Make) -> None:
    row = pa.RecordBatch.from_pylist([{"repo_id": "lab/net", "revision": "r1", "likes": 7}])
    store.commit_models([dataclasses.replace(model_rows(), model=row)], "scan")
    assert store.run("SELECT likes FROM models")["likes"].to_pylist() == [7]


def test_a_model_without_layers_is_a_row_of_summaries(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows(alphas=[])], "scan")
    (row,) = store.run("SELECT layers, alpha, warnings FROM summaries").to_pylist()
    assert row == {"layers": 0, "alpha": None, "warnings": 0}


def with_layers(rows: ModelRows, **columns: object) -> ModelRows:
    table = rows.layers
    for name, values in columns.items():
        if name in table.column_names:
            table = table.drop_columns(name)
        table = table.append_column(name, pa.array(values))
    return dataclasses.replace(rows, layers=table)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"alhpa": [1.0, 2.0]}, "no column alhpa"),
        ({"alpha": ["two", "three"]}, "column alpha"),
        ({"layer": ["same", "same"]}, "must be given and differ"),
        ({"repo_id": ["lab/net", "lab/wrong"]}, "repo_id is not 'lab/net'"),
        ({"layer": ["x", "y"]}, "not among its layers"),
    ],
)
def test_rows_that_do_not_fit_are_refused_before_anything_is_written(
    store: Store, model_rows: Make, columns: dict[str, object], message: str
) -> None:
    with pytest.raises(StoreError, match=message):
        store.commit_models([with_layers(model_rows(), **columns)], "scan")
    assert not Path(store.uri).exists()


def test_a_model_needs_a_revision(store: Store, model_rows: Make) -> None:
    rows = dataclasses.replace(model_rows(), model={"repo_id": "lab/net"})
    with pytest.raises(StoreError, match="revision"):
        store.commit_models([rows], "scan")


def test_only_event_tables_take_rows_directly(store: Store) -> None:
    with pytest.raises(StoreError, match="cannot be appended to 'layers'"):
        store.append("layers", pa.table({"repo_id": ["a"]}))


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
numbers = st.none() | st.floats()
spectra = st.lists(st.floats(allow_nan=False), max_size=4)
layer_maps = st.dictionaries(names, st.tuples(numbers, spectra), max_size=4)


@settings(max_examples=12, deadline=None)
@given(st.dictionaries(names, layer_maps, min_size=1, max_size=3))
def test_what_is_read_is_what_was_committed(models: dict[str, dict[str, tuple]]) -> None:  # type: ignore[type-arg]
    batch = []
    for repo_id, layers in models.items():
        shown = {
            "layer": pa.array(layers, pa.string()),
            "alpha": pa.array([alpha for alpha, _ in layers.values()], pa.float64()),
        }
        values = pa.array([s for _, s in layers.values()], pa.list_(pa.float64()))
        esds = pa.table({"layer": shown["layer"], "eigenvalues": values})
        model = {"repo_id": repo_id, "revision": "r"}
        batch.append(ModelRows(model, "m", pa.table(shown), esds))
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        store.commit_models(batch, "scan")
        found = store.run("SELECT * FROM layers JOIN esds USING (repo_id, revision, method, layer)")
        assert store.committed() == {(repo_id, "r", "m") for repo_id in models}
    read = {
        (row["repo_id"], row["layer"]): repr((row["alpha"], row["eigenvalues"]))
        for row in found.to_pylist()
    }
    assert read == {
        (repo_id, layer): repr(numbers)
        for repo_id, layers in models.items()
        for layer, numbers in layers.items()
    }
