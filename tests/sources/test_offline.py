"""HF_HUB_OFFLINE: models of the hub are those that huggingface_hub's cache holds."""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants, hf_hub_download

from tests.support.loopback import Hub, running
from tests.support.repositories import tensors, write
from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.repository import Repository
from zoo_analysis.sources import Resolved, resolve_sources
from zoo_analysis.weights import open_checkpoint


def fetch(hub: Hub, home: Path, repo_id: str, *names: str, revision: str | None = None) -> None:
    """What `hf download` does: files into the cache below HF_HOME."""
    for name in names:
        hf_hub_download(
            repo_id, name, revision=revision, endpoint=hub.url, cache_dir=home / "hub", token=False
        )


@pytest.fixture
def gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HubAccess:
    """A hub that is no more, and what was fetched of it while it was."""
    root, home = tmp_path / "repositories", tmp_path / "hf"
    with running(root) as hub:
        whole = hub.add("timm/net", write(root / "net"))
        hub.add("me/shards", write(root / "shards", shards=2))
        hub.add("me/card", write(root / "card"))
        pickled = write(root / "pickled")
        (pickled / "model.safetensors").unlink()
        torch.save(tensors("pickled"), pickled / "pytorch_model.bin")
        hub.add("me/pickled", pickled)
        fetch(hub, home, "timm/net", "model.safetensors", "config.json", "README.md")
        fetch(hub, home, "timm/net", "README.md", revision=whole.main)
        first, second = (f"model-0000{i}-of-00002.safetensors" for i in (1, 2))
        fetch(hub, home, "me/shards", first, "model.safetensors.index.json")
        fetch(hub, home, "me/card", "README.md")
        fetch(hub, home, "me/pickled", "pytorch_model.bin")
        assert second not in {path.name for path in home.rglob("*")}
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_HOME", str(home))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return HubAccess(constants.ENDPOINT)


def told(resolved: Resolved) -> list[str]:
    return [problem.message for problem in resolved.problems]


def test_a_model_of_the_cache_is_what_the_hub_would_say_of_it(gone: HubAccess) -> None:
    resolved = resolve_sources(["timm/net"], gone)
    assert told(resolved) == []
    (ref,) = resolved.refs
    assert (ref.repo_id, ref.source, ref.series) == ("timm/net", "hub", "unheard-of")
    assert ref.path == f"hf://timm/net@{ref.revision}/model.safetensors"
    assert (ref.library, ref.license) == ("timm", "mit")
    assert [(each.dataset, each.value) for each in ref.accuracies] == [("digits", 75.0)]


@pytest.mark.parametrize("name", ["timm/net", "me/pickled"])
def test_its_weights_are_read_where_they_lie(gone: HubAccess, name: str) -> None:
    (ref,) = resolve_sources([name], gone).refs
    with open_checkpoint(ref.path, gone) as checkpoint:
        expected = tensors(name.partition("/")[2])["layers.0.weight"]
        torch.testing.assert_close(checkpoint.read("layers.0.weight"), expected)


def test_a_branch_and_its_commit_are_the_same_revision(gone: HubAccess) -> None:
    (ref,) = resolve_sources(["timm/net"], gone).refs
    for name in ("timm/net@main", f"timm/net@{ref.revision}", "hf://timm/net/model.safetensors"):
        (same,) = resolve_sources([name], gone).refs
        assert (same.revision, same.path) == (ref.revision, ref.path)


@pytest.mark.parametrize("name", ["timm/other", "timm/net@v2", "timm/net@" + "0" * 40])
def test_what_is_not_in_the_cache_is_one_line_and_costs_nothing_else(
    gone: HubAccess, name: str
) -> None:
    resolved = resolve_sources([name, "timm/net"], gone)
    assert [ref.repo_id for ref in resolved.refs] == ["timm/net"]
    repo_id = name.partition("@")[0]
    assert told(resolved) == [
        f"{repo_id}: HF_HUB_OFFLINE is set and it is not in the cache; unset it"
    ]


def test_a_repository_without_its_weights_says_so(gone: HubAccess) -> None:
    (line,) = told(resolve_sources(["me/card"], gone))
    assert line == "me/card: HF_HUB_OFFLINE is set and its weights are not in the cache; unset it"


def test_a_shard_that_was_not_fetched_is_named_as_not_there(gone: HubAccess) -> None:
    (ref,) = resolve_sources(["me/shards"], gone).refs
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE is set and it is not in the cache"):
        open_checkpoint(ref.path, gone)


def test_files_beside_the_weights_are_those_of_the_cache(gone: HubAccess) -> None:
    (ref,) = resolve_sources(["timm/net"], gone).refs
    repository = Repository(gone, "timm/net", str(ref.revision))
    assert repository.names() == ["README.md", "config.json", "model.safetensors"]
    with repository.network_files("model.safetensors") as folder:
        assert json.loads((folder / "config.json").read_text())["hidden_size"] == 20


@pytest.mark.parametrize(
    "odd",
    ["{", "[" * 100_000, "\0", " " * (70 << 20)],
    ids=["no object", "deep", "no text", "large"],
)
def test_an_odd_text_in_the_cache_costs_its_model_nothing_else(gone: HubAccess, odd: str) -> None:
    for name in ("README.md", "config.json"):
        for file in Path(constants.HF_HUB_CACHE).glob(f"models--timm--net/snapshots/*/{name}"):
            file.resolve().write_text(odd)
    (ref,) = resolve_sources(["timm/net"], gone).refs
    assert (ref.repo_id, ref.series, ref.accuracies) == ("timm/net", None, ())
