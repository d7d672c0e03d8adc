"""The questions about tails, shuffled weights and spreads over layers, answered by hand."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from zoo_analysis.store import ModelRows, Store
from zoo_analysis.store.schemas import ESD_ROWS


def kept(store: Store, repo_id: str, rows: list[dict[str, Any]], method: str = "default") -> None:
    about = dict.fromkeys(key for row in rows for key in row) | {
        "kind": "linear",
        "status": "success",
    }
    layers = pa.Table.from_pylist([about | row for row in rows])
    model = {"repo_id": repo_id, "revision": "r", "series": "s"}
    store.commit_models([ModelRows(model, method, layers, ESD_ROWS.empty_table())], "scan")


def ask(store: Store, name: str, columns: str, **params: object) -> list[tuple[Any, ...]]:
    table = store.run(name, params).select(columns.split())
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_tail_estimates(store: Store) -> None:
    fitted = {"alpha": 3.0, "num_pl_spikes": 10.0, "erg_num": 14.0, "erg_gap": 4.0}
    rows = [
        {"layer": "b", "depth": 1, **fitted, "hill_alpha": 2.5},
        {"layer": "a", "depth": 0, "alpha": None},
        {"layer": "a[q]", "depth": 0, "part_of": "a", **fitted},
    ]
    kept(store, "lab/x", rows)
    shown = "layer alpha hill_alpha num_pl_spikes erg_num erg_gap farms_alpha"
    expected = [("b", 3.0, 2.5, 10.0, 14.0, 4.0, None)]
    assert ask(store, "tail-estimates", shown) == expected
    assert ask(store, "tail-estimates", shown, model="x", series="s", method="def") == expected
    for other in ({"model": "y"}, {"series": "t"}, {"method": "blocks-"}):
        assert ask(store, "tail-estimates", shown, **other) == []


def test_shuffled_weights(store: Store) -> None:
    beside = {"rand_distance": 0.1, "num_rand_spikes": 3.0}
    rows = [
        {"layer": "none", "depth": 0, **beside, "num_traps": 0.0, "trap_size": 1.01},
        {"layer": "small", "depth": 1, **beside, "num_traps": 2.0, "trap_size": 1.5},
        {"layer": "large", "depth": 2, **beside, "num_traps": 1.0, "trap_size": 9.0},
        {"layer": "no bulk", "depth": 3, **beside},
        {"layer": "not shuffled", "depth": 4, "alpha": 3.0},
    ]
    kept(store, "lab/x", rows)
    found = ask(store, "shuffled-weights", "layer")
    assert [layer for (layer,) in found] == ["large", "small", "none", "no bulk"]
    assert ask(store, "shuffled-weights", "layer", model="lab/x", series="s") == found
    assert ask(store, "shuffled-weights", "layer", method="blocks-") == []


def test_weight_fingerprints(store: Store) -> None:
    rng = np.random.default_rng(0)
    spread = {role: rng.uniform(0.5, 2, 12) for role in ("q", "v")}
    models = {
        "lab/base": spread,
        "lab/tuned": {role: 3 * values + 1 for role, values in spread.items()},
        "lab/other": {role: rng.uniform(0.5, 2, 12) for role in spread},
        "lab/deeper": {"q": rng.uniform(0.5, 2, 13)},
    }
    for repo_id, by_role in models.items():
        rows = [
            {"layer": f"layers.{i}.{role}", "depth": i, "role": role, "weight_variance": x**2}
            for role, values in by_role.items()
            for i, x in enumerate(values)
        ]
        kept(store, repo_id, [*rows, {"layer": "mlp", "role": "mlp", "weight_variance": 1.0}])
        if repo_id == "lab/other":
            again = rows
    shown = "other role layers correlation"
    found = ask(store, "weight-fingerprints", shown, model="base")
    assert found[:2] == [("lab/tuned", role, 12, pytest.approx(1)) for role in ("q", "v")]
    expected = {role: np.corrcoef(spread[role], models["lab/other"][role])[0, 1] for role in spread}
    assert {role: each for _, role, _, each in found[2:]} == pytest.approx(expected)
    assert {other for other, *_ in found[2:]} == {"lab/other"}
    only = ask(store, "weight-fingerprints", shown, model="lab/base", role="v", limit=1)
    assert only == [("lab/tuned", "v", 12, pytest.approx(1))]
    assert ask(store, "weight-fingerprints", shown, model="base", least=13) == []
    # Entries are the same by every method.
    kept(store, "lab/base", [{**row, "weight_variance": 1.0} for row in again], "delta-default")
    kept(store, "lab/other", again, "default+window=64")
    assert ask(store, "weight-fingerprints", shown, model="base") == found
