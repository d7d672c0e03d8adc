"""What one endpoint served is never taken for another's, though they name the same commit."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.attacks.limits import within
from tests.support.loopback import Hub, running
from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.repository import Repository
from zoo_analysis.weights import open_checkpoint

COMMIT = "0123456789" * 4


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    with within(20):
        yield


@pytest.fixture
def hubs(tmp_path: Path) -> Iterator[list[Hub]]:
    """Two hubs with other contents under one name and commit, and one cache for both."""
    with ExitStack() as stack:
        found = []
        for number in (1, 2):
            home = tmp_path / f"contents{number}"
            home.mkdir()
            tensors = {"fc.weight": torch.full((8, 9 + number), float(number))}
            save_file(tensors, home / "model.safetensors")
            torch.save(tensors, home / "pytorch_model.bin")
            (home / "config.json").write_text(f'{{"hidden_size": {number}}}')
            hub = stack.enter_context(running(tmp_path / "none"))
            hub.access = replace(hub.access, home=str(tmp_path / "hf"))
            repo = hub.add("me/net", home)
            repo.revisions, repo.main = {COMMIT: home}, COMMIT
            found.append(hub)
        yield found


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_weights_are_those_of_the_endpoint_that_is_asked(hubs: list[Hub], file: str) -> None:
    for _ in range(2):
        for number, hub in enumerate(hubs, 1):
            with open_checkpoint(f"hf://me/net@{COMMIT}/{file}", hub.access) as checkpoint:
                assert checkpoint.tensors["fc.weight"].shape == (8, 9 + number)
                assert checkpoint.read("fc.weight").unique().tolist() == [number]


def test_texts_are_too(hubs: list[Hub]) -> None:
    for number, hub in enumerate(hubs, 1):
        repository = Repository(hub.access, "me/net", COMMIT)
        with repository.snapshot(["config.json"]):
            assert repository.text("config.json") == f'{{"hidden_size": {number}}}'


def test_the_users_own_cache_is_the_own_endpoints(
    hubs: list[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants, hf_hub_download

    assert HubAccess(constants.ENDPOINT).owns_user_cache
    first, second = hubs
    own = property(lambda access: access.endpoint == first.url)
    monkeypatch.setattr(HubAccess, "owns_user_cache", own)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "own"))
    hf_hub_download("me/net", "config.json", revision=COMMIT, endpoint=first.url)
    for hub in hubs:
        hub.forget()
    assert Repository(first.access, "me/net", COMMIT).text("config.json") == '{"hidden_size": 1}'
    assert Repository(second.access, "me/net", COMMIT).text("config.json") == '{"hidden_size": 2}'
    assert not first.asked
    assert second.asked


def test_the_limit_is_of_all_endpoints_together(hubs: list[Hub], tmp_path: Path) -> None:
    size = (tmp_path / "contents2" / "pytorch_model.bin").stat().st_size
    for hub in hubs:
        access = replace(hub.access, cache_bytes=size + 100)
        open_checkpoint(f"hf://me/net@{COMMIT}/pytorch_model.bin", access).close()
    (left,) = (tmp_path / "hf").rglob("snapshots/*/pytorch_model.bin")
    assert hubs[1].access.cache_dir in left.parents
    access = replace(hubs[0].access, cache_bytes=size + 100)
    with (
        open_checkpoint(f"hf://me/net@{COMMIT}/pytorch_model.bin", hubs[1].access),
        pytest.raises(CheckpointError, match="`cache_size`"),
    ):
        open_checkpoint(f"hf://me/net@{COMMIT}/pytorch_model.bin", access)


def test_what_older_versions_kept_without_an_endpoint_goes_first_and_is_not_read(
    hubs: list[Hub], tmp_path: Path
) -> None:
    hub = hubs[0]
    snapshot = hub.access.cache_root / "models--me--net" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}" + " " * 10_000)
    assert Repository(hub.access, "me/net", COMMIT).text("config.json") == '{"hidden_size": 1}'
    access = replace(hub.access, cache_bytes=10_000)
    open_checkpoint(f"hf://me/net@{COMMIT}/pytorch_model.bin", access).close()
    assert not snapshot.exists()


def test_every_endpoint_has_a_folder_of_its_own() -> None:
    urls = ["http://a/b", "http://a_b", "http://a/b?", "https://a/b", "http://a:80/b", "http://A/b"]
    folders = {HubAccess(url, home="/x").cache_dir for url in [*urls, "http://" + "a" * 300]}
    assert len(folders) == len(urls) + 1
    assert all(folder.parent == Path("/x/zoo-analysis") for folder in folders)
    assert all(len(folder.name) < 100 for folder in folders)
