"""Work in Python that is ended from another thread."""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[Callable[[type[BaseException]], None]]:
    """A function that raises an error in this thread, wherever it is then in Python code.

    Code of C is not interrupted before it returns. What comes after the `with` is never reached.
    """
    thread, lock, over = ctypes.c_ulong(threading.get_ident()), threading.Lock(), threading.Event()
    interrupt = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def end(error: type[BaseException]) -> None:
        with lock:
            if not over.is_set():
                interrupt(thread, ctypes.py_object(error))

    try:
        yield end
    finally:
        with lock:
            over.set()
            interrupt(thread, None)  # what has been sent and has not come yet


@contextmanager
def deadline(seconds: float, error: type[BaseException]) -> Iterator[None]:
    """Work of this thread that may take so long.

    Args:
        seconds: after which `error` is raised in it; inf for no deadline.
        error: not one that the work catches.
    """
    with interruptible() as end:
        timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), end, (error,))
        timer.daemon = True
        try:
            timer.start()
            yield
        finally:
            timer.cancel()
