"""The question of docs/extending.md is listed and asked like any other."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from zoo_analysis.answers.questions import queries
from zoo_analysis.cli import main
from zoo_analysis.store import ModelRows, Store, named_queries, open_store
from zoo_analysis.store.schemas import ESD_ROWS

ROOT = Path(__file__).parents[1]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    shutil.copytree(ROOT / "queries", tmp_path / "queries")
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    sql = page.partition("## A named question")[2].partition("```sql\n")[2].partition("```")[0]
    (tmp_path / "queries" / "widest-layers.sql").write_text(sql, encoding="utf-8")
    monkeypatch.setattr(named_queries, "data_dir", lambda name: tmp_path / name)
    store = open_store(tmp_path / "store")
    layers = [
        {"layer": "wide", "kind": "linear", "status": "success", "alpha": 3.0, "num_evals": 9},
        {"layer": "long", "kind": "linear", "status": "success", "alpha": 2.0, "num_evals": 12},
        {"layer": "words", "kind": "embedding", "status": "success", "alpha": 4.0, "num_evals": 99},
    ]
    model = {"repo_id": "lab/a", "revision": "r", "series": "vgg"}
    rows = ModelRows(model, "m", pa.Table.from_pylist(layers), ESD_ROWS.empty_table())
    store.commit_models([rows], "scan")
    return store


def test_it_is_listed(store: Store) -> None:
    (row,) = [row for row in queries().to_pylist() if row["name"] == "widest-layers"]
    assert row["answers"] == "Which layers have the most eigenvalues?"
    assert row["parameters"] == "series, limit"


def test_it_is_asked(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert store.run("widest-layers")["layer"].to_pylist() == ["long", "wide"]
    assert store.run("widest-layers", {"series": "bert"}).num_rows == 0
    arguments = ["query", "widest-layers", "-p", "limit=1", "--store", store.uri, "-f", "json"]
    with pytest.raises(SystemExit):
        main(arguments)
    assert [row["layer"] for row in json.loads(capsys.readouterr().out)] == ["long"]
