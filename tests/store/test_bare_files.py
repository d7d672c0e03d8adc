"""A table's folder, read file by file past its log."""

from collections.abc import Callable
from datetime import timedelta

import duckdb
from deltalake import DeltaTable

from zoo_analysis.store import ModelRows, Store, upkeep


def test_bare_parquet_counts_merged_files_twice_until_a_vacuum_and_delta_never(
    store: Store, model_rows: Callable[..., ModelRows]
) -> None:
    for name in ("lab/a", "lab/b", "lab/c"):
        store.commit_models([model_rows(name)], "scan")
    layers = f"{store.location.path}/layers"

    def rows() -> tuple[int, int]:
        query = f"SELECT count(*) FROM read_parquet('{layers}/**/*.parquet')"
        ((bare,),) = duckdb.sql(query).fetchall()
        return DeltaTable(layers).to_pyarrow_dataset().count_rows(), bare

    assert rows() == (6, 6)
    upkeep.compact(store.location)
    assert rows() == (6, 12)
    upkeep.vacuum(store.location, timedelta(0))
    assert rows() == (6, 6)
