"""Exchanges with servers that may be slow on purpose."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def ended_after(seconds: float) -> Iterator[dict[str, Any]]:
    """Extensions of httpx's requests, whose connections are shut down after so many seconds.

    What is waited for then ends as if the server had hung up. The timeouts of httpx are those of a
    byte: a server that sends one now and then, of a header too, holds whoever waits.

    Args:
        seconds: from now, for all requests inside the `with` together.

    Raises:
        httpx2.ReadTimeout: inside, and it says so.
    """
    import httpx2

    connections: list[socket.socket] = []
    lock, over = threading.Lock(), threading.Event()

    def hang_up() -> None:
        with lock:
            over.set()
            for connection in connections:
                with suppress(OSError):  # it is closed already
                    connection.shutdown(socket.SHUT_RDWR)

    def trace(event: str, about: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            # A duplicate, for TLS takes the socket itself over.
            connection = about["return_value"].get_extra_info("socket").dup()
            with lock:
                connections.append(connection)
            if over.is_set():
                hang_up()

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield {"trace": trace}
    except httpx2.TransportError as error:
        if over.is_set():
            raise httpx2.ReadTimeout(f"no whole answer in {seconds:g} s") from error
        raise
    finally:
        timer.cancel()
        with lock:
            for connection in connections:
                connection.close()
