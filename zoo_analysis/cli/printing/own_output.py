"""A standard output that is the command's own, whatever else prints."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


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
