"""Bounds of time and memory for each task, enforced whatever a model makes a library do.

Importing this does not import Ray.
"""

import faulthandler
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from mmap import PAGESIZE
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
#: The share of the first within which the watchdog of C is not set anew.
_NEARLY: Final = 1 / 15


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
    most = spared()
    share = f"{SHARE:.0%} of the node's"
    allowed, by = min((limits.nbytes or _LEAST_BYTES, "--model-memory allows more"), (most, share))
    work = _Work(limits.seconds, allowed, by, _place_for_a_note())
    try:
        with interruptible() as work.interrupt:
            _watchdog.begin(work)
            yield
    except LimitError as error:
        raise LimitError(f"took more than {work.passed}") from error
    finally:
        _watchdog.end(work)


@dataclass(eq=False)
class _Work:
    """Bounded work: how long it may take, and how much memory beside what there was before."""

    seconds: float
    allowed: int
    by: str
    note: Callable[[str], Any]
    interrupt: Callable[[type[BaseException]], None] = field(init=False)
    passed: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.before, self.until = own_bytes(), time.monotonic() + self.seconds

    def look(self) -> None:
        if time.monotonic() > self.until:
            self.passed = f"{self.seconds:.0f} s: --model-seconds allows more"
        elif own_bytes() - self.before > self.allowed:
            self.passed = f"{size_in_words(self.allowed)} of memory: {self.by}"
            self.until = time.monotonic()

    def stop(self) -> None:
        """Interrupt it, and leave a note of it if it does not hear: then it is ended soon."""
        self.interrupt(LimitError)
        if not self.over.wait(_GRACE / 3):
            self.note(self.passed)


class _Watchdog:
    """A thread that looks at all bounded work of this process, and a watchdog of C behind it.

    That one no code can keep waiting that holds on to the interpreter. Both outlive a piece of
    work, since small models follow each other every few milliseconds: to set the second one anew
    costs a thread, and is left out where it was set for nearly the same moment.
    """

    def __init__(self) -> None:
        self._lock, self._begun = threading.Lock(), threading.Event()
        self._work = set[_Work]()
        self._set_for = math.inf
        self._thread: threading.Thread | None = None

    def begin(self, work: _Work) -> None:
        with self._lock:
            self._work.add(work)
            self._set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
        self._begun.set()

    def end(self, work: _Work) -> None:
        work.over.set()
        with self._lock:
            self._work.discard(work)
            if work.passed:
                self._set()

    def _set(self) -> None:
        """Set the watchdog of C for the first moment at which some work must have been over."""
        now = time.monotonic()
        first = min((work.until for work in self._work), default=math.inf) + _GRACE
        if abs(first - self._set_for) > _NEARLY * _GRACE:
            if first < math.inf:
                seconds = max(first - now, _LOOK)
                faulthandler.dump_traceback_later(seconds, exit=True, file=_nowhere())
            else:
                faulthandler.cancel_dump_traceback_later()
            self._set_for = first

    def _watch(self) -> None:
        while True:
            self._begun.wait()
            time.sleep(_LOOK)
            with self._lock:
                if not self._work:
                    self._set()
                    self._begun.clear()
                for work in self._work:
                    if not work.passed:
                        work.look()
                        if work.passed:
                            self._set()
                            threading.Thread(target=work.stop, daemon=True).start()


_watchdog = _Watchdog()


@cache
def _nowhere() -> int:
    return os.open(os.devnull, os.O_WRONLY)


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


def own_bytes(process: int | None = None) -> int:
    """Memory of a process that is not of mapped files; 0 where it has ended.

    Args:
        process: its id; None for this one.
    """
    with open(f"/proc/{process or 'self'}/statm", "rb", buffering=0) as file:
        _, resident, shared, *_ = file.read().split()
    return (int(resident) - int(shared)) * PAGESIZE


def spared() -> int:
    """Bytes of this machine's memory that models may take."""
    return int(SHARE * _all_memory())


@cache
def _all_memory() -> int:
    return memory("/proc/meminfo", "MemTotal")


def memory(file: str, name: str) -> int:
    """Bytes that a file of ``/proc`` tells under a name; 0 where it does not."""
    for line in Path(file).read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
