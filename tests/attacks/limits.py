"""Hard limits for tests of attacks: a hang is a failure, and so is a mountain of memory."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Hang(BaseException):
    """More time than a test may take; nothing that catches errors catches it."""


@contextmanager
def within(seconds: float, more: int = 1 << 30) -> Iterator[None]:
    """Fail what takes longer, or makes this process grow by more bytes; in the main thread only."""

    def late(signum: int, frame: FrameType | None) -> None:
        raise Hang(f"more than {seconds:g} s")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    old = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < more, f"grew by {grown >> 20} MiB"
