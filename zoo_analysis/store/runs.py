"""A run's own rows: its id, the columns that say whose rows are, and its row of `scans`."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

from zoo_analysis.store.schemas import SCANS
from zoo_analysis.store.store import Store

#: Ends of a run: as it should, by a signal, by an error, or without a word.
RunEnd = Literal["finished", "interrupted", "failed", "died"]


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
    store: Store,
    started: datetime,
    config: Mapping[str, Any],
    columns: Mapping[str, Any],
    state: RunEnd | Literal["running"] = "finished",
) -> None:
    """Add what a run came to so far to the table `scans`, whose view shows each run's last row.

    Args:
        store: of the run.
        started: when it began.
        config: what it was asked for, as plain values.
        columns: of `scans`: what it came to.
        state: how it ended, or that it has not.

    Raises:
        StoreError: the store cannot be written.
    """
    now = datetime.now(UTC)
    row = {"started_at": started, "config": json.dumps(config), "state": state}
    row["heartbeat_at" if state == "running" else "finished_at"] = now
    store.append("scans", pa.Table.from_pylist([row | dict(columns)], schema=SCANS))
