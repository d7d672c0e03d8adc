"""A DuckDB connection over one snapshot of the store, locked so that it can only look."""

import os
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from zoo_analysis.data import data_dir
from zoo_analysis.errors import StoreError
from zoo_analysis.store.schemas import TABLES
from zoo_analysis.store.tables import Location, dataset, load, local_files, one_line, widened

# Commits are looked at first: what they publish was written before them, so it is in every
# snapshot that is taken after theirs, however busily others write meanwhile.
_ORDER = ("commits", *(name for name in TABLES if name != "commits"))


def connect(location: Location) -> duckdb.DuckDBPyConnection:
    """Open a read-only view of all tables as they are at this moment (or as of `location.as_of`).

    The raw tables are in schema ``raw``; what users ask are the views of ``queries/views/*.sql``.
    Files outside the tables, other databases, extensions, settings and Python variables are out of
    reach.

    Raises:
        StoreError: there is no store at this location, or it cannot be read.
    """
    snapshots = {name: load(location, name) for name in _ORDER}
    if not any(snapshots.values()):
        when = f" as of {location.as_of.isoformat()}" if location.as_of else ""
        raise StoreError(
            f"no store at {location.uri}{when}: `zoo scan SOURCE` creates one, "
            "--store or ZOO_STORE names another"
        )
    connection = duckdb.connect(
        config={
            "python_enable_replacements": False,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "temp_directory": str(Path(tempfile.gettempdir()) / f"zoo-duckdb-{os.getpid()}"),
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET parquet_metadata_cache = true")  # data files never change
    connection.execute("CREATE SCHEMA raw")
    files: list[str] = []
    try:
        for name, table in snapshots.items():
            files += _register(connection, location, name, table)
        for script in sorted(data_dir("queries").joinpath("views").glob("*.sql")):
            connection.execute(script.read_text(encoding="utf-8"))
    except duckdb.Error as error:
        raise StoreError(f"cannot read the store at {location.uri}: {one_line(error)}") from error
    # Exactly the snapshot's files, and only once nothing else remains to be opened.
    connection.execute(f"SET allowed_paths = [{', '.join(map(_quoted, files))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _register(
    connection: duckdb.DuckDBPyConnection,
    location: Location,
    name: str,
    table: DeltaTable | None,
) -> list[str]:
    """Make `raw.name`; returns the files that DuckDB itself will open for it."""
    files = [] if table is None else table.file_uris()
    if table is None or not files:
        connection.register("_empty", TABLES[name].empty_table())
        connection.execute(f"CREATE TABLE raw.{name} AS FROM _empty")
        connection.unregister("_empty")
        return []
    if location.path is None or set(str(location.path)) & set("*?{"):
        connection.register(f"_{name}", dataset(location, table))
        connection.execute(f"CREATE VIEW raw.{name} AS FROM _{name}")
        return []
    files = local_files(table)
    # Named columns of files of several generations; those that none of them has yet are null.
    present = {column.name for column in table.schema().fields}
    absent = pa.schema([column for column in TABLES[name] if column.name not in present])
    nulls = "".join(f", NULL AS {_identifier(column.name)}" for column in absent)
    connection.execute(
        f"CREATE VIEW raw.{name} AS SELECT *{nulls} FROM "
        f"read_parquet([{', '.join(map(_quoted, files))}], union_by_name = {widened(table)})"
    )
    return files


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
