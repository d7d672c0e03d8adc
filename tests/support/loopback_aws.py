"""Amazon's services on this machine, by moto."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.ports import free_port, wait_until_answered


@contextmanager
def aws() -> Iterator[str]:
    """The endpoint of a server in a process of its own, which ends with the `with`."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as server:
        wait_until_answered(port)
        yield f"http://127.0.0.1:{port}"
        server.terminate()
