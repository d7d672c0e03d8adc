"""A guard on huggingface_hub's client: what goes out to which server, and what may come back.

All calls of huggingface_hub, and this package's own, share one client. The guard is a pair of hooks
on it that see each request and each answer, also those of redirects, of next pages and of links
that a server names. Requests of this package bear a mark that the hooks take off; those of others
in the same process pass as they are.
"""

import math
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.patience import Patience
from zoo_analysis.texts import size_in_words

if TYPE_CHECKING:
    import httpx2

#: Bytes of a configuration, a card, an index of shards; of a page of a listing.
TEXT_BYTES: Final = 64 << 20
PAGE_BYTES: Final = 32 << 20
#: Bytes of an answer that refuses or redirects, of which only the beginning matters.
_REFUSAL_BYTES: Final = 1 << 20
#: Seconds in which such a text, page or refusal must be there.
TEXT_SECONDS: Final = 120.0
#: Bytes a second, the slowest that a large transfer may be on the whole.
_SLOWEST: Final = 10_000
#: Seconds without a byte, where the caller has set no limit.
_SILENCE: Final = 30.0
#: Seconds that a server may ask to be waited for: the hub counts calls in windows of 300.
LONGEST_WAIT: Final = 300

_MARK: Final = "x-zoo-request"
_FOR: Final = "zoo_request"
_PORTS: Final = {"http": 80, "https": 443}
#: Headers from which huggingface_hub makes names of files, and what such a name may be.
_NAMES: Final = {
    "etag": re.compile(r'(W/)?"?\w[\w.+=:-]{0,199}"?', re.ASCII),
    "x-linked-etag": re.compile(r'(W/)?"?\w[\w.+=:-]{0,199}"?', re.ASCII),
    "x-repo-commit": re.compile(r"[0-9A-Za-z]{1,64}"),
}
_setting_up: Final = threading.Lock()
_heard: Final = set[tuple[str, str, int | None]]()
_RESET: Final = re.compile(r"(;\s*t\s*=\s*)(\d+)")


def marked(endpoint: str, most: int, seconds: float) -> dict[str, str]:
    """The header by which a request is known to the guard, which is set up with it.

    Args:
        endpoint: whose token the request bears.
        most: bytes of the answer's body, decoded; 0 where the caller counts them.
        seconds: in which the body must be there; 0 where the caller sees to it.
    """
    _set_up()
    return {_MARK: f"{most} {seconds} {endpoint}"}


def was_heard(url: str) -> bool:
    """True where a server has answered this process before."""
    return origin(url) in _heard


def seconds_for(nbytes: int) -> float:
    """Seconds in which so many bytes must have come."""
    return TEXT_SECONDS + nbytes / _SLOWEST


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL; of one that is none, an origin that no other has."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
        return parts.scheme, (parts.hostname or "").lower(), port
    except ValueError:
        return url, "", None


def _set_up() -> None:
    from huggingface_hub.utils import _http, set_client_factory

    with _setting_up:
        make = _http._GLOBAL_CLIENT_FACTORY
        if not isinstance(make, _Guarded):  # nobody has, or somebody has put his own in its place
            set_client_factory(_Guarded(make))


class _Guarded:
    """A factory of clients whose hooks are the guard's too."""

    def __init__(self, make: "Callable[[], httpx2.Client]") -> None:
        self.make = make

    def __call__(self) -> "httpx2.Client":
        client = self.make()
        hooks = client.event_hooks
        client.event_hooks = {
            "request": [*hooks["request"], _outgoing],
            "response": [*hooks["response"], _incoming],
        }
        return client


def _outgoing(request: "httpx2.Request") -> None:
    """Keep the token from all but the endpoint, and set what limits the answer."""
    mark = request.headers.pop(_MARK, None)
    if mark is not None:
        request.extensions[_FOR] = mark  # which a redirect inherits
    elif not (mark := request.extensions.get(_FOR)):
        return
    if origin(str(request.url)) != origin(mark.split(" ", 2)[2]):
        request.headers.pop("authorization", None)
    if request.headers.get("accept-encoding") != "identity":
        request.headers["accept-encoding"] = "gzip"
    limits = dict(request.extensions.get("timeout") or {})
    for what in ("connect", "read", "write", "pool"):
        if limits.get(what) is None:
            limits[what] = _SILENCE
    silence: Any = getattr(limits["read"], "silence", limits["read"])  # a redirect inherits it
    host = request.url.host
    limits["read"] = Patience(silence, TEXT_SECONDS, lambda: _too_slow(host, TEXT_SECONDS))
    request.extensions["timeout"] = limits


def _incoming(response: "httpx2.Response") -> None:
    """Let nothing in that names a file outside, a wait without end, or more bytes than allowed."""
    mark = response.request.extensions.get(_FOR)
    if not mark:
        return
    most, seconds, endpoint = mark.split(" ", 2)
    _heard.add(origin(str(response.url)))
    _clean(response.headers, endpoint)
    passing = response.status_code >= 300
    if 300 <= response.status_code < 400 and not response.has_redirect_location:
        raise CheckpointError(
            f"{response.url.host} answers {response.status_code} and does not say where to go"
        )
    limit = _REFUSAL_BYTES if passing else int(most)
    length = response.headers.get("content-length", "")
    if limit and not passing and response.request.method != "HEAD" and _number(length) > limit:
        raise CheckpointError(_too_large(response, limit))
    time_limit = TEXT_SECONDS if passing else float(seconds)
    patience = response.request.extensions["timeout"]["read"]
    patience.until = time.monotonic() + (time_limit or math.inf)
    response.stream = _bounded(response, limit, time_limit, passing)


def _clean(headers: Any, endpoint: str) -> None:
    from huggingface_hub import constants

    for name, known in _NAMES.items():
        if name in headers and not known.fullmatch(headers[name]):
            del headers[name]
    if origin(endpoint) != origin(constants._HF_DEFAULT_ENDPOINT):
        # The storage of this protocol is a third party, to which a native library shows the token
        # whatever the endpoint calls it: the hub itself may name one, a mirror need not.
        headers.pop("x-xet-hash", None)
    after = headers.pop("retry-after", "").strip()
    if after.isdecimal():  # a date is passed over, as huggingface_hub does
        headers["retry-after"] = str(min(_number(after), LONGEST_WAIT))
    if "ratelimit" in headers:
        value = _RESET.sub(
            lambda match: f"{match[1]}{min(_number(match[2]), LONGEST_WAIT)}", headers["ratelimit"]
        )
        headers["ratelimit"] = re.sub(r"\d{10,}", "9", value)


def _number(text: str) -> int:
    """A count in a header, which may be of any length; 0 where it is none."""
    if not text.isdecimal():
        return 0
    return int(text) if len(text) <= 18 else 10**18


def _too_large(response: "httpx2.Response", limit: int) -> str:
    return f"{response.url.host} answers with more than {size_in_words(limit)} where less is due"


def _too_slow(host: str, seconds: float, got: str = "") -> CheckpointError:
    return CheckpointError(f"{host} sends too slowly{got} in {seconds:.0f} s")


def _bounded(response: "httpx2.Response", limit: int, seconds: float, passing: bool) -> Any:
    """The body of an answer, decoded within its limits; what refuses is cut off, the rest fails."""
    import httpx2

    encoding = response.headers.pop("content-encoding", "identity").strip().lower()
    if encoding in ("gzip", "x-gzip", "deflate"):
        response.headers.pop("content-length", None)
        decode: Any = zlib.decompressobj(zlib.MAX_WBITS | 32)
    elif encoding in ("identity", ""):
        decode = None
    else:
        raise CheckpointError(f"{response.url.host} answers in the encoding {encoding[:20]!r}")
    inner = response.stream

    def plain() -> Iterator[bytes]:
        for block in inner:  # type: ignore[union-attr]
            while decode is not None and block:
                try:
                    yield decode.decompress(block, 1 << 20)
                except zlib.error as error:
                    raise CheckpointError(f"{response.url.host} answers in broken gzip") from error
                block = decode.unconsumed_tail
            if decode is None:
                yield block

    class Body(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            got, end = 0, time.monotonic() + seconds
            for block in plain():
                got += len(block)
                late = bool(seconds) and time.monotonic() > end
                if (limit and got > limit) or late:
                    if passing:
                        return
                    if late:
                        raise _too_slow(response.url.host, seconds, f": {got} bytes")
                    raise CheckpointError(_too_large(response, limit))
                yield block

        def close(self) -> None:
            inner.close()  # type: ignore[union-attr]

    return Body()
