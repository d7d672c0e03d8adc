"""Patience with the hub: what is worth another try, and after how long.

huggingface_hub 2.4 waits out 408, 429 (as long as RateLimit or Retry-After say, which `hub.traffic`
keeps short), 5xx, timeouts and broken connections by itself in its `http_backoff`, by which
listings are asked for (`hub.pages`). The calls tried again here are those in which it does not:
byte ranges (`hub.file`), of which what came is kept; the description of one model, a plain request;
and `hf_hub_download`, which retries its first request unless the connection breaks, resumes a body
that ends early, but gives up on a 5xx of the storage.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from zoo_analysis.hub.traffic import LONGEST_WAIT

_T = TypeVar("_T")

#: Answers that another try may improve.
_TRANSIENT: Final = (408, 425, 429, 500, 502, 503, 504)
#: Tries in a row without a byte received; and tries of a host that takes no connection, where
#: nothing was ever heard of it.
TRIES: Final = 8
CONNECTIONS: Final = 4
_LONGEST: Final = 60.0


class Interrupted(Exception):
    """Fewer bytes than were asked for."""


def is_transient(error: BaseException) -> bool:
    """True where the same request may succeed a little later."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code in _TRANSIENT
    if isinstance(error, RuntimeError) and "client has been closed" in str(error):
        return True  # huggingface_hub closes its shared client when a connection fails
    return isinstance(error, httpx2.TransportError | Interrupted)


def waiting_time(error: BaseException, tries: int, first_wait: float) -> float:
    """Seconds to wait after the `tries`-th failure.

    What the server asks for (RateLimit, Retry-After) up to `hub.traffic.LONGEST_WAIT` and a little
    more, so that not everybody comes back at once; else twice as long each time, with jitter.
    """
    from huggingface_hub.utils import parse_ratelimit_headers

    response = getattr(error, "response", None)
    jitter = random.random()
    if response is not None:
        limit = parse_ratelimit_headers(response.headers)
        if limit is not None and limit.remaining == 0 and response.status_code == 429:
            return min(limit.reset_in_seconds, LONGEST_WAIT) + first_wait * jitter
        after = str(response.headers.get("retry-after", "")).strip()
        if after.isdecimal():
            return min(int(after), LONGEST_WAIT) + first_wait * jitter
    doubled: float = first_wait * 2 ** (tries - 1)
    return min(_LONGEST, doubled) * (0.5 + jitter / 2)


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


def patiently(call: Callable[[], _T], first_wait: float, connections: int = CONNECTIONS) -> _T:
    """The value of `call`, tried again while it fails for reasons that pass.

    Args:
        call: a request to the hub that may be made several times.
        first_wait: seconds before the first retry.
        connections: tries of a host that takes no connection.

    Raises:
        Exception: what `call` raised last.
    """
    tries = 0
    while True:
        try:
            with quiet():
                return call()
        except Exception as error:
            tries += 1
            if give_up(error, tries, connections):
                raise
            time.sleep(waiting_time(error, tries, first_wait))


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
