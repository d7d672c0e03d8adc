"""A store looked after: its history, its files, and whether its tables agree."""

from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from zoo_analysis.answers.defaults import COMMITS, RETENTION
from zoo_analysis.records import table_of
from zoo_analysis.store import Store, as_store, upkeep
from zoo_analysis.store.history import Commit, history
from zoo_analysis.store.integrity import Checked, check


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
    """Files removed that only versions older than the retention need.

    Args:
        store: a store, or what `open_store` takes.
        older_than: the retention; versions younger than this stay readable.
        dry_run: only count.

    Returns:
        A row a table, with the number of its files.

    Raises:
        StoreError: a negative retention; there is no store, or it cannot be written.
    """
    removed = upkeep.vacuum(as_store(store).location, older_than, dry_run=dry_run)
    return table_of(upkeep.Vacuumed, removed)


def check_store(store: Store | str | Path | None = None) -> Checked:
    """A check that models, layers and spectra agree; its `table` lists what does not.

    Args:
        store: a store, or what `open_store` takes.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    return check(as_store(store))
