"""Upkeep of files: small ones merged, those that no version needs removed, old ones migrated."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from zoo_analysis.errors import StoreError
from zoo_analysis.store.live.orphans import OWNED, orphans, removed
from zoo_analysis.store.live.pending import bury
from zoo_analysis.store.live.run_state import FOLDER, forget
from zoo_analysis.store.model_rows import modern
from zoo_analysis.store.schemas import GENERATION, TABLES, description, generation
from zoo_analysis.store.tables import (
    Location,
    columns_of,
    dataset,
    load,
    writer_properties,
)
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
    """Vacuum of one table, or of `runs`, what dead runs left: the files removed (or to be)."""

    table: str
    files: int


@dataclass(frozen=True)
class Migrated:
    """Migration of one table: its generation before and after, and the rows that were rewritten."""

    table: str
    before: int
    after: int
    rows: int


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
    unless the retention is below an hour, when they might be a living writer's; and so does what
    runs told of themselves that died, or whose end could not be recorded.

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
    left = forget(location, older_than.total_seconds(), dry_run=dry_run)
    return (*done, Vacuumed(FOLDER, left))


def migrate(location: Location) -> tuple[Migrated, ...]:
    """Tables of an earlier generation rewritten with the columns that they have now.

    A store of an earlier generation is read as well without; this ends the translating. Earlier
    versions stay readable. Nothing else may write meanwhile, or its rows are refused.

    Args:
        location: of the store.

    Raises:
        StoreError: there is no store here, or it cannot be read or written.
    """
    done = []
    for name, table in _tables(location):
        before, rows = generation(table.metadata().description), 0
        if before < GENERATION:
            try:
                rows = _rewrite(location, name, table)
            except (DeltaError, OSError, ValueError) as error:
                raise StoreError(
                    f"cannot migrate table {name!r} of {location.uri}: {one_line(error)}"
                ) from error
        done.append(Migrated(name, before, GENERATION, rows))
    return tuple(done)


def _rewrite(location: Location, name: str, table: DeltaTable) -> int:
    """Rewrite a table where its columns are not those of now; the number of rows."""
    stored, rows = columns_of(table), 0
    schema = modern(stored.empty_table(), name).schema
    if any(column not in stored for column in schema) or len(schema) < len(stored):

        def batches() -> Iterator[pa.RecordBatch]:
            nonlocal rows
            for batch in dataset(location, table).to_batches():
                rows += len(batch)
                yield from modern(pa.Table.from_batches([batch]), name).to_batches()

        write_deltalake(
            table,
            pa.RecordBatchReader.from_batches(schema, batches()),
            mode="overwrite",
            schema_mode="overwrite",
            writer_properties=writer_properties(name, schema),
        )
        table.update_incremental()
    table.alter.set_table_description(description(len(schema)))
    return rows


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
