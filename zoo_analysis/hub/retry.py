"""Patience with the hub: what is worth another try, and after how long.

A hub that is gone for a minute costs time and nothing else: 408, 429 (as long as RateLimit or
Retry-After say, which `hub.traffic` keeps short), 5xx, timeouts and broken connections are waited
out for a minute and a half. All calls are tried again here: pages of listings (`hub.pages`),
descriptions of models, byte ranges (`hub.file`), of which what came is kept, and `hf_hub_download`
of huggingface_hub 2.4, which tries by itself for 23 seconds to find out what there is, resumes a
body that ends early, but gives up on a 5xx of the storage.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from zoo_analysis.hub.traffic import LONGEST_WAIT, was_heard

_T = TypeVar("_T")

#: Answers that another try may improve.
_TRANSIENT: Final = (408, 425, 429, 500, 502, 503, 504)
#: Tries in a row without a byte received, with waits of 1, 2, 4, … seconds between them; and tries
#: of a host that takes no connection, where nothing was ever heard of it.
TRIES: Final = 8
CONNECTIONS: Final = 4
#: Tries of ours that one of huggingface_hub's is worth, which waits as long.
_OF_LIBRARY: Final = 3
#: The least share of a wait, the rest of which is drawn.
_STEADY: Final = 0.75
_LONGEST: Final = 60.0


class Interrupted(Exception):
    """Fewer bytes than were asked for."""


def is_transient(error: BaseException) -> bool:
    """True where the same request may succeed a little later."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError | httpx2.HTTPStatusError):
        return error.response is not None and error.response.status_code in _TRANSIENT
    if isinstance(error, RuntimeError) and "client has been closed" in str(error):
        return True  # huggingface_hub closes its shared client when a connection fails
    return isinstance(error, httpx2.TransportError | Interrupted)


def waiting_time(error: BaseException, tries: int, first_wait: float) -> float:
    """Seconds to wait after the `tries`-th failure.

    Twice as long each time, with jitter, so that not everybody comes back at once; longer where the
    server asks for it (RateLimit, Retry-After), up to `hub.traffic.LONGEST_WAIT`.
    """
    from huggingface_hub.utils import parse_ratelimit_headers

    response, asked, jitter = getattr(error, "response", None), 0.0, random.random()
    if response is not None:
        limit = parse_ratelimit_headers(response.headers)
        after = str(response.headers.get("retry-after", "")).strip()
        if limit is not None and limit.remaining == 0 and response.status_code == 429:
            asked = min(limit.reset_in_seconds, LONGEST_WAIT) + first_wait * jitter
        elif after.isdecimal():
            asked = min(int(after), LONGEST_WAIT) + first_wait * jitter
    doubled: float = first_wait * 2 ** (tries - 1)
    return max(asked, min(_LONGEST, doubled) * (_STEADY + (1 - _STEADY) * jitter))


def give_up(error: BaseException, tries: int, connections: int = TRIES) -> bool:
    """True where the `tries`-th failure in a row was one too many.

    Args:
        error: the last one.
        tries: failures so far.
        connections: tries of a host that takes no connection.
    """
    import httpx2

    most = connections if isinstance(error, httpx2.ConnectError) else TRIES
    return not is_transient(error) or tries >= most


def patiently(
    call: Callable[[], _T], endpoint: str, first_wait: float, *, is_known: bool = False
) -> _T:
    """The value of `call`, tried again while it fails for reasons that pass.

    Args:
        call: a request to the hub that may be made several times.
        endpoint: that it goes to; one that takes no connection is given up soon where nothing was
            ever heard of it.
        first_wait: seconds before the first retry.
        is_known: whether another process has heard of it.

    Raises:
        Exception: what `call` raised last.
    """
    from huggingface_hub.errors import LocalEntryNotFoundError

    tries = 0
    while True:
        try:
            with quiet():
                return call()
        except Exception as error:
            failed: BaseException = error
            if isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
                failed = error.__cause__  # it could not ask, and has tried for a while
                tries += _OF_LIBRARY - 1
            tries += 1
            if give_up(failed, tries, TRIES if is_known or was_heard(endpoint) else CONNECTIONS):
                raise
            time.sleep(waiting_time(failed, tries, first_wait))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep huggingface_hub's warnings of every retry from the user's terminal."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
