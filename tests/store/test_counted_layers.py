"""Which layers count in averages, and how several warnings of one layer are asked for."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from scipy.stats import binomtest

from zoo_analysis.imports.metric_tables import NO_ESDS
from zoo_analysis.store import ModelRows, Store, open_store
from zoo_analysis.store.schemas import SUMMARY_METRICS
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
    for name in (*SUMMARY_METRICS, "num_pl_spikes", "D", "sigma"):
        if name not in layers.column_names:
            layers = layers.append_column(name, pa.nulls(3, pa.float64()))
    assert average(layers)["alpha"] == 5.0


@pytest.mark.parametrize("warning", ["under-trained", "short-tail"])
def test_each_of_several_warnings_finds_its_layer(store: Store, warning: str) -> None:
    found = store.run("warnings", {"warning": warning})["layer"].to_pylist()
    assert found == ["b"]
    assert store.run("trained-by-depth", {"bins": 1})["share"].to_pylist() == [1 / 3]


@pytest.mark.parametrize(
    ("alike", "judged"), [(0, 0), (3, 3), (4, 4), (5, 9), (9, 10), (27, 40), (40, 40)]
)
def test_a_model_looks_random_where_wilsons_interval_is_above_one_half(
    tmp_path: Path, alike: int, judged: int
) -> None:
    rows = [{"layer": f"l{i}", "depth": i, "random_like": float(i < alike)} for i in range(judged)]
    rows += [
        {"layer": "table", "depth": 90, "kind": "embedding", "random_like": 1.0},
        {"layer": "part", "depth": 91, "part_of": "l0", "random_like": 1.0},
        {"layer": "small", "depth": 92, "random_like": None},
    ]
    layers = pa.concat_tables(
        [pa.Table.from_pylist([row | {"status": "too-few-evals"}]) for row in rows],
        promote_options="permissive",
    )
    store = open_store(tmp_path / "store")
    model = {"repo_id": "lab/a", "revision": "r"}
    store.commit_models([ModelRows(model, "default", layers, NO_ESDS)], "scan")
    (row,) = store.run("SELECT random_like, judged, looks_random FROM summaries").to_pylist()
    interval = binomtest(alike, judged).proportion_ci(method="wilson") if judged else None
    expected = (
        alike / judged if judged else None,
        judged,
        interval.low > 0.5 if interval else None,
    )
    assert tuple(row.values()) == expected, "embeddings and parts are none of the network"
