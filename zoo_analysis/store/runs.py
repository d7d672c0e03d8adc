"""A run's own rows: its id, the columns that say whose rows are, and its row of `scans`."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from zoo_analysis.store.schemas import SCANS
from zoo_analysis.store.store import Store


def new_run_id(kind: str = "") -> str:
    """A unique id that sorts by time among the runs of its kind, which it begins with."""
    told = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    return f"{kind}-{told}" if kind else told


def made_by(rows: pa.Table, schema: pa.Schema, **constants: Any) -> pa.Table:
    """Rows of a table with columns constant, such as `run_id`, in place of what was there.

    Args:
        rows: columns of the schema.
        schema: of the table.
        constants: values by name of column.
    """
    columns = {name: rows[name] for name in rows.column_names if name not in constants}
    for name, value in constants.items():
        columns[name] = pa.repeat(pa.scalar(value, schema.field(name).type), len(rows))
    return pa.table(columns)


def record_run(
    store: Store, started: datetime, config: Mapping[str, Any], columns: Mapping[str, Any]
) -> None:
    """Add a run that is over now to the table `scans`.

    Args:
        store: of the run.
        started: when it began.
        config: what it was asked for, as plain values.
        columns: of `scans`: what it came to.

    Raises:
        StoreError: the store cannot be written.
    """
    row = {"started_at": started, "finished_at": datetime.now(UTC), "config": json.dumps(config)}
    store.append("scans", pa.Table.from_pylist([row | dict(columns)], schema=SCANS))
