"""A repository at one commit: its files from the hub or a cache, and failures in one line."""

from pathlib import Path

import pytest

from tests.support.loopback import Hub
from tests.support.repositories import write
from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.repository import Repository

COMMIT = "0123456789" * 4


@pytest.fixture
def repository(hub: Hub, hub_root: Path) -> Repository:
    repo = hub.add("me/net", write(hub_root / "net"))
    return Repository(hub.access, "me/net", repo.main)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def test_a_text_is_streamed_or_read_where_it_lies(hub: Hub, repository: Repository) -> None:
    assert '"hidden_size": 20' in (repository.text("config.json") or "")
    assert repository.text("tokenizer.json") is None
    assert repository.cached(["config.json"]) is None
    with repository.snapshot(["config.json"]) as folder:
        assert repository.cached(["config.json"]) == folder
    hub.repos.clear()
    assert '"hidden_size": 20' in (repository.text("config.json") or "")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["429", "503", "reset", "short"])
def test_listing_files_waits_out_what_passes(hub: Hub, repository: Repository, kind: str) -> None:
    hub.faults.orders = [(kind, "/tree/")] * 3
    assert "model.safetensors" in repository.names()
    assert hub.calls["tree"] == 4


@pytest.mark.usefixtures("impatient")
def test_a_hub_that_is_not_there_is_said_not_to_be_there(tmp_path: Path) -> None:
    access = HubAccess("http://127.0.0.1:9", home=str(tmp_path))
    repository = Repository(access, "me/net", COMMIT)
    for ask in (repository.names, lambda: repository.text("config.json")):
        with pytest.raises(CheckpointError, match=r"cannot reach http://127\.0\.0\.1:9"):
            ask()
    with (
        pytest.raises(CheckpointError, match=r"cannot reach http://127\.0\.0\.1:9"),
        repository.snapshot(["pytorch_model.bin"]),
    ):
        pass


@pytest.mark.usefixtures("impatient")
def test_a_hub_that_stays_busy_is_given_up(hub: Hub, repository: Repository) -> None:
    hub.faults.rate, hub.faults.kinds = 1.0, ("503",)
    with (
        pytest.raises(CheckpointError, match=r"did not answer properly \(HTTP 503\)"),
        repository.snapshot(["model.safetensors"]),
    ):
        pass
    assert hub.calls["resolve"] < 8, "huggingface_hub's own tries are not tried again"
