"""Libraries kept from the terminal.

Streams, filters of warnings and levels of logging are the whole process's: what one thread changes
all others feel, and of two that put back what they found one may leave the other's behind. So only
the main thread changes them, and in any other a library says what it says.
"""

import contextlib
import io
import logging
import threading
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """Work of the main thread, and of threads that begin and end in it, without warnings."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Work of the main thread without what libraries print, warn and log."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            unwarned(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            yield
    finally:
        logging.disable(level)
