"""Reported accuracies that are news to the store."""

import duckdb
import pyarrow as pa

from zoo_analysis.store.schemas import ACCURACIES

_SAME = "repo_id, dataset, metric, source, split"
_EQUAL = " AND ".join(
    f"r.{name} IS NOT DISTINCT FROM k.{name}" for name in ACCURACIES.names if name != "retrieved_at"
)

# One row per thing reported, also among the new ones: two that contradict each other within one
# source would otherwise replace each other at every synchronisation.
_NEWS = f"""
    WITH reported_once AS (
        FROM reported QUALIFY row_number() OVER (PARTITION BY {_SAME} ORDER BY position) = 1
    ), latest AS (
        FROM known
        QUALIFY row_number() OVER (PARTITION BY {_SAME} ORDER BY retrieved_at DESC, value) = 1
    )
    SELECT r.* EXCLUDE (position) FROM reported_once r ANTI JOIN latest k ON {_EQUAL}
    ORDER BY r.repo_id, r.position
"""


def news(reported: pa.Table, known: pa.Table) -> pa.Table:
    """Rows that differ from the latest known row of the same model, data set, metric and source.

    Args:
        reported: rows of `ACCURACIES`; of several of the same key and split the first counts.
        known: all rows that the store has.

    Returns:
        The rows to append, sorted by repo_id.
    """
    connection = duckdb.connect(config={"python_enable_replacements": False})
    numbered = reported.append_column("position", pa.array(range(len(reported)), pa.int64()))
    connection.register("reported", numbered)
    connection.register("known", known)
    return connection.sql(_NEWS).to_arrow_table().cast(ACCURACIES)
