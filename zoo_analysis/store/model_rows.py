"""A model's rows as they are handed to the store, checked and cast before anything is written."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from zoo_analysis.errors import StoreError
from zoo_analysis.store.schemas import (
    AVERAGES,
    COMMIT_ID,
    COMMITS,
    ESDS,
    LAYERS,
    LEFT_OUT,
    MODELS,
    TABLES,
    formerly,
)

_MODEL_KEY = ("repo_id", "revision")

#: Columns that say when a row was made, filled in with the present where they are null.
STAMPS = {
    "accuracies": "retrieved_at",
    "releases": "seen_at",
    "failures": "failed_at",
    "regressions": "computed_at",
}


@dataclass(frozen=True)
class ModelRows:
    """All rows of one model under one method, published together or not at all.

    Attributes:
        model: one row of `MODELS` (a mapping, or a record batch of one row), less `commit_id`.
        method: the method's name, as stored in the layers' rows.
        layers: rows of `LAYERS`, less `commit_id`; metric columns may be missing. The key columns
            repo_id, revision and method may be too: they are the model's.
        esds: rows of `ESDS` likewise, of layers that are in `layers`.
        left_out: rows of `LEFT_OUT` likewise, or none.
        averages: metrics of `AVERAGES` by name, where they are known without the layers.
    """

    model: Mapping[str, Any] | pa.RecordBatch
    method: str
    layers: pa.Table
    esds: pa.Table
    averages: Mapping[str, float | None] | None = None
    left_out: pa.Table | None = None


def conform(rows: pa.Table, schema: pa.Schema, what: str) -> pa.Table:
    """Give rows exactly the columns and types of a schema; missing columns become null.

    Args:
        rows: any columns of `schema`, in any order.
        schema: of the table.
        what: names the rows in an error.

    Raises:
        StoreError: a column that the schema does not have, or a value of another type.
    """
    if unknown := set(rows.column_names) - set(schema.names):
        raise StoreError(f"{what} has no column {', '.join(sorted(unknown))}; remove or rename it")
    columns = []
    for column in schema:
        if column.name not in rows.column_names:
            columns.append(pa.nulls(len(rows), column.type))
            continue
        try:
            columns.append(rows[column.name].cast(column.type))
        except pa.ArrowException as error:
            raise StoreError(f"{what}, column {column.name}: {error}") from error
    return pa.table(columns, schema=schema)


def modern(rows: pa.Table, table: str) -> pa.Table:
    """Rows of any generation with the columns and types that they have now, then all others.

    Args:
        rows: of a store's table, as they are stored.
        table: its name.

    Raises:
        StoreError: a value that is not of its column's type now.
    """
    for column in TABLES[table].names:
        for old in formerly(table, column):
            if old in rows.column_names:
                had = rows[old]
                if column in rows.column_names:
                    had = pc.coalesce(rows[column], had)
                rows = rows.drop_columns([n for n in (old, column) if n in rows.column_names])
                rows = rows.append_column(column, had)
    others = [column for column in rows.schema if column.name not in TABLES[table].names]
    return conform(rows, pa.schema([*TABLES[table], *others]), f"table {table!r}")


def stamped(rows: pa.Table, column: str) -> pa.Table:
    """Rows with the present time where `column` is null."""
    now = pa.scalar(datetime.now(UTC), rows.schema.field(column).type)
    index = rows.column_names.index(column)
    return rows.set_column(index, column, pc.fill_null(rows[column], now))


def assemble(batch: Sequence[ModelRows], scan_id: str) -> dict[str, pa.Table]:
    """The rows of several models by table, in the order in which they must be written.

    Every model gets a `commit_id` of its own; `commits` comes last, for it publishes the others.
    Rows are sorted by repo_id, so that a lookup of one model skips most row groups.

    Raises:
        StoreError: rows that do not fit their schema or their model.
    """
    layers, esds, models, averages, left_out, commits = [], [], [], [], [], []
    now = datetime.now(UTC)
    for rows in sorted(batch, key=lambda rows: str(_model_row(rows.model)["repo_id"])):
        model = _model_row(rows.model)
        commit = {COMMIT_ID: secrets.randbits(63)}
        key = {**{name: model[name] for name in _MODEL_KEY}, "method": rows.method}
        what = "{repo_id}@{revision} ({method})".format(**key)
        if not all(key.values()):
            raise StoreError(f"{what}: repo_id, revision and method must be given")
        layers.append(_with(rows.layers, LAYERS, key | commit, f"layers of {what}"))
        esds.append(_with(rows.esds, ESDS, key | commit, f"esds of {what}"))
        _check_layers(layers[-1], esds[-1]["layer"], what)
        row = pa.Table.from_pylist([{"depth": pc.max(layers[-1]["depth"]).as_py(), **model}])
        models.append(_with(row, MODELS, commit, f"model {what}"))
        if rows.averages is not None:
            given = pa.Table.from_pylist([dict(rows.averages)])
            averages.append(_with(given, AVERAGES, key | commit, f"averages of {what}"))
        if rows.left_out is not None:
            owner = {name: key[name] for name in _MODEL_KEY} | commit
            left_out.append(_with(rows.left_out, LEFT_OUT, owner, f"left_out of {what}"))
        publish = {**key, **commit, "scan_id": scan_id, "committed_at": now}
        commits.append(pa.Table.from_pylist([publish], schema=COMMITS))
    tables = {
        "layers": layers,
        "esds": esds,
        "models": models,
        "averages": averages,
        "left_out": left_out,
        "commits": commits,
    }
    # In one chunk each, since several would be written in no particular order.
    return {
        name: pa.concat_tables(parts).combine_chunks() for name, parts in tables.items() if parts
    }


def _model_row(model: Mapping[str, Any] | pa.RecordBatch) -> Mapping[str, Any]:
    if isinstance(model, pa.RecordBatch):
        if len(model) != 1:
            raise StoreError(f"a model is one row, not {len(model)}")
        row: Mapping[str, Any] = model.to_pylist()[0]
        model = row
    return {**dict.fromkeys(_MODEL_KEY), **model}


def _with(rows: pa.Table, schema: pa.Schema, constants: Mapping[str, Any], what: str) -> pa.Table:
    """Conformed rows with these columns constant; where they are there already they must agree."""
    table = conform(rows, schema, what)
    for name, value in constants.items():
        scalar = pa.scalar(value, schema.field(name).type)
        if (
            name in rows.column_names
            and not pc.all(pc.equal(table[name], scalar), min_count=0).as_py()
        ):
            raise StoreError(f"{what}: {name} is not {value!r} in every row")
        index = schema.names.index(name)
        table = table.set_column(index, schema.field(name), pa.repeat(scalar, len(table)))
    return table


def _check_layers(layers: pa.Table, esds: pa.ChunkedArray, what: str) -> None:
    names = layers["layer"]
    for table, column in (("layers", names), ("esds", esds)):
        if column.null_count or len(pc.unique(column)) != len(column):
            raise StoreError(f"{table} of {what}: layer names must be given and differ")
    unfitted = layers.filter(pc.field("alpha").is_valid() & (pc.field("status") != "success"))
    if len(unfitted):  # views tell a layer that counts by its having an alpha
        raise StoreError(f"layers of {what}: {unfitted['layer'][0]} has an alpha but no success")
    if not pc.all(pc.is_in(esds, value_set=names), min_count=0).as_py():
        raise StoreError(f"esds of {what}: a spectrum of a layer that is not among its layers")
