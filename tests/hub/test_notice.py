"""A notice reaches whom the user names, signed, once, and no stranger's text steers anything."""

import hashlib
import hmac
import json
import os
import sys
from pathlib import Path

import pytest

from tests.support.stranger_server import Answer, dripping, stranger
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.notice import SECRET, SIGNATURE, give, notice, post, secret, signature

ODD = "me/\x1b[31m\u202enet$(touch /tmp/x)`id`\n'\";"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, "s3cret")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")


def test_the_signature_is_that_of_the_published_example() -> None:
    # GitHub's documentation of webhooks has these two texts and their signature.
    assert signature(b"Hello, World!", "It's a Secret to Everybody") == (
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    )


def test_a_secret_is_the_bytes_of_the_environment_whatever_they_are() -> None:
    key = b"k\xff\xfe"
    told = signature(b"x", os.fsdecode(key))
    assert told == f"sha256={hmac.new(key, b'x', hashlib.sha256).hexdigest()}"


def test_it_is_posted_signed_and_escaped() -> None:
    body = notice([{"repo_id": ODD, "predicted": 79.1}])
    with stranger(lambda path: (204, {}, b"")) as server:
        post(f"{server.url}/hook?a=1", body)
        ((method, path, headers),) = server.seen
        assert (method, path) == ("POST", "/hook?a=1")
        expected = hmac.new(b"s3cret", server.bodies[0], hashlib.sha256).hexdigest()
        assert headers[SIGNATURE.lower()] == f"sha256={expected}"
        assert headers["content-type"] == "application/json"
        assert not server.tokens
        assert server.bodies[0].isascii()
        assert not any(byte < 0x20 for byte in server.bodies[0])
        told = json.loads(server.bodies[0])
        assert told["news"] == [{"repo_id": ODD, "predicted": 79.1}]
        assert told.keys() == {"id", "sent_at", "news"}


def test_what_passes_is_tried_again_with_the_same_id() -> None:
    answers = iter([503, 429, 500, 200])

    def answer(path: str) -> Answer:
        return next(answers), {"Retry-After": "0"}, b"x" * 10

    with stranger(answer) as server:
        post(server.url, notice([]), first_wait=0.01)
        assert len(server.seen) == 4
        assert len({json.loads(body)["id"] for body in server.bodies}) == 1


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (400, {}, "answers 400 to a notice"),
        (401, {}, "answers 401 to a notice"),
        (302, {"Location": "http://127.0.0.1:1/elsewhere"}, "answers 302, a redirect; give its"),
        (307, {"Location": "/elsewhere"}, "answers 307, a redirect; give its"),
    ],
)
def test_what_does_not_pass_is_said_at_once(
    status: int, headers: dict[str, str], says: str
) -> None:
    with stranger(lambda path: (status, headers, b"")) as server:
        with pytest.raises(ZooError, match=says):
            post(f"{server.url}/hidden-path", notice([]), first_wait=0.01)
        assert len(server.seen) == 1


def test_a_receiver_that_drips_bytes_of_its_headers_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each byte is soon enough after the one before; the headers have no end."""
    monkeypatch.setattr("zoo_analysis.hub.notice._TRY", 0.1)
    with dripping() as (url, hung_up):
        with pytest.raises(ZooError, match=r"takes no notice \(no whole answer in 0\.1 s\)"):
            post(url, notice([]), first_wait=0.001)
        assert hung_up.wait(60)


def test_it_gives_up_where_nobody_listens() -> None:
    with stranger(lambda path: (200, {}, b"")) as server:
        url = server.url
    with pytest.raises(ZooError, match="takes no notice") as refused:
        post(f"{url}/path?key=hidden", notice([]), first_wait=0.001)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/", "http://", "x", "http://[::1"])
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(ZooError, match="no address of http or https"):
        post(url, notice([]))


def test_without_a_secret_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET)
    with stranger(lambda path: (200, {}, b"")) as server:
        with pytest.raises(ZooError, match="ZOO_NOTIFY_SECRET, which is not set"):
            post(server.url, notice([]))
        assert not server.seen
    with pytest.raises(ZooError):
        secret()


def test_a_command_gets_it_on_its_input_and_no_shell_reads_it(tmp_path: Path) -> None:
    out = tmp_path / "with space"
    code = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    body = notice([{"repo_id": ODD}])
    give(f'{sys.executable} -c "{code}" "{out}"', body)
    assert out.read_bytes() == body
    literal = tmp_path / "$(x);`y`|z"
    give(f"{sys.executable} -c \"{code}\" '{literal}'", body)
    assert literal.read_bytes() == body


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("", "is empty"),
        ("echo 'open", "No closing quotation"),
        ("/no/such/program", "'/no/such/program' cannot be run"),
        (f"{sys.executable} -c 'raise SystemExit(7)'", "ended with status 7"),
    ],
)
def test_a_command_that_fails_is_said(command: str, says: str) -> None:
    with pytest.raises(ZooError, match=says):
        give(command, b"{}")
