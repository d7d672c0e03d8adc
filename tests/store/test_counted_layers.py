"""Which layers count in averages, and how several warnings of one layer are asked for."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from zoo_analysis.imports.metric_tables import NO_ESDS
from zoo_analysis.store import ModelRows, Store, open_store
from zoo_analysis.store.views import average

LAYERS: list[dict[str, Any]] = [
    {"layer": "a", "depth": 0, "kind": "linear", "alpha": 3.0, "warning": None},
    {"layer": "b", "depth": 1, "kind": "linear", "alpha": 7.0,
     "warning": "under-trained, short-tail"},
    {"layer": "c", "depth": 2, "kind": "linear", "alpha": 1.8e6, "warning": "degenerate-tail"},
]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(tmp_path / "store")
    rows = ModelRows({"repo_id": "lab/a", "revision": "r"}, "default", table(), NO_ESDS)
    store.commit_models([rows], "scan")
    return store


def table() -> pa.Table:
    return pa.Table.from_pylist(LAYERS)


def test_a_degenerate_tail_is_not_averaged_and_a_short_one_is(store: Store) -> None:
    (row,) = store.run("SELECT layers, alpha, warnings FROM summaries").to_pylist()
    assert row == {"layers": 2, "alpha": 5.0, "warnings": 1}
    (row,) = store.run("kinds").to_pylist()
    assert (row["alpha"], row["fitted"], row["under_trained"]) == (5.0, 3, 1)
    assert store.run("SELECT count(*) AS n FROM network_layers").to_pylist() == [{"n": 3}]


def test_layers_that_are_in_no_store_are_averaged_alike() -> None:

    layers = table().append_column("part_of", pa.nulls(3, pa.string()))
    for name in (
        "alpha_weighted",
        "log_alpha_norm",
        "stable_rank",
        "mp_softrank",
        "log_norm",
        "log_spectral_norm",
    ):
        layers = layers.append_column(name, pa.nulls(3, pa.float64()))
    assert average(layers)["alpha"] == 5.0


@pytest.mark.parametrize("warning", ["under-trained", "short-tail"])
def test_each_of_several_warnings_finds_its_layer(store: Store, warning: str) -> None:
    found = store.run("warnings", {"warning": warning})["layer"].to_pylist()
    assert found == ["b"]
    assert store.run("trained-by-depth", {"bins": 1})["share"].to_pylist() == [1 / 3]
