"""A DuckDB connection over one snapshot of the store, locked so that it can only look."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from zoo_analysis.errors import StoreError
from zoo_analysis.store.history import history
from zoo_analysis.store.query_limits import DEFAULT_LIMITS, QueryLimits
from zoo_analysis.store.schemas import TABLES, formerly
from zoo_analysis.store.tables import (
    Location,
    columns_of,
    dataset,
    load,
    local_files,
    widened,
)
from zoo_analysis.store.views import view_scripts
from zoo_analysis.texts import one_line

# Commits are looked at first: what they publish was written before them, so it is in every
# snapshot that is taken after theirs, however busily others write meanwhile.
_ORDER = ("commits", *(name for name in TABLES if name != "commits"))


#: How columns of the schemas are called in DuckDB.
_TYPES = {
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
}


def connect(location: Location, limits: QueryLimits = DEFAULT_LIMITS) -> duckdb.DuckDBPyConnection:
    """Open a read-only view of all tables as they are at this moment (or as of `location.as_of`).

    The raw tables are in schema ``raw``; what users ask are the views of ``queries/views/*.sql``.
    Files outside the tables, other databases, extensions, settings and Python variables are out of
    reach.

    Args:
        location: of the store.
        limits: of memory, and of the disk that is used in its place.

    Raises:
        StoreError: there is no store at this location, or it cannot be read.
    """
    return connection(location, snapshots(location), limits)


def snapshots(location: Location) -> dict[str, DeltaTable | None]:
    """All tables as they are at this moment (or as of `location.as_of`); None for those not there.

    Raises:
        StoreError: there is no store at this location, or it cannot be read.
    """
    first, *others = _ORDER
    found = {first: load(location, first)}
    with ThreadPoolExecutor(len(others)) as threads:
        found |= zip(others, threads.map(lambda name: load(location, name), others), strict=True)
    if not any(found.values()):
        if location.as_of:
            began = history(location)[0].time  # refuses where there is no store now either
            raise StoreError(
                f"the store at {location.uri} began at {began:%Y-%m-%dT%H:%M:%S} UTC: there is "
                f"nothing of it as of {location.as_of:%Y-%m-%dT%H:%M:%S} UTC"
            )
        raise StoreError(
            f"no store at {location.uri}: `zoo scan SOURCE` creates one, "
            "`store` or ZOO_STORE names another"
        )
    return found


def connection(
    location: Location,
    tables: Mapping[str, DeltaTable | None],
    limits: QueryLimits = DEFAULT_LIMITS,
) -> duckdb.DuckDBPyConnection:
    """`connect` to these snapshots of the tables.

    Raises:
        StoreError: they cannot be read.
    """
    opened = duckdb.connect(
        config={
            "python_enable_replacements": False,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            **limits.settings(),
        }
    )
    opened.execute("SET GLOBAL TimeZone = 'UTC'")
    opened.execute("SET parquet_metadata_cache = true")  # data files never change
    opened.execute("CREATE SCHEMA raw")
    opened.create_function("distances", _distances, [], duckdb.list_type("VARCHAR"))
    files: list[str] = []
    try:
        for name, table in tables.items():
            files += _register(opened, location, name, table)
        for script in view_scripts():
            opened.execute(script)
    except duckdb.Error as error:
        raise StoreError(f"cannot read the store at {location.uri}: {one_line(error)}") from error
    # Exactly the snapshot's files, and only once nothing else remains to be opened.
    opened.execute(f"SET allowed_paths = [{', '.join(map(_quoted, files))}]")
    opened.execute("SET enable_external_access = false")
    opened.execute("SET lock_configuration = true")
    return opened


def reads_natively(location: Location) -> bool:
    """True where DuckDB itself opens the data files; else Arrow does, for one connection only."""
    return location.path is not None and not set(str(location.path)) & set("*?{")


def _distances() -> list[str]:
    # Called by questions that ask for it alone: it loads the measures of other packages.
    from zoo_analysis.similarity.registry import distances

    return distances()


def _register(
    connection: duckdb.DuckDBPyConnection,
    location: Location,
    name: str,
    table: DeltaTable | None,
) -> list[str]:
    """Make `raw.name`; returns the files that DuckDB itself will open for it."""
    files = [] if table is None else table.file_uris()
    if table is None or not files:
        columns = ", ".join(f"{_identifier(c.name)} {_type(c.type)}" for c in TABLES[name])
        connection.execute(f"CREATE TABLE raw.{name} ({columns})")
        return []
    columns = ", ".join(_selected(name, columns_of(table)))
    if not reads_natively(location):
        connection.register(f"_{name}", dataset(location, table))
        connection.execute(f"CREATE VIEW raw.{name} AS SELECT {columns} FROM _{name}")
        return []
    files = local_files(table)
    connection.execute(
        f"CREATE VIEW raw.{name} AS SELECT {columns} FROM "
        f"read_parquet([{', '.join(map(_quoted, files))}], union_by_name = {widened(table)})"
    )
    return files


def _selected(name: str, stored: pa.Schema) -> Iterator[str]:
    """The columns of a table as they are now, out of those that are stored, then all others."""
    left = dict.fromkeys(stored.names)
    for column in TABLES[name]:
        called = [each for each in (column.name, *formerly(name, column.name)) if each in left]
        for each in called:
            del left[each]
        value = f"coalesce({', '.join(map(_identifier, called))})" if called else "NULL"
        if called == [column.name] and stored.field(column.name).type == column.type:
            yield _identifier(column.name)
        else:
            yield f"CAST({value} AS {_type(column.type)}) AS {_identifier(column.name)}"
    yield from map(_identifier, left)


def _type(kind: pa.DataType) -> str:
    return f"{_type(kind.value_type)}[]" if pa.types.is_list(kind) else _TYPES[str(kind)]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
