"""Commits that are being written, so that nobody takes a living writer's rows for a dead one's."""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

from zoo_analysis.errors import StoreError
from zoo_analysis.store.live.process import Process, this_process
from zoo_analysis.store.live.small_files import SmallFiles
from zoo_analysis.store.tables import Location

_FOLDER: Final = "pending"
#: Seconds that a commit may take, and after which another machine's counts as dead: so much more
#: that no difference of clocks is mistaken for it.
_LONGEST, DEAD_AFTER = 900.0, 3600.0


@contextmanager
def pending(location: Location, commits: Sequence[int]) -> Iterator[Callable[[], None]]:
    """Commits told of while they are written inside the `with`.

    What a killed or failed writer told of stays there: nobody knows how far it came.

    Args:
        location: of the store.
        commits: their ids.

    Yields:
        What is to be called before the rows are published.

    Raises:
        StoreError: the store cannot be written, or writing took so long (a machine that slept) that
            others may have removed the rows.
    """
    files, name = SmallFiles(location, _FOLDER), f"{secrets.token_hex(8)}.json"
    told = {"process": asdict(this_process()), "commits": list(commits)}
    start = _clock()

    def check() -> None:
        if (took := _clock() - start) > _LONGEST:
            raise StoreError(f"a commit to {location.uri} took {took:.0f} s: commit it anew")

    files.put(name, json.dumps(told).encode())
    yield check
    files.delete(name)


def _clock() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)  # nobody sets it, and it counts sleep


def living(location: Location) -> frozenset[int]:
    """Ids of the commits that may still be being written."""
    told = _told(SmallFiles(location, _FOLDER))
    return frozenset(commit for _, commits, dead in told if not dead for commit in commits)


def bury(location: Location) -> None:
    """Forget the commits of dead writers; nothing of them may be left in the tables."""
    files = SmallFiles(location, _FOLDER)
    for name, _, dead in _told(files):
        if dead:
            files.delete(name)


def _told(files: SmallFiles) -> Iterator[tuple[str, list[int], bool]]:
    """The name of each file, its commits, and whether their writer is dead."""
    now: float | None = None
    for file in files.list():
        if (content := files.get(file.name)) is None:
            continue
        told = json.loads(content)
        alive = Process(**told["process"]).alive()
        if alive is None:
            now = files.now() if now is None else now
            alive = now - file.written < DEAD_AFTER
        yield file.name, told["commits"], not alive
