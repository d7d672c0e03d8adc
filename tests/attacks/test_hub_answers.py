"""One odd answer of a hub costs itself: in time, in memory, and of a listing its own model."""

import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.limits import within
from tests.support.stranger_server import Answer, Stranger, dripping, stranger
from zoo_analysis.errors import CheckpointError, SourceError, ZooError
from zoo_analysis.hub import traffic
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.api import hub_infos
from zoo_analysis.hub.description import hub_model
from zoo_analysis.hub.pages import entries
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.hub.repository import Repository
from zoo_analysis.hub.retry import waiting_time
from zoo_analysis.sources.fetch import fetched
from zoo_analysis.sources.hub import described, hub_query

COMMIT = "0123456789" * 4
GOOD = {"id": "me/good", "sha": COMMIT, "siblings": [{"rfilename": "model.safetensors"}]}


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    with within(20):
        yield


def access_of(server: Stranger, tmp_path: Path) -> HubAccess:
    return HubAccess(server.url, first_wait=0.01, home=str(tmp_path / "hf"))


def raw(**odd: Any) -> bytes:
    return json.dumps({**GOOD, "id": "me/odd", **odd}).encode()


#: Descriptions that cannot be believed.
PROBLEMS = [
    raw(cardData="x"),
    raw(config=5),
    raw(tags=5),
    raw(siblings=[{"rfilename": None}]),
    raw(siblings=[None]),
    raw(siblings=5),
    raw(siblings=[{"rfilename": "../../x/model.safetensors"}]),
    raw(siblings=[{"rfilename": "/etc/model.safetensors"}]),
    raw(id=None),
    raw(id="../../x"),
    raw(id="me/--odd"),
    raw(sha=5),
    raw(sha="../../x"),
    raw(sha=f"{COMMIT}\n"),
    raw(createdAt="yesterday"),
    raw(lastModified=5),
    raw(createdAt="0001-01-01T00:00:00+23:00"),
    raw(createdAt="2024-13-45T00:00:00.000Z"),
    raw(downloads=-1),
    raw(likes="many"),
    raw(safetensors={"parameters": {"F32": -1}, "total": -1}),
    raw(safetensors={"parameters": {"F32": 10**30}, "total": 10**30}),
    raw(safetensors=[]),
    raw(disabled="no"),
    raw(evalResults="see the paper"),
    b"5",
    b"null",
    b"[]",
    b'"me/odd"',
    b'{"id": "me/odd", "cardData": ' + b'{"a":' * 9_000 + b"1" + b"}" * 9_000 + b"}",
    b'{"id": "me/odd", "config": ' + b'{"a":["}",' * 3_000 + b"1" + b"]}" * 3_000 + b"}",
    b'{"id": "me/odd", "likes": 1' + b"0" * 5_000 + b"}",
]
#: Descriptions of which one part is odd, and only that is lost.
ODD = [
    raw(**{"model-index": [{"results": [{"metrics": [{"type": "acc", "value": 10**400}]}]}]}),
    raw(cardData={"license": "\ud800", "tags": 5, "base_model": {"a": 1}}),
    raw(tags=[None, 5, "license:\ud800mit", ["x"]]),
    raw(evalResults=[None, 5, {"dataset": 5}, {"dataset": {"id": 5}, "value": 1}, {"data": 3}]),
    raw(baseModels={"a": 5}),
    raw(config={"architectures": [None], "model_type": [1]}),
    b'{"id": "me/odd", "sha": "%s", "siblings": [{"rfilename": "model.safetensors"}], '
    b'"model-index": 1%s}' % (COMMIT.encode(), b"0" * 5_000),
]


def test_an_odd_description_is_a_problem_and_the_listing_goes_on(tmp_path: Path) -> None:
    good = json.dumps(GOOD).encode()
    last = json.dumps({**GOOD, "id": "me/last"}).encode()
    pages = {"": [good, *PROBLEMS], "2": [*ODD[:1], *PROBLEMS[-4:], last]}

    def answer(path: str) -> Answer:
        number = "2" if "cursor" in path else ""
        link = {} if number else {"Link": '</api/models?cursor=2>; rel="next"'}
        return 200, link, b"[" + b",".join(pages[number]) + b"]"

    with stranger(answer) as server:
        found = hub_query(HubQuery(), access_of(server, tmp_path))
    assert [ref.repo_id for ref in found.refs] == ["me/good", "me/odd", "me/last"]
    assert len(found.problems) == len(PROBLEMS) + 4
    assert {problem.repo_id for problem in found.problems} == {"?", "me/odd", "../../x", "me/--odd"}
    for problem in found.problems:
        assert problem.error == "MalformedDescription"
        assert problem.message.startswith(f"{problem.repo_id}: the hub's description")
        assert "\n" not in problem.message
        assert len(problem.message) < 400
        problem.message.encode()


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_an_odd_part_costs_itself(text: bytes) -> None:
    (model,) = entries(b"[%s]" % text, "here")
    (ref,) = described(hub_model(model)).refs
    assert not ref.accuracies
    repr(ref).encode()


def test_results_that_are_none_are_told_of() -> None:
    said = [None, 5, {"dataset": 5}, {"dataset": {"id": "d"}, "value": 1}, {"data": 3}]
    (ref,) = described(hub_model(json.loads(raw(evalResults=said)))).refs
    assert [accuracy.value for accuracy in ref.accuracies] == [1]
    assert ref.remarks == ("eval-results: no usable value of entries that are malformed (4)",)


@pytest.mark.parametrize("text", PROBLEMS, ids=range(len(PROBLEMS)))
def test_an_odd_description_of_one_model_is_one_line(text: bytes, tmp_path: Path) -> None:
    with stranger(lambda path: (200, {}, text)) as server:
        (found,) = hub_infos(["me/odd"], access_of(server, tmp_path)).values()
    assert isinstance(found, CheckpointError)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    "page", [b"", b"{}", b"5", b"null", b"[", b"[1,", b"\xff", b'["\xff"]', b"[" * 100_000, b"<p>"]
)
def test_a_page_that_is_no_list_is_one_line(page: bytes, tmp_path: Path) -> None:
    with stranger(lambda path: (200, {}, page)) as server, suppress(SourceError):
        found = hub_query(HubQuery(), access_of(server, tmp_path))
        assert not found.refs


def endless(block: bytes = bytes(1 << 16)) -> Iterator[bytes]:
    while True:
        yield block


def drip() -> Iterator[bytes]:
    while True:
        yield b" "
        time.sleep(0.02)


def bomb() -> Iterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    while True:
        yield packer.compress(b" " * (1 << 22)) + packer.flush(zlib.Z_FULL_FLUSH)


BODIES: dict[str, Any] = {
    "a length of 10 GB": lambda: ({"Content-Length": str(10**10)}, endless()),
    "a length of 5,000 digits": lambda: ({"Content-Length": "9" * 5_000}, b"{}"),
    "no end": lambda: ({}, endless()),
    "no end of spaces": lambda: ({}, endless(b" " * (1 << 16))),
    "a gzip bomb": lambda: ({"Content-Encoding": "gzip"}, bomb()),
    "twice gzipped": lambda: (
        {"Content-Encoding": "gzip, gzip"},
        gzip.compress(gzip.compress(b"[]")),
    ),
    "another encoding": lambda: ({"Content-Encoding": "br"}, b"[]"),
    "broken gzip": lambda: ({"Content-Encoding": "gzip"}, b"[]"),
    "a drip": lambda: ({}, drip()),
}
FILE = {"X-Repo-Commit": COMMIT, "ETag": '"abc"'}
ASKED = {
    "listing": lambda access: hub_query(HubQuery(), access),
    "model": lambda access: hub_infos(["me/net"], access)["me/net"],
    "files": lambda access: Repository(access, "me/net", COMMIT).names(),
    "text": lambda access: Repository(access, "me/net", COMMIT).text("config.json"),
}


@pytest.mark.parametrize("status", [200, 302, 500])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("what", ASKED)
def test_a_body_costs_bounded_time_and_memory(
    what: str, body: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("zoo_analysis.hub.pages", "zoo_analysis.hub.api", "zoo_analysis.hub.file"):
        monkeypatch.setattr(f"{name}.TEXT_SECONDS", 0.3)
    monkeypatch.setattr(traffic, "TEXT_SECONDS", 0.3)
    monkeypatch.setattr("zoo_analysis.hub.repository.TEXT_SECONDS", 0.3)
    monkeypatch.setattr("zoo_analysis.hub.repository.TEXT_BYTES", 1 << 20)
    monkeypatch.setattr("zoo_analysis.hub.pages.PAGE_BYTES", 1 << 20)
    monkeypatch.setattr("zoo_analysis.hub.api.PAGE_BYTES", 1 << 20)
    monkeypatch.setattr("time.sleep", _short(time.sleep))

    def answer(path: str) -> Answer:
        headers, content = BODIES[body]()
        about = {"Location": "/elsewhere"} if status == 302 and "elsewhere" not in path else {}
        return status, {**FILE, **headers, **about}, content

    with stranger(answer) as server:
        tracemalloc.start()
        try:
            with suppress(CheckpointError, SourceError):
                found = ASKED[what](access_of(server, tmp_path))
                assert not found or isinstance(found, Exception)
            assert tracemalloc.get_traced_memory()[1] < 30 << 20
        finally:
            tracemalloc.stop()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#: Answers of which nothing comes to who reads the body: how they begin, and how they go on.
DRIPS = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "a header": (b"HTTP/1.1 200 OK\r\nX-A: ", b"b"),
    "a status": (b"HTTP/1.1 200 ", b"O"),
    "answers before the answer": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "a seam of blocks": (CHUNKED + b"1;", b"x"),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-A: b\r\n"),
}


@pytest.mark.parametrize("what", ["model", "text", "table"])
@pytest.mark.parametrize("drip", DRIPS)
def test_an_answer_that_never_comes_is_not_waited_for(
    drip: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hub.traffic.TEXT", "hub.api.TEXT", "hub.file.TEXT", "sources.fetch.MOST"):
        monkeypatch.setattr(f"zoo_analysis.{name}_SECONDS", 0.1)
    with dripping(*DRIPS[drip]) as (url, _), within(5):
        access = HubAccess(url, first_wait=0.01, home=str(tmp_path / "hf"))
        try:
            found = fetched(url) if what == "table" else ASKED[what](access)
        except ZooError as error:
            found = error
    if DRIPS[drip][0].startswith(CHUNKED) and what == "text":
        assert not found or isinstance(found, ZooError)  # it asks for a size first
    else:
        assert "too slowly" in str(found)


def _short(sleep: Any) -> Any:
    return lambda seconds: sleep(min(seconds, 0.01))


def test_a_download_ends_where_its_size_does(tmp_path: Path) -> None:
    heads = iter([b"", b"", endless()])
    with stranger(lambda path: (200, {**FILE, "X-Linked-Size": "100"}, next(heads))) as server:
        repository = Repository(access_of(server, tmp_path), "me/net", COMMIT)
        with (
            pytest.raises(CheckpointError, match="more than"),
            repository.snapshot(["pytorch_model.bin"]),
        ):
            pass
    assert sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file()) < 1 << 20


def test_a_text_of_any_size_is_not_allocated_first(tmp_path: Path) -> None:
    about = {**FILE, "Content-Range": f"bytes 0-262143/{10**12}"}
    with (
        stranger(lambda path: (206, about, bytes(1 << 18))) as server,
        pytest.raises(CheckpointError, match="at most"),
    ):
        Repository(access_of(server, tmp_path), "me/net", COMMIT).text("config.json")


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "99999999"},
        {"Retry-After": "9" * 5_000},
        {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"},
        {"Retry-After": "²"},
        {"RateLimit": '"api";r=0;t=99999999'},
        {"RateLimit": f'"api";r=0;t={"9" * 5_000}'},
        {"RateLimit": f'"api";r={"9" * 5_000};t=1'},
    ],
)
@pytest.mark.parametrize("what", ["listing", "model"])
def test_a_server_asks_for_no_wait_beyond_five_minutes(
    what: str, headers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    headers = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    with stranger(lambda path: (429, headers, b"")) as server, suppress(SourceError):
        assert isinstance(ASKED[what](access_of(server, tmp_path)), Exception)
    assert waited
    assert max(waited) <= traffic.LONGEST_WAIT + 2


def test_waiting_is_capped_where_an_answer_never_passed_the_guard() -> None:
    import httpx2

    for value in ("99999999", "²"):
        error = RuntimeError()
        error.response = httpx2.Response(429, headers=[(b"retry-after", value.encode())])  # type: ignore[attr-defined]
        assert waiting_time(error, 1, 1.0) <= traffic.LONGEST_WAIT + 1
