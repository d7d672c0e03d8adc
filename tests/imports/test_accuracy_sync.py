"""Reported accuracies come into a store from the sources that are named."""

from pathlib import Path

import pytest

from tests.support.loopback import Hub
from tests.support.repositories import CARD, write
from zoo_analysis import open_store
from zoo_analysis.errors import SourceError
from zoo_analysis.imports import accuracy_sync
from zoo_analysis.imports.accuracy_sync import SyncedAccuracies, sync_accuracies
from zoo_analysis.imports.metric_tables import NO_ESDS, NO_LAYERS
from zoo_analysis.sources import Accuracy, resolve_sources
from zoo_analysis.sources.reported import AccuracySource, accuracy_sources
from zoo_analysis.store import ModelRows, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def test_the_sources_of_this_package() -> None:
    told = accuracy_sources().to_pylist()
    names = ["card", "eval-results", "torchvision", "timm-csv", "open-llm-leaderboard", "csv"]
    assert [row["source"] for row in told] == names
    assert all(row["about"].endswith(".") and row["asked_with"] for row in told)


def test_cards_and_evaluation_results_are_asked_by_one_call_a_model(
    hub: Hub, hub_root: Path, store: Store
) -> None:
    hub.add("me/net", write(hub_root / "net")).eval_results = [
        {"dataset": {"id": "cais/hle", "task_id": "default"}, "value": 20.9}
    ]
    (ref,) = resolve_sources(["me/net"], hub.access).refs
    row = {"repo_id": ref.repo_id, "revision": ref.revision, "source": "hub"}
    store.commit_models([ModelRows(row, "default", NO_LAYERS, NO_ESDS)], "scan")
    hub.forget()
    assert sync_accuracies(store, access=hub.access) == SyncedAccuracies(2, 1)
    assert hub.api_calls == 1
    assert sync_accuracies(store, ["eval-results"], access=hub.access) == SyncedAccuracies(1, 1)
    rows = store.run("SELECT source, value FROM accuracies ORDER BY source").to_pylist()
    assert [tuple(row.values()) for row in rows] == [("card", 75.0), ("eval-results", 20.9)]


def test_a_repository_is_asked_once_for_all_its_parts_and_variants(
    hub: Hub, hub_root: Path, store: Store
) -> None:
    hub.add("me/net", write(hub_root / "net", card=CARD.replace("0.75", "n/a"))).eval_results = [
        {"dataset": {"id": "cais/hle", "task_id": "default"}, "value": 20.9}
    ]
    row = {"revision": "r", "source": "hub"}
    names = ("me/net", "me/net:fp16", "me/net/2_Dense", "me/net/2_Dense:fp16")
    models = [ModelRows(row | {"repo_id": name}, "default", NO_LAYERS, NO_ESDS) for name in names]
    store.commit_models(models, "scan")
    remark = ("me/net", "card: no usable value of accuracy on digits")
    assert sync_accuracies(store, access=hub.access) == SyncedAccuracies(1, 1, (remark,))
    assert hub.api_calls == 1


def test_tables_are_read_by_their_columns(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("Model,Acc\nme/a,75\nme/b,81%\n")
    done = sync_accuracies(
        store,
        ["csv"],
        places=[str(file)],
        columns={"repo_id": "Model", "value": "Acc"},
        fixed={"dataset": "d", "metric": "accuracy"},
    )
    assert done == SyncedAccuracies(2, 2)


def test_fractions_of_another_package_are_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = AccuracySource(
        "board",
        lambda asked: [
            Accuracy(repo_id="me/a", dataset="d", metric="accuracy", value=0.8, source="board")
        ],
    )
    monkeypatch.setattr(accuracy_sync, "accuracy_source", lambda name: board)
    with pytest.raises(SourceError, match=r"source board: accuracy: .*me/a on d: 0\.8"):
        sync_accuracies(store, ["board"])


def test_what_cannot_be_asked_is_said_before_anybody_is(store: Store) -> None:
    with pytest.raises(SourceError, match="source timm-csv needs the path or URL of a table"):
        sync_accuracies(store, ["torchvision", "timm-csv"])
    with pytest.raises(SourceError, match=r"no source .* 'torchvison'; did you mean torchvision\?"):
        sync_accuracies(store, ["torchvison"])
    assert not store.exists()
