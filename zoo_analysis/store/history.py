"""Every commit of every table, in the order in which they were made: the store's versions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from zoo_analysis.errors import StoreError
from zoo_analysis.store.schemas import TABLES
from zoo_analysis.store.tables import Location, load


@dataclass(frozen=True)
class Commit:
    """One commit of one table.

    Attributes:
        version: of the store: how many commits, of whatever table, came before it.
        time: when.
        table: of which table.
        table_version: Delta's number of it.
        operation: Delta's name of what was done: WRITE, OPTIMIZE, VACUUM END, …
        rows: added; None where no rows were.
        files_added: data files.
        files_removed: data files; they stay on disk until a vacuum.
    """

    version: int
    time: datetime
    table: str
    table_version: int
    operation: str
    rows: int | None
    files_added: int | None
    files_removed: int | None


def history(location: Location) -> tuple[Commit, ...]:
    """All commits, oldest first.

    Raises:
        StoreError: there is no store at this location, or it cannot be read.
    """
    present = replace(location, as_of=None, versions=None)
    commits = []
    # A model's commit writes in the tables' order (`commits` publishes what came before).
    for order, name in enumerate(TABLES):
        table = load(present, name)
        if table is None:
            continue
        latest = 0
        for entry in sorted(table.history(), key=lambda entry: int(entry["version"])):
            # Clocks of several writers may disagree; a table's own order never does.
            latest = max(latest, int(entry.get("timestamp", 0)))
            commits.append((latest, order, int(entry["version"]), name, entry))
    if not commits:
        raise StoreError(f"no store at {location.uri}: `zoo scan SOURCE` creates one")
    commits.sort(key=lambda commit: commit[:3])
    return tuple(
        _commit(number, milliseconds, name, entry)
        for number, (milliseconds, _, _, name, entry) in enumerate(commits)
    )


def versions_at(location: Location, version: int) -> Mapping[str, int]:
    """The Delta version of every table that existed at a version of the store.

    Raises:
        StoreError: the store has no such version.
    """
    commits = history(location)
    if not 0 <= version < len(commits):
        raise StoreError(
            f"{location.uri} has no version {version}: the present one is {len(commits) - 1}, "
            "`zoo store history` lists all"
        )
    return {commit.table: commit.table_version for commit in commits[: version + 1]}


def _commit(number: int, milliseconds: int, name: str, entry: Mapping[str, object]) -> Commit:
    told = entry.get("operationMetrics")
    metrics: Mapping[str, object] = told if isinstance(told, Mapping) else {}

    def count(*keys: str) -> int | None:
        return next((int(str(metrics[key])) for key in keys if key in metrics), None)

    return Commit(
        version=number,
        time=datetime.fromtimestamp(milliseconds / 1000, UTC),
        table=name,
        table_version=int(str(entry["version"])),
        operation=str(entry.get("operation", "?")),
        rows=count("num_added_rows"),
        files_added=count("num_added_files", "numFilesAdded"),
        files_removed=count("num_removed_files", "numFilesRemoved", "numDeletedFiles"),
    )
