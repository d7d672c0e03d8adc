"""Heatmaps, trees and maps have the distances that they are made of."""

from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
import pytest

from tests.report.figures.conftest import datasets
from zoo_analysis.errors import QueryError
from zoo_analysis.report import figures
from zoo_analysis.store import Store, open_store

#: Two groups of models: alike within, unlike between.
GROUPS = {f"lab/{group}{i}": group for group in "ab" for i in range(3)}


def value(a: str, b: str) -> float:
    return 0.9 if GROUPS[a] == GROUPS[b] else 0.2


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = open_store(tmp_path_factory.mktemp("compared") / "store")
    common: dict[str, Any] = {
        **{"measure": "cka", "probe": "digits:1", "mode": "full", "neurons": "channel"},
        **{"selection": "all", "n_samples": 100, "run_id": "r", "revision_a": "r"},
        **{"revision_b": "r", "computed_at": datetime.now(UTC), "layer_a": None, "layer_b": None},
        "calibrated": None,
    }
    rows = [
        {**common, "repo_id_a": a, "repo_id_b": b, "value": value(a, b)}
        for a, b in combinations(GROUPS, 2)
        if {a, b} != {"lab/a0", "lab/b0"}
    ]
    rows += [
        {**common, "repo_id_a": "lab/a0", "repo_id_b": "lab/b1", "layer_a": f"x{i}"}
        | {"layer_b": f"y{j}", "value": 1 / (1 + i + 2 * j)}
        | ({"calibrated": float(i == j)} if i < 2 else {})
        for i in range(3)
        for j in range(2)
    ]
    store.append("similarities", pa.Table.from_pylist(rows))
    return store


def test_cells_are_the_stored_values_and_groups_stand_together(compared: Store) -> None:
    chart = figures.matrix(compared, "cka")
    spec = chart.to_dict()
    alt.TopLevelSpec.validate(spec)
    cells = next(rows for rows in datasets(chart) if "value" in rows[0])
    assert len(cells) == 36
    for cell in cells:
        unknown = cell["a"] == cell["b"] or {cell["a"], cell["b"]} == {"lab/a0", "lab/b0"}
        assert cell["value"] == (None if unknown else value(cell["a"], cell["b"]))
    order = [cell["b"] for cell in cells[:6]]
    assert [GROUPS[name] for name in order] in [list("aaabbb"), list("bbbaaa")]
    assert "1 pair without a value counts" in " ".join(spec["title"]["subtitle"])


def test_the_tree_joins_models_at_the_distance_of_their_groups(compared: Store) -> None:
    tree = next(rows for rows in datasets(figures.matrix(compared, "cka")) if "branch" in rows[0])
    tops = sorted({max(row["y"] for row in tree if row["branch"] == k) for k in range(5)})
    assert tops == pytest.approx([0.1, 0.8])
    assert {row["x"] for row in tree if row["y"] == 0} == set(range(6))


def test_of_many_models_the_nearest_share_a_row() -> None:
    n = 200
    place = np.random.default_rng(0).uniform(size=n)
    values = np.exp(-abs(place[:, None] - place))
    names = [f"m{i}" for i in range(n)]
    columns = dict(zip(names, values, strict=True))
    table = pa.table({"repo_id": names, **columns})
    chart = figures.matrix(table, "cka")
    (cells,) = datasets(chart)
    assert len(cells) <= 3600
    assert sum(int(c["a"].partition(" + ")[2] or 0) + 1 for c in cells if c["a"] == c["b"]) == n
    assert all(values.min() <= cell["value"] <= values.max() for cell in cells)
    assert f"of {n}, the mean of theirs" in " ".join(chart.to_dict()["title"]["subtitle"])


def test_two_models_layer_by_layer(compared: Store) -> None:
    chart = figures.layers(compared, "a0", "b1", "cka")
    alt.TopLevelSpec.validate(chart.to_dict())
    (cells,) = datasets(chart)
    found = {(cell["a"], cell["b"]): cell["value"] for cell in cells}
    expected = {(f"x{i}", f"y{j}"): 1 / (1 + i + 2 * j) for i in range(3) for j in range(2)}
    assert found == pytest.approx(expected)
    assert "Grey" not in " ".join(chart.to_dict()["title"]["subtitle"])
    told = "by name, where no scan tells the depth, of lab/a0 and lab/b1 (zoo scan), else by depth."
    assert told in " ".join(chart.to_dict()["title"]["subtitle"])
    with pytest.raises(QueryError, match="no cka of the layers of lab/a0 and lab/a0"):
        figures.layers(compared, "a0", "a0", "cka")
    with pytest.raises(QueryError, match="no model 'c7'"):
        figures.layers(compared, "a0", "c7", "cka")


def test_the_map_sets_groups_apart_and_tells_its_stress(compared: Store) -> None:
    chart = figures.map(compared, "cka")
    alt.TopLevelSpec.validate(chart.to_dict())
    (points,) = datasets(chart)
    sides = {p["model"]: p["x"] > 0 for p in points}
    assert len({sides[m] for m in GROUPS if GROUPS[m] == "a"}) == 1
    assert len({sides[m] for m in GROUPS if GROUPS[m] == "b"}) == 1
    assert sides["lab/a1"] != sides["lab/b1"]
    assert "stress-1" in " ".join(chart.to_dict()["title"]["subtitle"])
    low, high = chart.to_dict()["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert low < min(p["x"] for p in points) <= max(p["x"] for p in points) < high


def test_layers_that_are_alike_by_chance_are_crossed_out(compared: Store) -> None:
    chart = figures.layers(compared, "a0", "b1", "cka")
    alt.TopLevelSpec.validate(chart.to_dict())
    (cells,) = datasets(chart)
    crossed = {(cell["a"], cell["b"]) for cell in cells if cell["chance"]}
    assert crossed == {("x0", "y1"), ("x1", "y0")}, "x2 was not calibrated"
    marks = [layer["mark"] for layer in chart.to_dict()["layer"]]
    assert [mark["text"] for mark in marks if mark["type"] == "text"] == ["×"]
    assert "no more alike than chance" in " ".join(chart.to_dict()["title"]["subtitle"])
