"""A hard limit of time: a test that hangs has failed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Hang(BaseException):
    """More time than a test may take; nothing that catches errors catches it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `Hang` in the main thread where the `with` takes longer."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
