"""The example of docs/extending.md: a source of accuracies that another package adds."""

from pathlib import Path

import pytest

from tests.support.plugins import example, install
from zoo_analysis import open_store
from zoo_analysis.cli import main
from zoo_analysis.errors import SourceError
from zoo_analysis.imports.accuracy_sync import SyncedAccuracies, sync_accuracies
from zoo_analysis.sources.reported import accuracy_sources

SQL = "SELECT repo_id, value FROM accuracies ORDER BY repo_id"
TOLD = [("timm/vgg11.tv_in1k", 69.1), ("timm/vgg13.tv_in1k", 70.0)]


@pytest.mark.parametrize("by", ["function", "command"])
def test_an_added_source_is_asked_like_any_other(
    tmp_path: Path,
    by: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = open_store(tmp_path / "store")
    with pytest.raises(SourceError, match="'lab-board'; there are card, eval-results, torchv"):
        sync_accuracies(store, ["lab-board"])
    install("lab_board", *example("A source of accuracies"), monkeypatch, tmp_path / "site")
    assert accuracy_sources()["source"][-1].as_py() == "lab-board"
    if by == "function":
        assert sync_accuracies(store, ["lab-board"]) == SyncedAccuracies(2, 2)
    else:
        with pytest.raises(SystemExit) as stop:
            main(["accuracies", "sync", "--from", "lab-board", "--store", store.uri])
        assert stop.value.code == 0
        assert capsys.readouterr().out == "2 accuracies reported of 2 models\n"
    assert [tuple(row.values()) for row in store.run(SQL).to_pylist()] == TOLD
