"""A repository at one commit: its files from the hub or a cache, and failures in one line."""

from pathlib import Path

import pytest
import torch

from tests.support.loopback import Hub
from tests.support.repositories import write
from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.repository import Repository
from zoo_analysis.weights import open_checkpoint

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
    assert hub.calls["resolve"] < 3 * 8, "huggingface_hub's own tries count as several"


@pytest.mark.parametrize("folder", ["", "text_encoder/"])
def test_a_network_is_built_from_the_files_of_its_own_folder(
    hub: Hub, hub_root: Path, folder: str
) -> None:
    home = write(hub_root / "pipe", card="")
    write(home / "text_encoder", ((50, 30),), shards=2, card="")
    repository = Repository(hub.access, "me/pipe", hub.add("me/pipe", home).main)
    weights = "model.safetensors.index.json" if folder else "model.safetensors"
    with repository.network_files(f"{folder}{weights}") as found:
        names = {file.name for file in found.iterdir() if file.is_file()}
    assert names == {
        file.name
        for file in (home / folder).iterdir()
        if file.is_file() and file.name != "README.md"
    }


def test_an_adapter_that_is_downloaded_brings_its_configuration(hub: Hub, hub_root: Path) -> None:
    home = hub_root / "adapter" / "en"
    home.mkdir(parents=True)
    torch.save({"a.lora_A.weight": torch.ones(4, 8)}, home / "adapter_model.bin")
    (home / "adapter_config.json").write_text('{"r": 4, "lora_alpha": 16}')
    commit = hub.add("me/adapter", home.parent).main
    with open_checkpoint(f"hf://me/adapter@{commit}/en/adapter_model.bin", hub.access) as opened:
        assert opened.beside("adapter_config.json") == '{"r": 4, "lora_alpha": 16}'
