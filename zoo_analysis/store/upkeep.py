"""Growth kept in check: small files merged, files that no version needs removed."""

from dataclasses import dataclass
from datetime import timedelta

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from zoo_analysis.errors import StoreError
from zoo_analysis.store.live.orphans import OWNED, orphans, removed
from zoo_analysis.store.live.pending import bury
from zoo_analysis.store.schemas import TABLES
from zoo_analysis.store.tables import Location, columns_of, load, writer_properties
from zoo_analysis.texts import one_line

#: Rows of these are put next to those of the same model, so that a lookup skips all others.
_CLUSTERED = {"layers": ["repo_id"]}


@dataclass(frozen=True)
class Compacted:
    """Compaction of one table: its files before and after, and how many were rewritten.

    Attributes:
        orphans: rows that interrupted commits had left behind, and that were removed.
    """

    table: str
    files_before: int
    files_after: int
    rewritten: int
    orphans: int


@dataclass(frozen=True)
class Vacuumed:
    """Vacuum of one table: the number of files removed (or to be removed)."""

    table: str
    files: int


def compact(location: Location) -> tuple[Compacted, ...]:
    """Merge small files, put the layers of one model next to each other, remove dead writers' rows.

    Readers and writers go on meanwhile. Earlier versions stay readable: the merged files are
    removed by `vacuum` only. A table with nothing new since the last time is left alone.

    Raises:
        StoreError: there is no store here, or it cannot be read or written.
    """
    done, tables, left = [], _tables(location), orphans(location)
    for name, table in tables:
        before, rows = len(table.file_uris()), 0
        try:
            if name in OWNED and len(left):
                rows = removed(name, table, left)
            if (before < 2 and name not in _CLUSTERED) or _is_compact(table):
                done.append(Compacted(name, before, len(table.file_uris()), 0, rows))
                continue
            written = writer_properties(name, columns_of(table))
            if name in _CLUSTERED:
                told = table.optimize.z_order(_CLUSTERED[name], writer_properties=written)
            else:
                told = table.optimize.compact(writer_properties=written)
        except (DeltaError, OSError, ValueError) as error:
            raise StoreError(
                f"cannot compact table {name!r} of {location.uri}: {one_line(error)}"
            ) from error
        after = load(location, name)
        files = len(after.file_uris()) if after is not None else 0
        done.append(Compacted(name, before, files, int(told["numFilesRemoved"]), rows))
    bury(location)
    return tuple(done)


def vacuum(
    location: Location, older_than: timedelta, *, dry_run: bool = False
) -> tuple[Vacuumed, ...]:
    """Remove data files that no version younger than the retention needs.

    Earlier versions can then no longer be read. Files that crashed writers left behind go too,
    unless the retention is below an hour, when they might be a living writer's.

    Args:
        location: of the store.
        older_than: the retention.
        dry_run: only count.

    Raises:
        StoreError: a negative retention; there is no store here, or it cannot be written.
    """
    if older_than < timedelta(0):
        raise StoreError("a retention is not negative")
    hours = int(older_than / timedelta(hours=1))
    done = []
    for name, table in _tables(location):
        try:
            files = table.vacuum(
                retention_hours=hours,
                dry_run=dry_run,
                enforce_retention_duration=False,
                full=hours >= 1,
            )
        except (DeltaError, OSError, ValueError) as error:
            raise StoreError(
                f"cannot vacuum table {name!r} of {location.uri}: {one_line(error)}"
            ) from error
        done.append(Vacuumed(name, len(files)))
    return tuple(done)


def _tables(location: Location) -> list[tuple[str, DeltaTable]]:
    if location.past:
        raise StoreError(f"{location.uri} is opened as of the past, which is read-only")
    found = [(name, load(location, name)) for name in TABLES]
    tables = [(name, table) for name, table in found if table is not None]
    if not tables:
        raise StoreError(f"no store at {location.uri}: `zoo scan SOURCE` creates one")
    return tables


def _is_compact(table: DeltaTable) -> bool:
    """True if nothing was written since the table was read to be compacted last."""
    for entry in table.history():
        operation = str(entry.get("operation", ""))
        if operation == "OPTIMIZE":  # what was appended while it ran is older, and not in it
            return bool(entry.get("readVersion") == int(entry["version"]) - 1)
        if not operation.startswith("VACUUM"):
            return False
    return False
