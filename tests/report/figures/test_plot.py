"""`zoo plot`: a figure from the command line, in the file that it names."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import zoo
from zoo_analysis.store import Store


def test_a_figure_is_written_where_it_is_told_or_under_a_name_that_is_printed(
    store: Store, tmp_path: Path
) -> None:
    told = zoo("plot", "esd", "net-0", "first", "--store", store.uri, cwd=tmp_path)
    assert (told.code, told.out) == (0, "esd-net-0-first.png\n"), told.err
    assert (tmp_path / "esd-net-0-first.png").read_bytes().startswith(b"\x89PNG")
    file = tmp_path / "depth.svg"
    told = zoo("plot", "depth", "net-0", "net-1", "-o", file, "--store", store.uri, cwd=tmp_path)
    assert (told.code, told.out) == (0, ""), told.err
    assert file.read_text().startswith("<svg")


def test_an_error_is_a_line(store: Store, tmp_path: Path) -> None:
    told = zoo("plot", "xmin", "net-0", "fist", "--store", store.uri, cwd=tmp_path)
    assert told.code == 2
    assert "did you mean first" in told.err
    assert told.err.count("\n") == 1


def rows_of(command: list[object], store: Store, folder: Path) -> list[dict[str, Any]]:
    """The largest table that a figure's file carries."""
    file = folder / "figure.json"
    told = zoo("plot", *command, "-o", file, "--store", store.uri)
    assert told.code == 0, told.err
    tables: list[list[dict[str, Any]]] = [*json.loads(file.read_text())["datasets"].values()]
    return max(tables, key=lambda rows: ("model" in rows[0] or "b" in rows[0], len(rows)))


def answer(command: list[object], store: Store) -> list[dict[str, Any]]:
    told = zoo(*command, "-f", "json", "--store", store.uri)
    assert told.code == 0, told.err
    rows: list[dict[str, Any]] = json.loads(told.out)
    return rows


def test_a_heatmap_has_the_values_of_the_matrix(strange: Store, tmp_path: Path) -> None:
    table = {row.pop("repo_id"): row for row in answer(["matrix", "--measure", "cka"], strange)}
    cells = rows_of(["matrix", "cka"], strange, tmp_path)
    assert len(cells) == len(table) ** 2 == 9
    for cell in cells:
        assert cell["value"] == table[cell["b"]][cell["a"]]


def test_on_a_map_models_are_as_far_apart_as_the_matrix_says(
    strange: Store, tmp_path: Path
) -> None:
    table = {row.pop("repo_id"): row for row in answer(["matrix", "--measure", "cka"], strange)}
    drawn = rows_of(["map", "cka"], strange, tmp_path)
    places = {row["model"]: (row["x"], row["y"]) for row in drawn}
    assert {*places} == {*table}
    for a, row in table.items():
        for b, value in row.items():
            if value is not None:
                assert math.dist(places[a], places[b]) == pytest.approx(1 - value)


def test_a_regression_has_the_points_of_the_store_and_the_line_of_the_table(
    strange: Store, tmp_path: Path
) -> None:
    points = rows_of(["regression", "alpha"], strange, tmp_path)
    sql = (
        "SELECT repo_id AS model, alpha AS x, value AS y, source "
        "FROM summaries JOIN accuracy USING (repo_id)"
    )
    stored = answer(["query", sql], strange)
    assert sorted(points, key=lambda row: row["model"]) == sorted(
        stored, key=lambda row: row["model"]
    )
    (fit,) = answer(["regress", "--metric", "alpha"], strange)
    spec = json.loads((tmp_path / "figure.json").read_text())
    lines = [
        spec["datasets"][layer["data"]["name"]]
        for layer in spec["concat"][0]["layer"]
        if layer["mark"]["type"] == "line"
    ]
    for row in lines[0]:
        assert row["y"] == pytest.approx(fit["intercept"] + fit["slope"] * row["x"])
