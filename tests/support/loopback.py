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
class Faults:
    """What goes wrong: a share of all requests at random, or the next ones as ordered.

    Attributes:
        rate: share of requests that fail.
        kinds: of failure, drawn evenly.
        orders: (kind, part of the path) of single failures still to come.
        retry_after: seconds that a 429 asks for.
        ignore_range: always answer 200 with the whole file.
    """

    rate: float = 0.0
    kinds: tuple[str, ...] = KINDS
    orders: list[tuple[str, str]] = field(default_factory=list)
    retry_after: int = 0
    ignore_range: bool = False
    delay: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()

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
        if root.is_dir():
            for owner in sorted(root.iterdir()):
                for home in sorted(owner.iterdir() if owner.is_dir() else ()):
                    self.add(f"{owner.name}/{home.name}", home)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.hub = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.access = HubAccess(self.url, first_wait=0.02)  # anonymous, and with short waits
        self.storage = f"http://localhost:{self.server.server_address[1]}"  # another origin
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

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
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@contextmanager
def running(root: Path, page: int = 100) -> Iterator[Hub]:
    """A hub over `root` for the length of the `with`."""
    hub = Hub(root, page)
    try:
        yield hub
    finally:
        hub.close()
