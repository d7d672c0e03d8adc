"""The inside of a process that works for another: it calls what it is sent, and notes where it is.

Nothing is imported here that a call may not need.
"""

import ctypes
import json
import mmap
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


def serve(pipe: int, page: int, parent: int) -> None:
    """Answer calls until the other end is closed.

    Args:
        pipe: descriptor of this end of a pipe, over which pickled calls come.
        page: descriptor of the memory for notes, which outlives this process.
        parent: id of the process that calls, with which this one ends.
    """
    global _page, _pipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to answer
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    _page, _pipe = mmap.mmap(page, NOTE_BYTES), Connection(pipe)
    while True:
        try:
            call = _pipe.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            function, arguments = pickle.loads(call)
            kind, answer = RESULT, pickled(function(*arguments))
        except Exception as error:
            kind, answer = ERROR, pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
        note()
        with _sending:
            _pipe.send_bytes(kind)
            _pipe.send_bytes(answer)


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
