"""The Delta tables themselves: where they are, what a snapshot of one holds, how rows are added."""

import atexit
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import pyarrow as pa
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from zoo_analysis.errors import StoreError
from zoo_analysis.folders import check_room
from zoo_analysis.store.model_rows import conform
from zoo_analysis.store.schemas import COMMIT_ID, GENERATION, TABLES, description, generation
from zoo_analysis.texts import one_line

if TYPE_CHECKING:
    from pyarrow.dataset import Dataset

#: Appends never conflict with one another, so losing a race only means trying the next version.
_COMMIT = CommitProperties(max_commit_retries=200)
#: What Delta says when two writers created a table at once; nothing was written then.
_CREATED_ANEW: Final = "changed since last commit"
_RACES: Final = 10
#: Bytes of a disk besides the rows' own; fewer for the account of a run that has filled it.
_MARGIN, _ACCOUNT = 64 << 10, 24 << 10

# A row group is what a point lookup reads and what the writer holds in memory: a spectrum is up to
# thousands of numbers, a row of any other table some fifty.
_ROW_GROUP = dict.fromkeys(TABLES, 65_536) | {"esds": 512}

# Minima and maxima of these go into the Delta log; of fifty columns they are the ones asked for.
_PRUNED_BY = ("repo_id", "revision", "method", COMMIT_ID)

_FORBIDDEN = re.compile(r"[\[\]|\\^%]")  # deltalake cannot address a directory named with these


@dataclass(frozen=True)
class Location:
    """Place of a store's tables, and the time as of which they are read.

    Attributes:
        uri: of the directory that holds one Delta table a sub-directory, with a scheme.
        path: the same as a directory of this machine, or None for an object store.
        storage_options: passed to deltalake as they are (credentials, endpoint, …).
        as_of: read every table as it was at this time; None reads the present.
        versions: read these Delta versions of these tables, and no others.
    """

    uri: str
    path: Path | None
    storage_options: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
    as_of: datetime | None = None
    versions: Mapping[str, int] | None = None

    @property
    def past(self) -> bool:
        """True of a store as it once was, which cannot be written."""
        return self.as_of is not None or self.versions is not None

    def table_uri(self, name: str) -> str:
        """URI of one table."""
        return f"{self.uri.rstrip('/')}/{name}"


def locate(
    uri: str | Path | None,
    storage_options: Mapping[str, str] | None = None,
    as_of: datetime | None = None,
) -> Location:
    """Resolve what a user calls a store.

    Args:
        uri: a local path, ``file://…``, or any URI deltalake reads; None means ``$ZOO_STORE``,
            else ``./zoo-store``.
        storage_options: for deltalake.
        as_of: a time; naive ones are taken as UTC.

    Raises:
        StoreError: the path cannot hold a Delta table.
    """
    text = str(uri if uri is not None else os.environ.get("ZOO_STORE") or "zoo-store")
    if as_of is not None:
        as_of = as_of.replace(tzinfo=UTC) if as_of.tzinfo is None else as_of.astimezone(UTC)
    options = MappingProxyType(dict(storage_options or {}))
    if "://" in text and not text.startswith("file://"):
        return Location(text, None, options, as_of)
    plain = unquote(text.removeprefix("file://")) if text.startswith("file://") else text
    path = Path(plain).expanduser().absolute()
    if found := _FORBIDDEN.search(str(path)):
        raise StoreError(
            f"a store cannot be under {path}: deltalake does not accept {found[0]!r} in a path; "
            "choose another directory"
        )
    return Location(str(path), path, options, as_of)


def columns_of(table: DeltaTable) -> pa.Schema:
    """The columns that a snapshot has, which may be fewer or more than those of `TABLES`."""
    return pa.schema(table.schema().to_arrow())


def writer_properties(name: str, schema: pa.Schema) -> WriterProperties:
    """Settings by which appends and compaction write the Parquet files of table `name`.

    Measured numbers hardly repeat and lie in no order, so dictionaries and minima of them cost time
    and space and save none. Spectra, the bulk of a store, are packed tightly; all else is packed so
    that it is read fast.

    Args:
        name: of the table.
        schema: its columns.
    """
    numbers = ColumnProperties(dictionary_enabled=False, statistics_enabled="NONE")
    if any(pa.types.is_list(column.type) for column in schema):
        # Lists cannot be named here, so all else is, and they are the default.
        plain = ColumnProperties(dictionary_enabled=False, encoding="PLAIN")
        return WriterProperties(
            compression="ZSTD",
            max_row_group_size=_ROW_GROUP[name],
            default_column_properties=replace(numbers, encoding="BYTE_STREAM_SPLIT"),
            column_properties={
                column.name: plain for column in schema if not pa.types.is_list(column.type)
            },
        )
    return WriterProperties(
        compression="LZ4_RAW",
        max_row_group_size=_ROW_GROUP[name],
        column_properties={
            column.name: numbers for column in schema if pa.types.is_floating(column.type)
        },
    )


def load(location: Location, name: str) -> DeltaTable | None:
    """A snapshot of table `name`: now, or as of `location.as_of`; None where it does not exist.

    Raises:
        StoreError: the table is there but cannot be read.
    """
    if location.path is not None and not (location.path / name / "_delta_log").is_dir():
        return None
    try:
        if location.versions is not None and name not in location.versions:
            return None
        table = DeltaTable(
            location.table_uri(name),
            version=location.versions[name] if location.versions is not None else None,
            storage_options=dict(location.storage_options) or None,
        )
        if location.as_of is not None:
            if location.as_of < _created(table):
                return None
            table.load_as_version(location.as_of)
    except TableNotFoundError:
        return None
    except (DeltaError, OSError, ValueError) as error:
        raise StoreError(
            f"cannot read table {name!r} of {location.uri}: {one_line(error)}"
        ) from error
    if (newer := generation(table.metadata().description)) > GENERATION:
        raise StoreError(
            f"table {name!r} of {location.uri} is of generation {newer}; this zoo-analysis knows "
            f"{GENERATION} at most: install a newer one"
        )
    if location.path is None or not location.past:
        return table
    if any(not Path(file).exists() for file in local_files(table)):
        raise StoreError(
            f"table {name!r} of {location.uri} can no longer be read as of then: a vacuum removed "
            "files of it; `zoo store history` lists later versions"
        )
    return table


def _created(table: DeltaTable) -> datetime:
    """Time at which the table came to be.

    `load_as_version` answers version 0 for any time before it, which must read as no table.
    """
    return datetime.fromtimestamp((table.metadata().created_time or 0) / 1000, UTC)


def local_files(table: DeltaTable) -> list[str]:
    """The data files of a snapshot on this machine, as plain paths."""
    return [unquote(uri.removeprefix("file://")) for uri in table.file_uris()]


def dataset(location: Location, table: DeltaTable) -> "Dataset":
    """A snapshot as an Arrow data set, wherever its files are."""
    if location.path is not None:
        from pyarrow.dataset import dataset as dataset_of  # brings pandas, a second of imports

        return dataset_of(local_files(table), schema=columns_of(table), format="parquet")
    # Arrow's threads read an object store through Python and may still be closing files when the
    # interpreter ends, which would abort it: they get a moment.
    atexit.unregister(_let_threads_finish)
    atexit.register(_let_threads_finish)
    return table.to_pyarrow_dataset()


def _let_threads_finish() -> None:
    time.sleep(0.1)


def append(location: Location, name: str, rows: pa.Table) -> None:
    """Add rows to table `name` in one atomic Delta commit, creating the table if need be.

    Safe among concurrent writers: a lost race for a version is retried with the next one, and so is
    one against another's creation of the table. Nothing else is retried here, since after any other
    error nobody knows whether the rows arrived.

    Args:
        location: of the store.
        name: of the table.
        rows: with (some of) the columns of the table's schema.

    Raises:
        StoreError: the rows could not be written, or the store is opened as of an earlier time.
    """
    if location.past:
        when = location.as_of or "an earlier version"
        raise StoreError(f"{location.uri} is opened as of {when}: the past is read-only")
    for tries in range(1, _RACES + 1):
        try:
            _append(location, name, rows)
            return
        except CommitFailedError as error:
            if _CREATED_ANEW not in str(error) or tries == _RACES:
                raise _unwritable(location, name, error) from error
        except (DeltaError, OSError, ValueError) as error:
            raise _unwritable(location, name, error) from error


def _unwritable(location: Location, name: str, error: Exception) -> StoreError:
    return StoreError(f"cannot write table {name!r} of {location.uri}: {one_line(error)}")


def _append(location: Location, name: str, rows: pa.Table) -> None:
    if location.path is not None:  # deltalake prints a panic before its error
        margin = _ACCOUNT if name in ("scans", "failures") else _MARGIN
        check_room(location.path / name, rows.nbytes + margin)
    table = load(location, name) or _create(location, name)
    before = columns_of(table)
    schema = pa.schema([*before, *(each for each in rows.schema if each.name not in before.names)])
    write_deltalake(
        table,
        # A newer package may have widened the table.
        conform(rows, schema, f"table {name!r}"),
        mode="append",
        # Only where this version of the package has more columns: merging rewrites metadata.
        schema_mode="merge" if len(schema) > len(before) else None,
        storage_options=dict(location.storage_options) or None,
        writer_properties=writer_properties(name, schema),
        commit_properties=_COMMIT,
    )


def _create(location: Location, name: str) -> DeltaTable:
    schema = TABLES[name]
    pruned_by = [key for key in _PRUNED_BY if key in schema.names]
    try:
        return DeltaTable.create(
            location.table_uri(name),
            schema,
            mode="ignore",  # another writer may be first
            storage_options=dict(location.storage_options) or None,
            configuration={
                "delta.dataSkippingStatsColumns": ",".join(pruned_by),
                # The log is what makes earlier times readable, so it never expires by itself.
                "delta.enableExpiredLogCleanup": "false",
            },
            description=description(len(schema)),
        )
    except CommitFailedError:  # … by a hair: between our look and our commit
        if (table := load(location, name)) is None:
            raise
        return table


def widened(table: DeltaTable) -> bool:
    """True where columns were added since the table was created, so that older files lack some."""
    told = table.metadata().description or ""
    return not told.startswith(f"{len(table.schema().fields)} columns ")
