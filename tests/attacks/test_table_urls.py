"""A table of accuracies is fetched from where the user said, and costs bounded time and memory."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.limits import within
from tests.support.stranger_server import HEADER, Answer, dripping, stranger
from zoo_analysis.errors import SourceError
from zoo_analysis.sources.reported import any_csv, timm_csv

TABLE = b"repo_id,dataset,metric,value\nme/net,imagenet-1k,accuracy,71\n"


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    with within(20):
        yield


def refusal(place: str) -> str:
    with pytest.raises(SourceError) as caught:
        any_csv(place, {}, {})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://",
        "http://\x1b[31m",
        "http://127.0.0.1:99999/x.csv",
        "http://127.0.0.1:x/x.csv",
        "http://" + "a" * 100_000,
        "http://a\nb/x.csv",
        "https://\ud800/x.csv",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x.csv",
        "gopher://127.0.0.1/x.csv",
        "data://text/csv,repo_id",
        "HTTP+unix://x/y",
        "://",
    ],
)
def test_what_is_no_address_of_the_web_is_one_line(url: str) -> None:
    assert refusal(url)


def test_a_place_that_no_file_can_have_is_one_line() -> None:
    assert refusal("a\0b.csv")


def test_a_table_is_fetched_and_redirected(tmp_path: Path) -> None:
    def answer(path: str) -> Answer:
        return (302, {"Location": "/there.csv"}, b"") if "there" not in path else (200, {}, TABLE)

    with stranger(answer) as server:
        (found,) = any_csv(f"{server.url}/here.csv", {}, {})
        assert (found.repo_id, found.value, found.source) == ("me/net", 71, "csv:here.csv")
        assert not server.tokens


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[::1", "//", "gopher://x/", "data:,x"],
)
def test_a_redirect_leads_to_the_web_or_nowhere(location: str) -> None:
    with stranger(lambda path: (302, {"Location": location}, b"")) as server:
        assert refusal(f"{server.url}/x.csv").startswith(server.url)


def test_redirects_end() -> None:
    count = itertools.count()
    with stranger(lambda path: (302, {"Location": f"/{next(count)}.csv"}, b"")) as server:
        assert "redirected" in refusal(f"{server.url}/x.csv")
        assert len(server.seen) <= 11


def endless() -> Iterator[bytes]:
    yield TABLE
    while True:
        yield b"x" * (1 << 16)


def drip() -> Iterator[bytes]:
    while True:
        yield b"x"
        time.sleep(0.02)


@pytest.mark.parametrize("headers", [{}, {"Content-Length": str(10**10)}])
def test_a_table_without_end_is_refused(
    headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo_analysis.sources.fetch.MOST_BYTES", 1 << 20)
    with stranger(lambda path: (200, headers, endless())) as server:
        assert "larger than" in refusal(f"{server.url}/x.csv")


def test_a_table_that_drips_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo_analysis.sources.fetch.MOST_SECONDS", 0.3)
    with stranger(lambda path: (200, {}, drip())) as server:
        assert "too slowly" in refusal(f"{server.url}/x.csv")


@pytest.mark.parametrize("start", [HEADER, b"HTTP/1.0 200 OK\r\n\r\n" + TABLE])
def test_headers_that_drip_are_refused_and_a_table_as_long_as_its_connection(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the connection is the end of the second one, but not when time is up."""
    monkeypatch.setattr("zoo_analysis.sources.fetch.MOST_SECONDS", 0.3)
    with dripping(start) as (url, _):
        assert "too slowly" in refusal(f"{url}/x.csv")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Encoding": "gzip"}, b"\x1f\x8b"),
        ({}, b"\xff\xfe\x00"),
        ({}, b"a,b\n" + b'"' * 99),
    ],
)
def test_what_is_no_plain_table_is_refused(headers: dict[str, str], body: bytes) -> None:
    with stranger(lambda path: (200, headers, body)) as server:
        assert refusal(f"{server.url}/x.csv")


def test_a_file_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo_analysis.sources.fetch.MOST_BYTES", 1 << 20)
    assert "larger than 1 MiB" in refusal("/dev/zero")


def test_timms_tables_are_fetched_in_the_same_way() -> None:
    with pytest.raises(SourceError, match="file"):
        timm_csv("file:///etc/results-imagenet.csv")
