"""A process of our own that works for this one: its death is an error like any other."""

import json
import mmap
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from multiprocessing.connection import Pipe
from typing import Final, Self

from zoo_analysis.cluster.processes.serving import (
    ERROR,
    GRANTED,
    NOTE_BYTES,
    PERMIT,
    RETURNED,
)
from zoo_analysis.cluster.processes.task_limits import own_bytes, spared

#: Seconds between looks at a process's memory.
LOOK: Final = 0.5
#: Status with which the watchdog of `task_limits.bounded` ends a process.
_WATCHDOG = 1
_SERVE = "from zoo_analysis.cluster.processes.serving import serve; serve({}, {}, {}, {})"

#: Threads that wait for each other sleep: an eigenproblem in two threads beside other processes
#: takes ten times the processor's seconds where they spin.
PATIENT: Final = {"OMP_WAIT_POLICY": "PASSIVE"}
#: What is entered for each download.
Gate = Callable[[], AbstractContextManager[object]]


class ProcessDied(Exception):
    """The end of a process in the middle of a call.

    Attributes:
        ended: how: by which signal, or with which status.
        model: number of the model in its batch that it was at; None where it was at none.
        stage: that it was in, or an empty text.
        layer: that it measured, or an empty text.
        beyond: whether its own watchdog ended it, for taking more than its limits allow.
        killed: whether it was killed, as systems do where memory runs out.
    """

    def __init__(
        self,
        ended: str,
        model: int | None = None,
        stage: str = "",
        layer: str = "",
        beyond: bool = False,
        killed: bool = False,
    ) -> None:
        super().__init__(ended, model, stage, layer, beyond, killed)
        self.ended, self.model, self.stage, self.layer = ended, model, stage, layer
        self.beyond, self.killed = beyond, killed

    def __str__(self) -> str:
        where = f" in {self.layer}" if self.layer else ""
        return f"its process was ended{where} {self.ended}"


class Child:
    """A Python process that calls what it is sent, one call after the other.

    Args:
        gate: of its downloads.
        modules: that its calls will need, which it imports before the first comes.
    """

    def __init__(self, gate: Gate, modules: tuple[str, ...] = ()) -> None:
        self.gate = gate
        self.connection, theirs = Pipe()
        page = os.memfd_create("notes")
        os.ftruncate(page, NOTE_BYTES)
        self._page = mmap.mmap(page, NOTE_BYTES)
        self._permits: list[ExitStack] = []
        self._sending = threading.Lock()
        descriptors = theirs.fileno(), page
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE.format(*descriptors, os.getpid(), modules)],
            env=PATIENT
            | os.environ
            | {"PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        os.close(page)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def send(self, call: bytes) -> None:
        """Have it call a pickled function with its arguments."""
        try:
            with self._sending:
                self.connection.send_bytes(call)
        except OSError as error:
            raise self._dead() from error

    def receive(self) -> bytes | None:
        """The next thing that it said: a pickled result; None where that was about a permit.

        Raises:
            ProcessDied: it is dead.
            RuntimeError: the call raised.
        """
        try:
            said = self.connection.recv_bytes()
            if said == PERMIT:
                # A permit may be long in coming, and in the meantime another is given back.
                threading.Thread(target=self._grant, daemon=True).start()
                return None
            if said == RETURNED:
                self._permits.pop().close()
                return None
            answer = self.connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._dead() from error
        if said == ERROR:
            raise pickle.loads(answer)
        return answer

    def call(self, call: bytes) -> bytes:
        """The pickled result of a pickled call.

        Its memory is looked at from here, for code of C that holds on to the interpreter lets
        nobody inside of it do that.

        Raises:
            ProcessDied: it died over it, or took more memory than this machine spares.
            RuntimeError: the call raised.
        """
        self.send(call)
        while True:
            while not self.connection.poll(LOOK):
                if own_bytes(self.process.pid) > spared():
                    self.process.kill()
            if (answer := self.receive()) is not None:
                return answer

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self._let_go()
        self.connection.close()

    def _grant(self) -> None:
        held = ExitStack()
        held.enter_context(self.gate())
        self._permits.append(held)
        try:
            with self._sending:
                self.connection.send_bytes(GRANTED)
        except OSError:  # died while it waited
            self._let_go()

    def _let_go(self) -> None:
        while self._permits:
            self._permits.pop().close()

    def _dead(self) -> ProcessDied:
        self.connection.close()
        status = self.process.wait()
        self._let_go()
        text = self._page[:].partition(b"\0")[0]
        model, stage, layer, passed = json.loads(text) if text else (None, "", "", "")
        ended, killed = _ended(status, passed), status == -signal.SIGKILL
        return ProcessDied(ended, model, stage, layer, status == _WATCHDOG, killed)


def _ended(status: int, passed: str) -> str:
    if status == _WATCHDOG:
        return f"because it took more than {passed or '--model-seconds allows'}"
    if status >= 0:
        return f"with status {status}"
    name = signal.Signals(-status).name
    return f"by {name}" + (
        ", as systems do where memory runs out" if status == -signal.SIGKILL else ""
    )
