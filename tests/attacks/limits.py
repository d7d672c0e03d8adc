"""Hard limits for tests of attacks: a hang is a failure, and so is a mountain of memory."""

import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Hang(BaseException):
    """More time than a test may take; nothing that catches errors catches it."""


@contextmanager
def within(seconds: float, more: int = 1 << 30) -> Iterator[None]:
    """Fail what computes longer, or makes this process grow by more bytes; in the main thread only.

    What waits instead of computing has six times as long: a busy machine makes everything wait.
    """
    wall, processor = time.monotonic(), time.process_time()

    def late(signum: int, frame: FrameType | None) -> None:
        computed, passed = time.process_time() - processor, time.monotonic() - wall
        if computed >= 0.9 * seconds or passed >= 6 * seconds:
            raise Hang(f"computed {computed:.1f} s of {passed:.1f}, {seconds:g} allowed")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    old = signal.signal(signal.SIGALRM, late)
    # Again and again: an error that is raised in a callback of the collector's is swallowed there.
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds / 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < more, f"grew by {grown >> 20} MiB"
