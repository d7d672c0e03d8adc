"""An HTTP server on 127.0.0.1 that answers whatever a test tells it to, and records what it got."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: (status, headers, body); a body that is no bytes goes out in chunks, as long as it is taken.
Answer = tuple[int, dict[str, str], bytes | Iterable[bytes]]

#: The beginning of an answer whose header goes on.
HEADER = b"HTTP/1.1 200 OK\r\nX-Long: "


class Stranger:
    """A running server.

    Attributes:
        url: of it, without a slash at the end.
        answer: what it answers to a path.
        seen: (method, path, headers in lower case) of every request.
        bodies: of what was posted.
    """

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self.answer = answer
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        stranger = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_POST(self) -> None:
                stranger.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.do_GET()

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                stranger.seen.append((self.command, self.path, headers))
                status, extra, body = stranger.answer(self.path)
                self.send_response(status)
                names = {name.lower() for name in extra}
                if isinstance(body, bytes) and "content-length" not in names:
                    extra = {"Content-Length": str(len(body)), **extra}
                elif not isinstance(body, bytes) and "content-length" not in names:
                    extra = {"Transfer-Encoding": "chunked", **extra}
                for name, value in {"Connection": "close", **extra}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "HEAD":
                    return
                with suppress(OSError):  # the client may hang up
                    self._body(body, "content-length" not in names)
                self.close_connection = True

            def _body(self, body: bytes | Iterable[bytes], chunked: bool) -> None:
                if isinstance(body, bytes):
                    self.wfile.write(body)
                    return
                for block in body:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
                    self.wfile.flush()
                if chunked:
                    self.wfile.write(b"0\r\n\r\n")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def tokens(self) -> list[str]:
        """The values of all headers in which a secret may come."""
        names = ("authorization", "cookie", "proxy-authorization")
        return [headers[name] for _, _, headers in self.seen for name in names if name in headers]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def stranger(answer: Callable[[str], Answer]) -> Iterator[Stranger]:
    """A server for the length of the `with`."""
    server = Stranger(answer)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def dripping(start: bytes = HEADER, block: bytes = b"x") -> Iterator[tuple[str, threading.Event]]:
    """The URL of a server with answers without end, a block each moment, and when a client left."""
    left = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(start)
            while True:
                connection.sendall(block)
                time.sleep(0.02)
        left.set()

    def serve(listening: socket.socket) -> None:
        with suppress(OSError):  # closed at the end
            while True:
                threading.Thread(target=drip, args=listening.accept()[:1], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", left
        finally:
            listening.shutdown(socket.SHUT_RDWR)  # what accepts is not woken by a close
