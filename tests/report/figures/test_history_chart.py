"""The checkpoints of a run are one line, at their steps."""

from pathlib import Path

import altair as alt
import pytest

from tests.report.figures.conftest import datasets
from tests.support.command import zoo
from tests.support.small_models import model_rows
from zoo_analysis.errors import QueryError
from zoo_analysis.report import figures
from zoo_analysis.store import Store, open_store

ALPHAS = {500: 7.0, 1000: 5.0, 20000: 3.5}


@pytest.fixture
def trained(tmp_path: Path) -> Store:
    store = open_store(tmp_path / "store")
    for step in (20000, 500, 1000):  # in no order
        store.commit_models([model_rows(f"run/checkpoint-{step}", alphas=(ALPHAS[step],))], "s")
    return store


def points(store: Store, run: str | None = None) -> list[tuple[float, float]]:
    chart = figures.history(store, run, "alpha")
    alt.TopLevelSpec.validate(chart.to_dict())
    return [(row["at"], row["value"]) for rows in datasets(chart) for row in rows]


def test_checkpoints_stand_at_their_steps(trained: Store) -> None:
    assert points(trained) == points(trained, "run") == list(ALPHAS.items())


def test_with_the_model_itself_they_stand_in_their_order(trained: Store) -> None:
    trained.commit_models([model_rows("run", alphas=(3.0,))], "s")
    assert points(trained) == [(1, 7.0), (2, 5.0), (3, 3.5), (4, 3.0)]


def test_the_caption_tells_the_ends(trained: Store) -> None:
    told = figures.history(trained, "run", "alpha").to_dict()["description"]
    assert "run: alpha from 7 to 3.5 over 3 checkpoints." in told
    assert "order of scans" not in told
    for revision in ("b", "a"):
        trained.commit_models([model_rows("lab/net", revision, alphas=(3.0,))], "s")
    told = figures.history(trained, "lab/net", "alpha").to_dict()["description"]
    assert "In the order of scans, which need not be that of training." in told


def test_what_cannot_be_drawn_is_said(trained: Store, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no history of 'other': scan several checkpoints"):
        figures.history(trained, "other", "alpha")
    with pytest.raises(QueryError, match="no metric 'beta'"):
        figures.history(trained, "run", "beta")
    for number in range(9):
        for step in (1, 2):
            name = f"run{number}/step_{step}"
            trained.commit_models([model_rows(name, alphas=(3.0,))], "s")
    with pytest.raises(QueryError, match="10 runs: one chart shows at most 8"):
        figures.history(trained)


def test_the_command(trained: Store, tmp_path: Path) -> None:
    file = tmp_path / "history.svg"
    command = ("plot", "history", "run", "--metric", "alpha", "-o", file, "--store", trained.uri)
    assert zoo(*command).code == 0
    assert file.read_text().startswith("<svg")
