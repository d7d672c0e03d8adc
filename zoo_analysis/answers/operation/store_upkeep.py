"""A store looked after: its columns, its history, its files, and whether its tables agree.

``python -m zoo_analysis.answers.operation.store_upkeep`` prints docs/schema.md.
"""

import re
import sys
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from zoo_analysis.answers.defaults import COMMITS, RETENTION
from zoo_analysis.answers.names import check as known
from zoo_analysis.folders import data_dir
from zoo_analysis.spectra.metrics import METRICS
from zoo_analysis.store import Store, as_store, upkeep
from zoo_analysis.store.duck import connection
from zoo_analysis.store.history import Commit, history
from zoo_analysis.store.integrity import Checked, check
from zoo_analysis.store.records import table_of
from zoo_analysis.store.schemas import GENERATION, TABLES
from zoo_analysis.store.tables import locate

#: The version of this package that brought what says no other.
_FIRST: Final = "0.1.0"
#: The unit of logarithms of eigenvalues, and of what is so many times one.
_LOGARITHM: Final = "log10"
_IN_LOGARITHM: Final = re.compile(r"\blog [Σλ]")


@dataclass(frozen=True)
class TableMeaning:
    """A table or view of a store: what a row of it is."""

    table: str
    kind: str
    row: str
    columns: int


@dataclass(frozen=True)
class ColumnMeaning:
    """A column of a table: its type in DuckDB, its unit, and the version that brought it."""

    column: str
    type: str
    unit: str | None
    meaning: str
    since: str


def store_history(store: Store | str | Path | None = None, limit: int = COMMITS) -> pa.Table:
    """Commits of all tables, oldest first; `version` is what ``as_of`` takes.

    Args:
        store: a store, or what `open_store` takes.
        limit: only the latest commits.

    Returns:
        Columns of `store.history.Commit`.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    return table_of(Commit, history(as_store(store).location)[-limit:])


def compact_store(store: Store | str | Path | None = None) -> pa.Table:
    """Small files merged, and the layers of each model put next to each other.

    Readers and writers may go on meanwhile; earlier versions stay readable.

    Args:
        store: a store, or what `open_store` takes.

    Returns:
        A row a table: its files before and after, and how many were rewritten.

    Raises:
        StoreError: there is no store, or it cannot be read or written.
    """
    return table_of(upkeep.Compacted, upkeep.compact(as_store(store).location))


def vacuum_store(
    store: Store | str | Path | None = None,
    older_than: timedelta = RETENTION,
    *,
    dry_run: bool = False,
) -> pa.Table:
    """Files removed that only versions older than the retention need, and what dead runs left.

    Args:
        store: a store, or what `open_store` takes.
        older_than: the retention; versions younger than this stay readable.
        dry_run: only count.

    Returns:
        A row a table, with the number of its files; the last is `runs`, of runs that died.

    Raises:
        StoreError: a negative retention; there is no store, or it cannot be written.
    """
    removed = upkeep.vacuum(as_store(store).location, older_than, dry_run=dry_run)
    return table_of(upkeep.Vacuumed, removed)


def migrate_store(store: Store | str | Path | None = None) -> pa.Table:
    """Tables that an earlier version of this package made, rewritten with the columns of now.

    Such a store is read as well without. Earlier versions stay readable; nothing else may write
    meanwhile.

    Args:
        store: a store, or what `open_store` takes.

    Returns:
        A row a table: its generation before and after, and the rows that were rewritten.

    Raises:
        StoreError: there is no store, or it cannot be read or written.
    """
    return table_of(upkeep.Migrated, upkeep.migrate(as_store(store).location))


def schema(table: str | None = None) -> pa.Table:
    """The tables and views of a store, or the columns of one of them.

    Args:
        table: its name.

    Returns:
        Columns of `TableMeaning`, or of `ColumnMeaning`.

    Raises:
        QueryError: no table is called so; the nearest name is suggested.
    """
    told, columns = _told(), _columns()
    views = told["views"]
    if table is not None:
        known(table, [*TABLES, *views], "table")
        return table_of(ColumnMeaning, [_meaning(table, *each) for each in columns[table]])
    return table_of(
        TableMeaning,
        [
            *(TableMeaning(n, "table", told[n]["rows"], len(columns[n])) for n in TABLES),
            *(TableMeaning(n, "view", views[n]["rows"], len(columns[n])) for n in views),
        ],
    )


def _meaning(table: str, column: str, kind: str) -> ColumnMeaning:
    told = _told()
    own = told.get(table) or told["views"][table]
    like = own.get("like")
    places = (own, told.get(like) or told["views"].get(like, {}), told["everywhere"])
    said = (p[name] for p in places for name in p if name != "rows" and fnmatch(column, name))
    text: str | None = next(said, None)
    metric = re.sub("_(median|by_tail)$", "", column)
    if text is None and metric in METRICS:
        text = f"{_average(table, column, metric)}{METRICS[metric].meaning}"
    found = re.fullmatch(r"(.*?)(?: \[(.*)\])?(?: \(since (.*)\))?", text or "")
    assert found is not None
    unit = found[2] or (_LOGARITHM if _IN_LOGARITHM.search(found[1]) else None)
    return ColumnMeaning(column, kind, unit, found[1], found[3] or _FIRST)


def _average(table: str, column: str, metric: str) -> str:
    """The words for what a column is of a metric; none where it is the metric itself."""
    if column == f"{metric}_median":
        return "median of "
    if column == f"{metric}_by_tail":
        return "mean, weighted by num_pl_spikes, of "
    return "mean of " if table in ("summaries", "clear_summaries", "averages") else ""


@cache
def _told() -> dict[str, Any]:
    return tomllib.loads((data_dir("queries") / "schema.toml").read_text(encoding="utf-8"))


@cache
def _columns() -> dict[str, list[tuple[str, str]]]:
    """Columns and their types by table and view, as an empty store has them."""
    opened: duckdb.DuckDBPyConnection = connection(locate("empty"), dict.fromkeys(TABLES))
    found: dict[str, list[tuple[str, str]]] = {}
    for name, column, kind in opened.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name = 'main' ORDER BY table_name, column_index"
    ).fetchall():
        found.setdefault(name, []).append((column, kind))
    return found


def schema_page() -> str:
    """The tables and their columns as docs/schema.md shows them."""
    lines = [_told()["introduction"].format(generation=GENERATION)]
    for each in schema().to_pylist():
        lines.append(f"\n## {each['table']}\n\nA row is {each['row']}.\n")
        lines.append("| column | type | unit | meaning | since |\n|---|---|---|---|---|")
        for column in schema(each["table"]).to_pylist():
            cells = [f"`{column['column']}`", column["type"], column["unit"] or ""]
            cells += [column["meaning"], column["since"]]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def check_store(store: Store | str | Path | None = None) -> Checked:
    """A check that models, layers and spectra agree; its `table` lists what does not.

    Args:
        store: a store, or what `open_store` takes.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    return check(as_store(store))


if __name__ == "__main__":
    sys.stdout.write(schema_page())
