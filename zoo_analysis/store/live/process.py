"""Processes named so that others can tell whether they still run."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process of some machine.

    Attributes:
        host: name of the machine, for people.
        space: of process ids, which means something in it alone: a boot, and a container.
        pid: its id there.
        started: ticks after the boot; another process that gets its id later has another time.
    """

    host: str
    space: str
    pid: int
    started: int

    def alive(self) -> bool | None:
        """True while it still runs; None where that cannot be seen from here."""
        return _started(self.pid) == self.started if self.space == _space() else None


def this_process() -> Process:
    """The process that asks."""
    pid = os.getpid()
    return Process(socket.gethostname(), _space(), pid, _started(pid) or 0)


def _space() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"


def _started(pid: int) -> int | None:
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = told.rpartition(")")[2].split()  # what is in the parentheses may be anything
    return None if state in "ZX" else int(rest[18])
