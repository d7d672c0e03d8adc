"""The figure of families: each model right of its parent, undeclared kinship in its own colour."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from zoo_analysis.errors import QueryError
from zoo_analysis.report import figures
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.records import table_of
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow
from zoo_analysis.store.runs import made_by
from zoo_analysis.store.schemas import LINEAGE


def _row(a: str, b: str, parent: str | None, declared: str | None, step: bool = True) -> KinshipRow:
    return KinshipRow(
        repo_id_a=a,
        revision_a="r",
        repo_id_b=b,
        revision_b="r",
        measure="kinship",
        related=True,
        step=step,
        parent=parent,
        declared=declared,
    )


def _kept(folder: Path, rows: list[KinshipRow]) -> Store:
    store = open_store(folder)
    made = {"run_id": "run", "computed_at": datetime.now(UTC)}
    store.append("lineage", made_by(table_of(KinshipRow, rows), LINEAGE, **made))
    return store


def _values(chart: dict[str, Any], layer: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a layer, which are kept once for all layers that show them."""
    data = layer["data"]
    rows: list[dict[str, Any]] = data.get("values") or chart["datasets"][data["name"]]
    return rows


def test_each_model_is_right_of_what_it_came_from(tmp_path: Path) -> None:
    rows = [
        _row("z/base", "a/child", "z/base", "parent"),
        _row("a/child", "b/copy", None, None),
        _row("z/base", "b/copy", None, None, step=False),
        _row("m/one", "m/two", "m/one", None),
    ]
    chart = figures.lineage(_kept(tmp_path / "store", rows)).to_dict()
    down, rules, points, _ = chart["layer"]
    places = {row["model"]: (row["x"], row["y"]) for row in _values(chart, points)}
    assert {name: x for name, (x, _) in places.items()} == {
        **{"z/base": 0, "a/child": 1, "b/copy": 2},
        **{"m/one": 0, "m/two": 1},
    }
    assert sorted(y for _, y in places.values()) == list(range(5))
    edges = {(row["x2"], row["y2"]): row for row in _values(chart, rules)}
    assert len(edges) == 3
    assert edges[places["a/child"]]["cards"] == "parent"
    assert edges[places["b/copy"]]["direction"] == "not told"
    assert edges[places["m/two"]]["cards"] == "nothing"
    # A line is upright or level, and begins at no place to the left of a name that it would cross.
    assert "x2" not in down["encoding"]
    assert "y2" not in rules["encoding"]
    assert "5 models in 2 families" in str(chart["title"])


def test_a_store_without_kin_says_what_to_do(tmp_path: Path) -> None:
    store = _kept(tmp_path / "store", [_row("a/one", "b/two", None, None, step=False)])
    with pytest.raises(QueryError, match="zoo lineage"):
        figures.lineage(store)
