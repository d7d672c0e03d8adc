"""Other libraries' code kept from files, from the network and from endless work.

What builds an architecture takes its arguments from a stranger. Python tells an audit hook of every
file that is opened, every socket and every process (PEP 578); inside `confined` those are refused.
"""

import os
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from zoo_analysis.weights.deadline import deadline

#: Events that are refused, by the beginnings of their names.
_REFUSED: Final = (
    *("socket.", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork"),
    *(
        "os.rename",
        "os.remove",
        "os.link",
        "os.symlink",
        "os.chmod",
        "shutil.",
        "pickle.find_class",
    ),
    *(
        "urllib.",
        "http.client.",
        "ftplib.",
        "smtplib.",
        "webbrowser.",
        "sqlite3.",
        "ctypes.dlopen/",
    ),
)

_here = threading.local()


class OverdueError(BaseException):
    """The end of work that took too long; nothing that catches errors is to catch it."""


@contextmanager
def confined(seconds: float, *readable: Path) -> Iterator[None]:
    """Let this thread open only files of Python and of its packages, and only for so long.

    Args:
        seconds: after which what goes on in Python code is ended by `OverdueError`.
        readable: folders that may be read besides.

    Raises:
        PermissionError: inside, wherever something else is opened, asked for or started.
    """
    _watch()
    before = getattr(_here, "readable", None)
    _here.readable = tuple(os.path.realpath(folder) for folder in readable)
    try:
        with deadline(seconds, OverdueError):
            yield
    finally:
        _here.readable = before


@cache
def _watch() -> None:
    sys.addaudithook(_audit)


@cache
def _libraries() -> tuple[str, ...]:
    paths = [*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, "/proc/self", "/sys"]
    known = sys.modules.get("torch")
    paths += [str(Path(str(known.__file__)).parents[1])] if known else []
    return tuple({os.path.realpath(path) for path in paths})


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    readable = getattr(_here, "readable", None)
    if readable is None:
        return
    if event == "open":
        if not _may_open(arguments[0], readable):
            raise PermissionError(f"{arguments[0]} may not be opened here")
    elif event.startswith(_REFUSED):
        raise PermissionError(f"{event} is not allowed here")


def _may_open(path: Any, readable: tuple[str, ...]) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):  # a descriptor that is open already
        return isinstance(path, int) and path > 2
    place = os.path.realpath(os.fsdecode(path))
    folders = (*_libraries(), *readable)
    return place == os.devnull or any(os.path.commonpath((place, at)) == at for at in folders)
