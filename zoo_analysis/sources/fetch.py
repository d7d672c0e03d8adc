"""Tables from a file or the web: of bounded size, by http and https alone, in bounded time."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.patience import Patience

#: Bytes of a table, from the web or a file, and seconds in which it must be there.
MOST_BYTES: Final = 64 << 20
MOST_SECONDS: Final = 120.0
#: Seconds without a byte; redirects that are followed.
_SILENCE: Final = 30.0
_REDIRECTS: Final = 10


def read_table(path: Path) -> bytes:
    """The content of a table in a file.

    Raises:
        SourceError: it is too large.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise SourceError(f"{path}: larger than {MOST_BYTES >> 20} MiB; split the table")
    return content


def fetched(url: str) -> str:
    """The text of a table, as `fetched_bytes` gets it.

    Raises:
        SourceError: as there; or no UTF-8.
    """
    try:
        return fetched_bytes(url).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{_shown(url)}: cannot be read ({error})") from error


def fetched_bytes(url: str) -> bytes:
    """The content of a table on the web, of `MOST_BYTES` at most, in `MOST_SECONDS` at most.

    Raises:
        SourceError: it cannot be fetched (`blocks`), or is too large.
    """
    return b"".join(blocks(url, MOST_BYTES, MOST_SECONDS))


def blocks(url: str, most: int, seconds: float) -> Iterator[bytes]:
    """The blocks of a URL's answer, as they come in.

    No token and no password go with the request, and compressed answers are not asked for. A
    redirect is followed to another address of http or https, but from https to https only.

    Args:
        url: as the user gave it.
        most: bytes.
        seconds: in which all must be there.

    Raises:
        SourceError: it is no address of http or https, cannot be fetched, or is too large or slow.
    """
    import httpx2

    patience, got = Patience(_SILENCE, seconds, lambda: _too_slow(url)), 0
    asked = patience.extensions
    try:
        with httpx2.Client(headers={"accept-encoding": "identity"}) as client:
            address = _address(url, url)
            for _ in range(_REDIRECTS):
                with client.stream("GET", address, extensions=asked) as answer:
                    if answer.has_redirect_location:
                        address = _address(str(answer.url.join(answer.headers["location"])), url)
                        continue
                    answer.raise_for_status()
                    if answer.headers.get("content-encoding", "identity") != "identity":
                        raise SourceError(f"{_shown(url)}: comes compressed; fetch and unpack it")
                    for block in answer.iter_raw():
                        got += len(block)
                        if got > most:
                            size = f"larger than {most >> 20} MiB"
                            raise SourceError(f"{_shown(url)}: {size}; split the table")
                        if time.monotonic() > patience.until:
                            raise _too_slow(url)
                        yield block
                    return
            raise SourceError(f"{_shown(url)}: redirected more than {_REDIRECTS} times")
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise SourceError(f"{_shown(url)}: cannot be fetched ({reason}); check the URL") from error


def _too_slow(url: str) -> SourceError:
    return SourceError(f"{_shown(url)}: comes too slowly; fetch it yourself")


def _address(url: str, first: str) -> str:
    """An address that may be asked, on the way from the first."""
    try:
        parts, before = urlsplit(url), urlsplit(first)
        known = parts.hostname and (parts.port or True)
    except ValueError as error:
        raise SourceError(f"{_shown(first)}: no URL ({error}); check it") from None
    if parts.scheme not in ("http", "https") or not known:
        what = f"leads to {_shown(url)}" if url != first else "is no address of http or https"
        raise SourceError(f"{_shown(first)}: {what}; give a file, or an http or https URL")
    if before.scheme == "https" and parts.scheme == "http":
        raise SourceError(f"{_shown(first)}: leads from https to http; give a safe URL")
    return url


def _shown(url: str) -> str:
    """A URL in one line of bounded length."""
    return "".join(c if c.isprintable() else "?" for c in url)[:200]
