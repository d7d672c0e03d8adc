"""The connection to the store asked last, kept while nobody writes to it."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from zoo_analysis.store import duck
from zoo_analysis.store.query_limits import DEFAULT_LIMITS, QueryLimits
from zoo_analysis.store.tables import Location

_lock = threading.Lock()
_last: "_Kept | None" = None


@dataclass(frozen=True)
class _Kept:
    location: Location
    #: Of each table the log entry that was its last, and what tells it from another of its name.
    marks: tuple[tuple[Path, int, tuple[int, int] | None], ...]
    memory: int
    connection: duckdb.DuckDBPyConnection

    def is_current(self) -> bool:
        return all(
            _stamp(log, version) == stamp and not _entry(log, version + 1).exists()
            for log, version, stamp in self.marks
        )


def cursor(location: Location, limits: QueryLimits = DEFAULT_LIMITS) -> duckdb.DuckDBPyConnection:
    """A connection as `duck.connect` gives, for those who only ask: what it holds they share.

    A store on this machine is opened anew only when something was written to it, or another limit
    of memory is asked for, so that the second
    question finds views, logs and footers read already. Whether so is seen from the logs' names.

    Raises:
        StoreError: there is no store at this location, or it cannot be read.
    """
    global _last
    if location.path is None or location.past or not duck.reads_natively(location):
        return duck.connect(location, limits)
    with _lock:
        if (
            _last is None
            or (_last.location, _last.memory) != (location, limits.memory)
            or not _last.is_current()
        ):
            snapshots = duck.snapshots(location)
            marks = tuple(_mark(location.path, name, table) for name, table in snapshots.items())
            opened = duck.connection(location, snapshots, limits)
            _last = _Kept(location, marks, limits.memory, opened)
        return _last.connection.cursor()


def _mark(
    store: Path, name: str, table: DeltaTable | None
) -> tuple[Path, int, tuple[int, int] | None]:
    log, version = store / name / "_delta_log", -1 if table is None else table.version()
    return log, version, _stamp(log, version)


def _stamp(log: Path, version: int) -> tuple[int, int] | None:
    """Identity of a log's file: a store made anew has other files of these names."""
    if version < 0:
        return None
    try:
        status = os.stat(_entry(log, version))
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _entry(log: Path, version: int) -> Path:
    return log / f"{version:020}.json"
