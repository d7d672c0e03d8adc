"""The store as its users hold it: append rows, ask SQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from zoo_analysis.errors import QueryError, StoreError
from zoo_analysis.store import duck, last_connection, tables
from zoo_analysis.store.accuracies import news
from zoo_analysis.store.guard import admit
from zoo_analysis.store.history import versions_at
from zoo_analysis.store.live.pending import pending
from zoo_analysis.store.model_rows import (
    STAMPS,
    ModelRows,
    Tables,
    assemble,
    conform,
    joined,
    modern,
    stamped,
)
from zoo_analysis.store.named_queries import get_query
from zoo_analysis.store.query_limits import MEMORY, SECONDS, QueryLimits
from zoo_analysis.store.schemas import COMMIT_ID, TABLES


@dataclass(frozen=True)
class Store:
    """Delta tables under one directory or object-store URI. Opening one touches nothing."""

    location: tables.Location

    @property
    def uri(self) -> str:
        """Directory or object-store URI of the tables."""
        return self.location.uri

    def commit_models(self, batch: Sequence[ModelRows], scan_id: str) -> None:
        """Publish models, each wholly or not at all.

        Delta has no transaction over several tables, so the rows of all models go to `layers`,
        `esds` and `models` first and count for nothing until the last append, to `commits`, names
        them. Of several commits of one model under one method the views show the first; what a
        crash left behind they never show. After an error, commit the batch again.

        Args:
            batch: models, one Delta commit a table for all of them.
            scan_id: of the run that made them.

        Raises:
            StoreError: rows that do not fit, or a store that cannot be written.
        """
        if batch:
            self.publish([assemble(batch)], scan_id)

    def publish(self, assembled: Sequence[Tables], scan_id: str) -> None:
        """Publish models whose rows are assembled already, as `commit_models` does.

        Args:
            assembled: by `assemble`; one Delta commit a table for all of them.
            scan_id: of the run that made them.

        Raises:
            StoreError: a store that cannot be written.
        """
        named = joined(assembled, scan_id)
        with pending(self.location, named["commits"][COMMIT_ID].to_pylist()) as check:
            for name, rows in named.items():
                if name == "commits":
                    check()
                tables.append(self.location, name, rows)

    def append(self, table: str, rows: pa.Table) -> None:
        """Add rows to a table that is not a model's own, such as `scans` or `accuracies`.

        A reported accuracy that the store holds already, as the latest of its model, data set,
        metric, source and split, is not added again.

        Raises:
            StoreError: not one of these tables, rows that do not fit it, or an unwritable store.
        """
        own = set(TABLES) - {"models", "layers", "esds", "averages", "commits"}
        if table not in own:
            raise StoreError(f"rows cannot be appended to {table!r}, only to {sorted(own)}")
        rows = conform(rows, TABLES[table], table)
        if table in STAMPS:
            rows = stamped(rows, STAMPS[table])
        if table == "accuracies":
            rows = news(rows, self._all(table))
        if len(rows):
            tables.append(self.location, table, rows)

    def exists(self) -> bool:
        """True once anything was written here."""
        return any(tables.load(self.location, name) is not None for name in TABLES)

    def committed(
        self, repo_ids: Iterable[str] | None = None, method: str | None = None
    ) -> set[tuple[str, str, str]]:
        """The (repo_id, revision, method) of every published model; empty for a new store.

        Args:
            repo_ids: of these models alone.
            method: under this method alone.
        """
        table = tables.load(self.location, "commits")
        if table is None:
            return set()
        wanted = None if method is None else pc.field("method") == method
        if repo_ids is not None:
            if not (names := list(repo_ids)):
                return set()
            among = pc.field("repo_id").isin(names)
            wanted = among if wanted is None else wanted & among
        columns = ["repo_id", "revision", "method"]
        rows = tables.dataset(self.location, table).to_table(columns=columns, filter=wanted)
        return set(zip(*(column.to_pylist() for column in rows.columns), strict=True))

    def version_of(self, *names: str) -> str:
        """Versions of tables in one text, the same as long as nothing was written to any.

        Args:
            names: of tables.
        """
        found = [(name, tables.load(self.location, name)) for name in names]
        return ", ".join(f"{name} {table.version()}" for name, table in found if table)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A locked-down DuckDB connection over a snapshot of all tables and views.

        It refuses other files, extensions and settings, but unlike `sql` it is the caller's own:
        nothing stops it from creating tables in its memory.

        Raises:
            StoreError: there is no store here yet.
        """
        return duck.connect(self.location)

    def sql(
        self,
        query: str,
        params: Mapping[str, object] | None = None,
        *,
        timeout: float = SECONDS,
        memory: int = MEMORY,
    ) -> duckdb.DuckDBPyRelation:
        """Ask one SELECT over the tables and views.

        Args:
            query: SQL with ``$name`` for parameters.
            params: their values, bound by DuckDB and never pasted into the text.
            timeout: seconds from now on, after which what is still computed is interrupted.
            memory: bytes for DuckDB to work in.

        Returns:
            A lazy relation over the store as it is now.

        Raises:
            QueryError: anything but one SELECT over the store, or one that DuckDB refuses.
            StoreError: there is no store here yet.
        """
        limits = QueryLimits(timeout, memory)
        connection = last_connection.cursor(self.location, limits)
        return limits.ask(connection, admit(connection, query), params)

    def run(
        self,
        query: str,
        params: Mapping[str, object] | None = None,
        *,
        timeout: float = SECONDS,
        memory: int = MEMORY,
    ) -> pa.Table:
        """The answer to a SELECT, or to a named question with its parameters' defaults.

        Args:
            query: SQL, or the name of a file in ``queries/``.
            params: values by name; text is converted to the type a named query declares.
            timeout: seconds that it may take.
            memory: bytes for DuckDB to work in, and for the answer.

        Raises:
            QueryError: as `sql`, or a limit is met; also an unknown query, an unknown parameter or
                a value of another type than declared.
            StoreError: there is no store here yet.
        """
        values: Mapping[str, Any] | None = params
        own: Path | None = None
        if len(query.split()) == 1:
            named = get_query(query.strip())
            query, values = named.sql, named.bind(params or {})
            own = named.file
        limits = QueryLimits(timeout, memory)
        try:
            return limits.fetch(self.sql(query, values, timeout=timeout, memory=memory))
        except QueryError as error:
            if own is not None:
                error.args = (f"{own}: {error}",)
            raise

    def _all(self, name: str) -> pa.Table:
        """All rows of a table, whatever the views show of them."""
        table = tables.load(self.location, name)
        if table is None:
            return TABLES[name].empty_table()
        return modern(tables.dataset(self.location, table).to_table(), name)


def as_store(store: Store | str | Path | None, as_of: datetime | int | None = None) -> Store:
    """A store as it is, or as `open_store` opens what it is given."""
    if not isinstance(store, Store):
        return open_store(store, as_of=as_of)
    if as_of is None:
        return store
    return open_store(store.uri, storage_options=store.location.storage_options, as_of=as_of)


def open_store(
    uri: str | Path | None = None,
    *,
    storage_options: Mapping[str, str] | None = None,
    as_of: datetime | int | None = None,
) -> Store:
    """Open a store for reading and writing; the first write creates it.

    Args:
        uri: a local path, ``file://…``, ``s3://…`` or any URI deltalake reads; None means
            ``$ZOO_STORE``, else ``./zoo-store``.
        storage_options: credentials and endpoint, passed to deltalake as they are.
        as_of: read every table as it was at this time (naive: UTC), or at this version of the
            store (`zoo store history` numbers them); such a store is read-only.

    Raises:
        StoreError: a path that no Delta table can have, or a version that the store never had.
    """
    if isinstance(as_of, int):
        location = tables.locate(uri, storage_options)
        return Store(replace(location, versions=versions_at(location, as_of)))
    return Store(tables.locate(uri, storage_options, as_of))
