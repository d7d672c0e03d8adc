"""Which layers count is stated in one place, and means the same in a store and out of it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.support.small_models import model_rows
from zoo_analysis.store import ModelRows, Store, average
from zoo_analysis.store.schemas import ESD_ROWS, SUMMARY_METRICS
from zoo_analysis.store.views import view_scripts

ROOT = Path(__file__).parents[2]
LAYERS = pa.Table.from_pylist(
    [
        {"layer": "a", "kind": "linear", "part_of": None, "alpha": 3.0, "log_norm": 1.0},
        {"layer": "b", "kind": None, "part_of": None, "alpha": 4.0, "log_norm": 2.0},
        {"layer": "a[q]", "kind": "linear", "part_of": "a", "alpha": 9.0, "log_norm": 9.0},
        {"layer": "words", "kind": "embedding", "part_of": None, "alpha": 9.0, "log_norm": 9.0},
        {"layer": "small", "kind": "linear", "part_of": None, "alpha": None, "log_norm": 7.0},
    ]
).append_column("status", pa.array(["success"] * 4 + ["too-few-evals"]))


@pytest.mark.parametrize(
    ("view", "layers"),
    [
        ("layers", ["a", "a[q]", "b", "small", "words"]),
        ("whole_layers", ["a", "b", "small", "words"]),
        ("network_layers", ["a", "b", "small"]),
        ("averaged_layers", ["a", "b"]),
    ],
)
def test_layers_that_count(store: Store, view: str, layers: list[str]) -> None:
    model = {"repo_id": "lab/x", "revision": "r"}
    store.commit_models([ModelRows(model, "m", LAYERS, ESD_ROWS.empty_table())], "scan")
    assert store.run(f"SELECT layer FROM {view} ORDER BY ALL")["layer"].to_pylist() == layers


def test_averages_out_of_a_store_are_those_of_summaries(store: Store) -> None:
    model = {"repo_id": "lab/x", "revision": "r"}
    store.commit_models([ModelRows(model, "m", LAYERS, ESD_ROWS.empty_table())], "scan")
    (row,) = store.run("FROM summaries").to_pylist()
    whole = store.run("SELECT * EXCLUDE (repo_id, revision, method) FROM layers")
    assert average(whole) == {name: row[name] for name in SUMMARY_METRICS}
    assert (row["alpha"], row["log_norm"], row["stable_rank"], row["layers"]) == (3.5, 1.5, None, 2)


def test_spread_and_slope_of_alpha_are_of_the_averaged_layers_over_the_network_s_depth(
    store: Store,
):
    alphas, depths = [3.0, 2.0, 5.0, 4.0], [0, 2, 3, 5]
    rows = [
        {"layer": f"l{depth}", "kind": "linear", "alpha": alpha, "depth": depth}
        for alpha, depth in zip(alphas, depths, strict=True)
    ]
    rows.append({"layer": "head", "kind": "linear", "alpha": None, "depth": 10})
    model = {"repo_id": "lab/x", "revision": "r", "depth": 10}
    layers = pa.Table.from_pylist(rows).append_column("status", pa.array(["success"] * 5))
    store.commit_models([ModelRows(model, "m", layers, ESD_ROWS.empty_table())], "scan")
    (row,) = store.run("FROM summaries").to_pylist()
    assert row["alpha_sd"] == pytest.approx(np.std(alphas, ddof=1))
    assert row["alpha_slope"] == pytest.approx(np.polyfit(np.array(depths) / 10, alphas, 1)[0])
    told = store.run("SELECT value FROM summary_values('alpha_slope', 'all')").to_pylist()
    assert told == [{"value": row["alpha_slope"]}]


def test_what_an_interrupted_commit_left_counts_nowhere(store: Store) -> None:
    store.commit_models([model_rows("lab/a")], "scan")
    store.commit_models([model_rows("lab/a")], "again")  # a race lost: the first commit counts
    for view in ("layers", "whole_layers", "network_layers", "averaged_layers"):
        told = f"SELECT count(*) = count(DISTINCT layer) AS once FROM {view}"
        assert store.run(told)["once"].to_pylist() == [True], view


def test_nobody_else_states_which_layers_count() -> None:
    files = [*(ROOT / "zoo_analysis").rglob("*.py"), *(ROOT / "queries").rglob("*.sql")]
    stated = [file.name for file in files if "part_of IS NULL" in file.read_text(encoding="utf-8")]
    assert stated == ["15_counted_layers.sql"]


def test_a_line_with_a_metric_in_braces_is_there_for_every_average() -> None:
    summaries = next(script for script in view_scripts() if "CREATE VIEW summaries" in script)
    assert "{metric}" not in summaries
    for metric in SUMMARY_METRICS:
        assert f"avg({metric}) AS {metric}," in summaries
        assert f"\n        {metric},\n" in summaries
        assert f"WHEN '{metric}_by_tail' THEN {metric}_by_tail" in summaries
