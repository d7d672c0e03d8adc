"""The inside of a process that works for another: it calls what it is sent, and notes where it is.

Nothing is imported here that a call may not need.
"""

import ctypes
import json
import mmap
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing.connection import Connection

from zoo_analysis.cluster.processes.pickling import pickled

#: Bytes of the page on which a process notes where it is.
NOTE_BYTES = 4096
#: What a process is told when it got a permit, and says for one, for giving it back, for a result.
GRANTED, PERMIT, RETURNED, RESULT, ERROR = b"granted", b"permit", b"returned", b"result", b"error"
_PR_SET_PDEATHSIG = 1

_page: mmap.mmap | None = None
_at: tuple[int | None, str, str] = None, "", ""
_pipe: Connection | None = None
_asking, _sending = threading.Lock(), threading.Lock()


def serve(pipe: int, page: int, parent: int, modules: Sequence[str] = ()) -> None:
    """Answer calls until the other end is closed.

    Args:
        pipe: descriptor of this end of a pipe, over which pickled calls come.
        page: descriptor of the memory for notes, which outlives this process.
        parent: id of the process that calls, with which this one ends.
        modules: that calls will need, imported before the first of them comes.
    """
    global _page, _pipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to answer
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    _page, _pipe = mmap.mmap(page, NOTE_BYTES), Connection(pipe)
    for module in modules:
        with suppress(Exception):  # the call says so
            import_module(module)
    while True:
        try:
            call = _pipe.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            function, arguments = pickle.loads(call)
            _spare_pandas()
            kind, answer = RESULT, pickled(function(*arguments))
        except Exception as error:
            kind, answer = ERROR, pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
        note()
        with _sending:
            _pipe.send_bytes(kind)
            _pipe.send_bytes(answer)


class _NoPandas:
    """A finder of modules by which there is no pandas."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _spare_pandas() -> None:
    """Have Arrow's first conversion of Python's values, if it is still to come, import no pandas.

    Of that it wants to know kinds of missing values, which no row here has; it would take as long
    as thirty small models.
    """
    arrow = sys.modules.get("pyarrow")
    if arrow is not None and "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas)
        try:
            arrow.array([None])
        finally:
            sys.meta_path.remove(_NoPandas)


def note(model: int | None = None, stage: str = "", layer: str = "", passed: str = "") -> None:
    """Write down where this process is, for whoever finds it dead; nothing in any other process.

    Args:
        model: its number in its batch.
        stage: that it is in.
        layer: that is measured.
        passed: the limit that was passed.
    """
    global _at
    _at = model, stage, layer
    if _page is not None:
        text = json.dumps([model, stage, layer, passed])[: NOTE_BYTES - 1]
        _page[: len(text) + 1] = text.encode() + b"\0"


def passed(limit: str) -> None:
    """Write down that a limit was passed where this process is."""
    note(*_at, limit)


@contextmanager
def permit() -> Iterator[None]:
    """Hold one of the run's permits for downloads inside the `with`; asks whoever calls."""
    pipe = _pipe
    if pipe is None:
        raise RuntimeError("permits are for processes that work for a run")
    with _asking:
        with _sending:
            pipe.send_bytes(PERMIT)
        pipe.recv_bytes()
    try:
        yield
    finally:
        with _sending:
            pipe.send_bytes(RETURNED)
