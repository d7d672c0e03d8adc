"""Bounds of time and memory for each task, enforced whatever a model makes a library do."""

import faulthandler
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zoo_analysis.weights.deadline import interruptible

#: Seconds that any model may take, besides what its size and its work explain.
MODEL_SECONDS: Final = 900.0
#: Slowest transfer and slowest arithmetic that are waited for, in bytes and multiply-adds a second.
_BYTES_A_SECOND, _FLOPS_A_SECOND = 1e6, 1e9
#: Memory that any model may take, and what a task may take besides what its largest layer explains.
_LEAST_BYTES, _MORE_BYTES = 4 << 30, 2 << 30
#: And never more than this share of the machine's.
SHARE: Final = 0.8
#: Seconds between an interruption and the end of the worker, and between looks at its memory.
_GRACE, _LOOK = 15.0, 0.2


class LimitError(BaseException):
    """The end of a task beyond its bounds; nothing that catches errors is to catch it."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one task.

    Attributes:
        seconds: of wall clock.
        nbytes: of memory that the task may add to its worker's; None is by its layers' sizes.
    """

    seconds: float = MODEL_SECONDS
    nbytes: int | None = None

    def of(self, nbytes: float, flops: float = 0.0, peak_bytes: int = 0) -> "Limits":
        """Bounds of a task of a known size.

        Args:
            nbytes: to be read.
            flops: multiply-adds.
            peak_bytes: of its largest layer; not known, some multiple of `nbytes`.
        """
        seconds = self.seconds + nbytes / _BYTES_A_SECOND + flops / _FLOPS_A_SECOND
        if self.nbytes is not None:
            return Limits(seconds, self.nbytes)
        return Limits(seconds, max(_LEAST_BYTES, 2 * peak_bytes + _MORE_BYTES))


@contextmanager
def bounded(limits: Limits) -> Iterator[None]:
    """Work of this thread within bounds: interrupted beyond them, or ended with its process.

    Args:
        limits: of the work.

    Raises:
        LimitError: inside, when a bound is passed; says which.
    """
    passed: list[str] = []
    over = threading.Event()
    allowed = min(limits.nbytes or _LEAST_BYTES, int(SHARE * memory("/proc/meminfo", "MemTotal")))
    with interruptible() as end, Path(os.devnull).open("w") as nowhere:

        def watch() -> None:
            start, before = time.monotonic(), _own_bytes()
            while not over.wait(_LOOK):
                if time.monotonic() - start > limits.seconds:
                    passed.append(f"{limits.seconds:.0f} s: --model-seconds")
                elif _own_bytes() - before > allowed:
                    passed.append(f"{allowed / 1e9:.3g} GB of memory: --model-memory")
                else:
                    continue
                # A watchdog of C, which code that holds on to the interpreter cannot keep waiting.
                faulthandler.dump_traceback_later(_GRACE, exit=True, file=nowhere)
                end(LimitError)
                return

        faulthandler.dump_traceback_later(limits.seconds + _GRACE, exit=True, file=nowhere)
        watcher = threading.Thread(target=watch, daemon=True)
        try:
            watcher.start()
            yield
        except LimitError as error:
            raise LimitError(f"took more than {passed[0]} allows more") from error
        finally:
            over.set()
            watcher.join()
            faulthandler.cancel_dump_traceback_later()


def _own_bytes() -> int:
    """Memory of this process that is not of mapped files."""
    return memory("/proc/self/status", "RssAnon")


def memory(file: str, name: str) -> int:
    """Bytes that a file of ``/proc`` tells under a name; 0 where it does not."""
    for line in Path(file).read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
