"""Bounds of time and memory for each task, enforced whatever a model makes a library do.

Importing this does not import Ray.
"""

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from zoo_analysis.cluster.processes import serving
from zoo_analysis.errors import ZooError
from zoo_analysis.texts import size_in_words
from zoo_analysis.weights.deadline import interruptible

#: Seconds that any model may take, besides what its size and its work explain.
MODEL_SECONDS: Final = 900.0
#: Slowest transfer and slowest arithmetic that are waited for, in bytes and multiply-adds a second.
_BYTES_A_SECOND, _FLOPS_A_SECOND = 1e6, 1e9
#: Memory that any model may take, and what a task may take besides what its largest layer explains.
_LEAST_BYTES, _MORE_BYTES = 4 << 30, 2 << 30
#: And never more than this share of the machine's.
SHARE: Final = 0.8
#: Bounds within which any task could be done at all; a longer time is none.
_LEAST_SECONDS, _SMALLEST, _FOREVER = 1.0, 100 * 10**6, 1e8
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

    @classmethod
    def allowed(cls, seconds: float, nbytes: int | None = None) -> "Limits":
        """Bounds that a user asks for.

        Raises:
            ZooError: no task could keep them.
        """
        if not seconds >= _LEAST_SECONDS:
            raise ZooError(f"`model_seconds` {seconds:g}: no model is done in less than 1 s")
        if nbytes is not None and nbytes < _SMALLEST:
            raise ZooError(f"`model_memory` {nbytes}: no task is done with less than 100MB")
        return cls(min(seconds, _FOREVER), nbytes)

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
    most = int(SHARE * memory("/proc/meminfo", "MemTotal"))
    share = f"{SHARE:.0%} of the node's"
    allowed, by = min((limits.nbytes or _LEAST_BYTES, "--model-memory allows more"), (most, share))
    note = _place_for_a_note()
    with interruptible() as end, Path(os.devnull).open("w") as nowhere:
        start, before = time.monotonic(), _own_bytes()

        def watch() -> None:
            while not over.wait(_LOOK):
                if time.monotonic() - start > limits.seconds:
                    passed.append(f"{limits.seconds:.0f} s: --model-seconds allows more")
                elif _own_bytes() - before > allowed:
                    passed.append(f"{size_in_words(allowed)} of memory: {by}")
                else:
                    continue
                # A watchdog of C, which code that holds on to the interpreter cannot keep waiting.
                faulthandler.dump_traceback_later(_GRACE, exit=True, file=nowhere)
                end(LimitError)
                if not over.wait(_GRACE / 3):
                    note(passed[0])
                return

        faulthandler.dump_traceback_later(limits.seconds + _GRACE, exit=True, file=nowhere)
        watcher = threading.Thread(target=watch, daemon=True)
        try:
            watcher.start()
            yield
        except LimitError as error:
            raise LimitError(f"took more than {passed[0]}") from error
        finally:
            over.set()
            watcher.join()
            faulthandler.cancel_dump_traceback_later()


def why_ended(result: Any, error: BaseException, limits: Limits, seconds: float) -> BaseException:
    """The bound that a task passed whose worker was ended for it; else the error itself.

    Args:
        result: reference to the task's result.
        error: that there is instead.
        limits: of the task.
        seconds: since it was submitted.
    """
    from ray.exceptions import WorkerCrashedError
    from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get

    crashed = isinstance(error, WorkerCrashedError)
    if not crashed:
        return error
    if note := _internal_kv_get(key := _key(result.task_id().hex())):
        _internal_kv_del(key)
        return LimitError(f"took more than {note.decode()}, and had to be ended with its worker")
    if seconds > limits.seconds:  # code that holds on to the interpreter lets nobody leave a note
        return LimitError(
            f"its worker was ended, or died, after more than the {limits.seconds:.0f} s that "
            "--model-seconds allows"
        )
    return error


def _place_for_a_note() -> Callable[[str], Any]:
    """A function that leaves a note on this task where `why_ended`, or the parent, finds it."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return serving.passed
    from ray.experimental.internal_kv import _internal_kv_put

    key = _key(ray.get_runtime_context().get_task_id())
    return lambda text: _internal_kv_put(key, text.encode())


def _key(task: str | None) -> bytes:
    return f"zoo-analysis:passed:{task}".encode()


def _own_bytes() -> int:
    """Memory of this process that is not of mapped files."""
    return memory("/proc/self/status", "RssAnon")


def memory(file: str, name: str) -> int:
    """Bytes that a file of ``/proc`` tells under a name; 0 where it does not."""
    for line in Path(file).read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
