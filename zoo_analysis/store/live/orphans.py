"""Rows that interrupted commits left behind: no view shows them, and compaction removes them."""

from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from zoo_analysis.store.live.pending import living
from zoo_analysis.store.schemas import COMMIT_ID, TABLES
from zoo_analysis.store.tables import Location, columns_of, dataset, load, writer_properties

#: Tables whose rows are a model's own; `commits` publishes them.
OWNED: Final = tuple(
    name for name, schema in TABLES.items() if COMMIT_ID in schema.names and name != "commits"
)
#: Commits that one predicate names.
_AT_ONCE: Final = 1000


def orphans(location: Location) -> pa.Array:
    """Ids of the commits that were begun, never published, and are written by nobody any more.

    A living writer's rows are in none of its answers: they are told of before they are written, and
    published before they are no longer told of; so they are looked for in this order.

    Args:
        location: of the store.

    Raises:
        StoreError: it cannot be read.
    """
    begun = _ids(location, OWNED)
    alive = pa.array(living(location), pa.int64())
    known = pa.concat_arrays([alive, _ids(location, ("commits",))])
    return begun.filter(pc.invert(pc.is_in(begun, value_set=known)))


def _ids(location: Location, names: Iterable[str]) -> pa.Array:
    found = [pa.array([], pa.int64())]
    for name in names:
        if (table := load(location, name)) is not None:
            for batch in dataset(location, table).to_batches(columns=[COMMIT_ID]):
                found.append(batch[COMMIT_ID].unique())
            found = [pa.concat_arrays(found).unique()]
    return found[0]


def removed(name: str, table: DeltaTable, commits: pa.Array) -> int:
    """Remove the rows of some commits from a table.

    Args:
        name: of the table.
        table: as it is now.
        commits: their ids.

    Returns:
        How many rows.
    """
    rows, written = 0, writer_properties(name, columns_of(table))
    for start in range(0, len(commits), _AT_ONCE):
        listed = ", ".join(map(str, commits[start : start + _AT_ONCE].to_pylist()))
        told = table.delete(f"{COMMIT_ID} IN ({listed})", writer_properties=written)
        rows += int(told["num_deleted_rows"])
    return rows
