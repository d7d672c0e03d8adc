"""The token goes to the endpoint's own origin, whatever the endpoint or its answers name."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.limits import within
from tests.support.loopback import Hub
from tests.support.repositories import write
from tests.support.stranger_server import Answer, Stranger, stranger
from zoo_analysis.errors import CheckpointError, SourceError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.api import hub_infos, list_models
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.hub.repository import Repository
from zoo_analysis.hub.traffic import origin
from zoo_analysis.weights import open_checkpoint

TOKEN = "hf_secret"
COMMIT = "0123456789" * 4
FILE = {"X-Repo-Commit": COMMIT, "ETag": '"abc"'}


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    with within(20):
        yield


@pytest.fixture
def other() -> Iterator[Stranger]:
    """Another host, which answers as a hub would."""

    def answer(path: str) -> Answer:
        if path.startswith("/api/models?"):
            return 200, {}, json.dumps([{"id": "other/net", "sha": COMMIT}]).encode()
        if path.startswith("/api/models/"):
            return 200, {}, json.dumps({"id": "me/net", "sha": COMMIT}).encode()
        return 200, FILE, b"{}"

    with stranger(answer) as server:
        yield server


def access_of(server: Stranger, tmp_path: Path) -> HubAccess:
    return HubAccess(server.url, TOKEN, first_wait=0.01, home=str(tmp_path / "hf"))


def listing(url: str, **headers: str) -> Any:
    page = json.dumps([{"id": "me/net", "sha": COMMIT}]).encode()
    return lambda path: (200, {"Link": f'<{url}>; rel="next"', **headers}, page)


@pytest.mark.parametrize(
    "link",
    [
        "{other}/api/models?cursor=2",
        "//{host}/api/models?cursor=2",
        "http://x@{host}/api/models?cursor=2",
        "{own}@{host}/api/models?cursor=2",
        "https://{own_host}/api/models?cursor=2",
        "http://localhost:{own_port}/api/models?cursor=2",
        "http://[::1",
        "file:///etc/passwd",
    ],
)
def test_a_next_page_elsewhere_is_refused(link: str, other: Stranger, tmp_path: Path) -> None:
    with stranger(lambda path: (200, {}, b"[]")) as own:
        parts = {
            "other": other.url,
            "own": own.url,
            "host": other.url.removeprefix("http://"),
            "own_host": own.url.removeprefix("http://"),
            "own_port": own.url.rpartition(":")[2],
        }
        own.answer = listing(link.format(**parts))
        with pytest.raises(SourceError, match="goes on elsewhere") as caught:
            list(list_models(HubQuery(), access_of(own, tmp_path)))
        assert "\n" not in str(caught.value)
        assert TOKEN not in str(caught.value)
        assert own.tokens == [f"Bearer {TOKEN}"]
    assert not other.seen


def test_the_hubs_own_next_page_is_asked_of_the_mirror(tmp_path: Path) -> None:
    first = listing("https://huggingface.co/api/models?cursor=2")
    last: Answer = (200, {}, b'[{"id": "me/second"}]')
    with stranger(lambda path: last if "cursor" in path else first(path)) as own:
        found = list(list_models(HubQuery(), access_of(own, tmp_path)))
    assert [model.id for model in found] == ["me/net", "me/second"]


def test_a_listing_that_goes_round_in_a_circle_ends(tmp_path: Path) -> None:
    with stranger(listing("/api/models?cursor=2")) as own:
        with pytest.raises(SourceError, match="circle"):
            list(list_models(HubQuery(), access_of(own, tmp_path)))
        assert len(own.seen) == 2


ASKED = {
    "listing": lambda access: list(list_models(HubQuery(), access)),
    "model": lambda access: hub_infos(["me/net"], access),
    "files": lambda access: Repository(access, "me/net", COMMIT).names(),
    "text": lambda access: Repository(access, "me/net", COMMIT).text("config.json"),
    "weights": lambda access: open_checkpoint(f"hf://me/net@{COMMIT}/model.safetensors", access),
    "download": lambda access: open_checkpoint(f"hf://me/net@{COMMIT}/pytorch_model.bin", access),
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("what", ASKED)
def test_a_redirect_is_followed_without_the_token(
    what: str, status: int, other: Stranger, tmp_path: Path
) -> None:
    with stranger(lambda path: (200, {}, b"")) as own:
        own.answer = lambda path: (status, {"Location": f"{other.url}{path}", **FILE}, b"")
        with suppress(CheckpointError, SourceError):
            ASKED[what](access_of(own, tmp_path))
        assert set(own.tokens) == {f"Bearer {TOKEN}"}
        assert other.seen
    assert not other.tokens


def test_hosts_that_huggingface_hub_trusts_are_trusted_with_no_other_endpoints_token(
    other: Stranger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows the token of a mirror to the official hub, where the mirror redirects there."""
    from huggingface_hub.utils import _http

    monkeypatch.setattr(_http, "_HUB_ORIGINS", {_http._url_origin(other.url)})
    with stranger(lambda path: (302, {"Location": f"{other.url}{path}", **FILE}, b"")) as own:
        with suppress(CheckpointError):
            ASKED["download"](access_of(own, tmp_path))
        assert own.tokens
    assert len(other.seen) >= 2
    assert not other.tokens


def test_a_storage_that_is_named_for_native_code_is_not_spoken_to(
    other: Stranger, tmp_path: Path
) -> None:
    """hf_xet is given the token to refresh its own at an address that the answer names."""
    xet = {
        "X-Xet-Hash": "0" * 64,
        "Link": f'<{other.url}/api/models/refresh>; rel="xet-auth"',
        "X-Linked-Size": "2",
    }
    with stranger(lambda path: (200, {**FILE, **xet}, b"{}")) as own:
        repository = Repository(access_of(own, tmp_path), "me/net", COMMIT)
        with repository.snapshot(["pytorch_model.bin"]) as folder:
            assert (folder / "pytorch_model.bin").read_bytes() == b"{}"
    assert not other.seen


@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag", "X-Repo-Commit"])
@pytest.mark.parametrize("value", ["../../../out", '"../../../out"', "/tmp/zoo-out", "..", "a/b"])
def test_a_header_names_no_file_outside_of_the_cache(
    header: str, value: str, tmp_path: Path
) -> None:
    named = {"X-Repo-Commit": COMMIT} if "Etag" in header else FILE
    answer: Answer = (200, {**named, header: value}, b"{}")
    with (
        stranger(lambda path: answer) as own,
        pytest.raises(CheckpointError),
        Repository(access_of(own, tmp_path), "me/net", COMMIT).snapshot(["pytorch_model.bin"]),
    ):
        pass
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert all("zoo-analysis" in str(file) and "out" not in file.name for file in files)
    assert not any(file.read_bytes() == b"{}" for file in files)


def test_no_mark_of_this_package_leaves_the_process(
    hub: Hub, hub_root: Path, other: Stranger, tmp_path: Path
) -> None:
    for ask in ASKED.values():
        with suppress(CheckpointError, SourceError):
            ask(access_of(other, tmp_path))
    assert len(other.seen) > len(ASKED)
    assert not [name for _, _, headers in other.seen for name in headers if "zoo" in name]


def test_requests_of_others_in_the_process_pass_as_they_are(
    other: Stranger, tmp_path: Path
) -> None:
    from huggingface_hub import HfApi

    hub_infos(["me/net"], access_of(other, tmp_path))
    HfApi(other.url, "hf_elsewhere").model_info("me/net")
    assert other.tokens == [f"Bearer {TOKEN}", "Bearer hf_elsewhere"]


def test_weights_behind_a_storage_come_without_the_token(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    repo = hub.add("me/net", write(hub_root / "net"))
    access = HubAccess(hub.url, "hf_good", first_wait=0.01, home=str(tmp_path / "hf"))
    with open_checkpoint(f"hf://me/net@{repo.main}/model.safetensors", access) as checkpoint:
        assert checkpoint.tensors
    with Repository(access, "me/net", repo.main).snapshot(["model.safetensors"]):
        pass
    assert hub.calls["cdn"] >= 2
    assert hub.leaks == 0


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin("https://hub.example/a") == origin("https://HUB.example:443/b?c#d")
    for another in ("http://hub.example", "https://hub.example:444", "https://hub.example.evil",
                    "https://hub.example@evil", "https://[hub.example"):  # fmt: skip
        assert origin(another) != origin("https://hub.example")
