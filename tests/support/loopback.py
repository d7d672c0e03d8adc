"""A hub on 127.0.0.1: the hub's HTTP API over directories, failing on command.

`Hub(root)` serves every ``root/OWNER/NAME``; `huggingface_hub` talks to it where its endpoint is
``hub.url``. What it was asked is counted, and what goes wrong is said by `hub.faults`.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.loopback_http import Handler, Server
from tests.support.loopback_repos import Repo
from zoo_analysis.hub.access import HubAccess

#: What can go wrong with an answer.
KINDS = ("429", "500", "503", "reset", "short", "slow")


@dataclass
class Outage:
    """A time in which the hub answers nobody, from one of its next requests on.

    Attributes:
        kind: 503, or refused: then it takes no connection, and breaks those that there are.
        seconds: that it lasts.
        after: requests that are answered before.
        began: when it did.
    """

    kind: str
    seconds: float
    after: int = 0
    began: float | None = None


@dataclass
class Faults:
    """What goes wrong: a share of all requests at random, or the next ones as ordered.

    Attributes:
        rate: share of requests that fail.
        kinds: of failure, drawn evenly.
        orders: (kind, part of the path) of single failures still to come.
        retry_after: seconds that a 429 asks for.
        ignore_range: always answer 200 with the whole file.
        outage: of the whole hub.
    """

    rate: float = 0.0
    kinds: tuple[str, ...] = KINDS
    orders: list[tuple[str, str]] = field(default_factory=list)
    retry_after: int = 0
    ignore_range: bool = False
    outage: Outage | None = None
    delay: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()

    def is_out(self) -> Outage | None:
        """The outage that there is at this moment; a request that asks is counted."""
        with self._lock:
            if (out := self.outage) is None:
                return None
            out.after -= 1
            if out.after < 0 and out.began is None:
                out.began = time.monotonic()
            over = out.began is None or time.monotonic() - out.began > out.seconds
            return None if over else out

    def draw(self, path: str) -> str | None:
        with self._lock:
            for order in self.orders:
                if order[1] in path:
                    self.orders.remove(order)
                    return order[0]
            if self.rate and self._random.random() < self.rate:
                return self._random.choice(self.kinds)
        return None


class Hub:
    """A running hub; stop it with `close`, or use `running`."""

    def __init__(self, root: Path, page: int = 100) -> None:
        self.root, self.page = root, page
        self.repos: dict[str, Repo] = {}
        self.renamed: dict[str, str] = {}
        self.tokens: set[str] = {"hf_good"}
        self.faults = Faults()
        self.redirect = True
        self.calls: Counter[str] = Counter()  # list, info, tree, resolve, cdn
        self.sent: Counter[str] = Counter()  # bytes of bodies, by the same kinds
        self.asked: list[str] = []  # every path
        self.times: list[float] = []
        self.leaks = 0  # tokens that came to the storage behind the redirect
        self.signature = 1
        self.busy: Counter[str] = Counter()  # slow answers being given: all, and of each kind
        self.most: Counter[str] = Counter()  # and how many at most
        self.lock = threading.Lock()
        self.shut: threading.Event | None = None  # set when it is open again
        if root.is_dir():
            for owner in sorted(root.iterdir()):
                for home in sorted(owner.iterdir() if owner.is_dir() else ()):
                    self.add(f"{owner.name}/{home.name}", home)
        self._open(0)
        port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{port}"
        self.access = HubAccess(self.url, first_wait=0.02)  # anonymous, and with short waits
        self.storage = f"http://localhost:{port}"  # another origin

    def _open(self, port: int) -> None:
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.hub = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def refuse(self, seconds: float) -> None:
        """Take no connection for a while, beginning now."""
        with self.lock:
            if self.shut:
                return
            self.shut = threading.Event()
        self._shut_down()

        def open_again() -> None:
            time.sleep(seconds)
            self._open(int(self.url.rpartition(":")[2]))
            self.shut.set()

        threading.Thread(target=open_again, daemon=True).start()

    def _shut_down(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def add(self, repo_id: str, directory: Path, **about: Any) -> Repo:
        """Serve a directory as a repository."""
        repo = Repo(repo_id, **about)
        repo.push(directory)
        self.repos[repo_id] = repo
        return repo

    def rename(self, old: str, new: str) -> None:
        repo = self.repos.pop(old)
        repo.repo_id = new
        self.repos[new] = repo
        self.renamed[old] = new

    def forget(self) -> None:
        """Count from zero again."""
        with self.lock:
            self.calls.clear()
            self.sent.clear()
            self.asked.clear()
            self.times.clear()
            self.most.clear()

    @property
    def most_busy(self) -> int:
        return self.most["all"]

    @property
    def api_calls(self) -> int:
        return self.calls["list"] + self.calls["info"] + self.calls["tree"]

    def expire(self) -> None:
        """Links to the storage given so far are worth nothing any more."""
        self.signature += 1

    def note(self, kind: str, path: str) -> None:
        with self.lock:
            self.calls[kind] += 1
            self.asked.append(path)
            self.times.append(time.monotonic())

    def close(self) -> None:
        if self.shut:
            self.shut.wait()
        self._shut_down()


@contextmanager
def running(root: Path, page: int = 100) -> Iterator[Hub]:
    """A hub over `root` for the length of the `with`."""
    hub = Hub(root, page)
    try:
        yield hub
    finally:
        hub.close()
