"""A command as a process: the signals that end it, and a standard output that is its own."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

from typer.core import TyperGroup

#: From the keyboard, from whoever takes the machine away, and from a terminal that is closed.
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds for a good end, in which one who wants another is patient.
_SOON: Final = 30.0


class Stopped(BaseException):
    """The end of a command by a signal.

    Args:
        notes: what a run says of itself.
    """

    def __init__(self, notes: list[str]) -> None:
        super().__init__(*notes)
        self.notes = notes


class Commands(TyperGroup):
    """A group of commands, of which one that is interrupted is told from one that ended."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:  # Typer would make a silent exit of it
            raise Stopped(notes(interrupt)) from interrupt


def notes(error: BaseException) -> list[str]:
    """What was added to an error on its way."""
    return list(getattr(error, "__notes__", ()))


@contextmanager
def ended_by_signals() -> Iterator[list[signal.Signals]]:
    """Inside the `with` the first signal interrupts; yields which came.

    What comes soon after it does not break off what the command does to end well, but for a second
    SIGINT. Signals that are ignored, as under nohup, are left so.
    """
    came: list[signal.Signals] = []
    last = -_SOON

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if number != signal.SIGINT and time.monotonic() - last < _SOON:
            return
        last = time.monotonic()
        came.append(signal.Signals(number))
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _ENDING}
    if threading.current_thread() is not threading.main_thread():
        before.clear()
    mine = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    for number in mine:
        signal.signal(number, end)
    try:
        yield came
    finally:
        for number in mine:
            signal.signal(number, before[number])


@contextmanager
def own_output() -> Iterator[None]:
    """Inside the `with` this process' descriptor 1 is standard error, and `sys.stdout` is not.

    Ray, what it starts, and libraries of C and C++ print there as they like.
    """
    if sys.stdout is not sys.__stdout__ or sys.stdout is None:  # somebody took it already
        yield
        return
    before = sys.stdout
    before.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    encoding, errors = before.encoding, before.errors
    own = os.fdopen(os.dup(kept), "w", encoding=encoding, errors=errors)
    sys.stdout = own
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            own.close()
        sys.stdout = before
        ctypes.CDLL(None).fflush(None)  # what C and C++ still hold back
        os.dup2(kept, 1)
        os.close(kept)
