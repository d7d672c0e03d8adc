"""A model's rows as they are handed to the store, checked and cast before anything is written."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zoo_analysis.errors import StoreError
from zoo_analysis.spectra.methods import SLICE
from zoo_analysis.store.schemas import COMMIT_ID, COMMITS, TABLES, formerly

_MODEL_KEY = ("repo_id", "revision")

#: Columns that say when a row was made, filled in with the present where they are null.
STAMPS = {
    "accuracies": "retrieved_at",
    "predictions": "predicted_at",
    "releases": "seen_at",
    "failures": "failed_at",
    "regressions": "computed_at",
    "assigned_series": "assigned_at",
}


#: Rows of several models by table.
Tables = Mapping[str, pa.Table]


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


def layer_count(layers: pa.Table) -> int:
    """The number of layers that rows are of, whatever slices of them have rows beside them.

    Args:
        layers: rows of `LAYERS`; without the column ``role`` none of them is a slice.
    """
    if "role" not in layers.column_names:
        return len(layers)
    slices: int = pc.sum(pc.equal(layers["role"], SLICE), min_count=0).as_py()
    return len(layers) - slices


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
        given = rows[column.name]
        try:
            columns.append(given if given.type == column.type else given.cast(column.type))
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


def assemble(batch: Sequence[ModelRows]) -> Tables:
    """The rows of several models by table, in the order in which they must be written.

    Every model gets a `commit_id` of its own; `commits` comes last, for it publishes the others.

    Args:
        batch: models, at least one.

    Raises:
        StoreError: rows that do not fit their schema or their model.
    """
    models = [_model_row(rows.model) for rows in batch]
    owners: list[dict[str, Any]] = [
        {**{name: model[name] for name in _MODEL_KEY}, "method": rows.method}
        for model, rows in zip(models, batch, strict=True)
    ]
    what = "{repo_id}@{revision} ({method})".format(**owners[0]) if len(owners) == 1 else "models"
    if not all(all(owner.values()) for owner in owners):
        raise StoreError(f"{what}: repo_id, revision and method must be given")
    for owner in owners:
        owner[COMMIT_ID] = secrets.randbits(63)

    def table(name: str, parts: Sequence[pa.Table | None]) -> pa.Table:
        those = [
            (part, owner) for part, owner in zip(parts, owners, strict=True) if part is not None
        ]
        if not those:
            return None
        try:
            rows = pa.concat_tables([part for part, _ in those], promote_options="permissive")
        except pa.ArrowException as error:
            raise StoreError(f"{name} of {what}: {error}") from error
        counts = [(owner, len(part)) for part, owner in those]
        return _owned(rows, counts, TABLES[name], f"{name} of {what}")

    def one_each(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        names = dict.fromkeys(column for row in rows for column in row)
        columns = {column: [row.get(column) for row in rows] for column in names}
        counts = [(owner, 1) for owner in owners]
        return _owned(pa.table(columns), counts, TABLES[name], f"{name} of {what}")

    layers = table("layers", [rows.layers for rows in batch])
    esds = table("esds", [rows.esds for rows in batch])
    _check_layers(layers, esds, what)
    for rows, model in zip(batch, models, strict=True):
        if "depth" not in model and "depth" in rows.layers.column_names:
            model["depth"] = pc.max(rows.layers["depth"]).as_py()
    averages = [None if rows.averages is None else _one_row(rows.averages) for rows in batch]
    tables = {
        "layers": layers,
        "esds": esds,
        "models": one_each("models", models),
        "averages": table("averages", averages),
        "left_out": table("left_out", [rows.left_out for rows in batch]),
        "commits": one_each("commits", [{"method": rows.method} for rows in batch]),
    }
    return {name: rows for name, rows in tables.items() if rows is not None}


def assemble_each(batch: Sequence[ModelRows]) -> tuple[Tables, dict[int, Exception]]:
    """The rows of those models that fit, and why the others do not, by their place."""
    bad: dict[int, Exception] = {}
    if not batch:
        return {}, bad
    try:
        return assemble(batch), bad
    except Exception:
        for place, rows in enumerate(batch):
            try:
                assemble([rows])
            except Exception as error:
                bad[place] = error
    good = [rows for place, rows in enumerate(batch) if place not in bad]
    return assemble(good) if good else {}, bad


def apart(tables: Tables) -> Iterator[Tables]:
    """Assembled rows of several models as those of each."""
    for commit in tables["commits"][COMMIT_ID]:
        own = {name: rows.filter(pc.field(COMMIT_ID) == commit) for name, rows in tables.items()}
        yield {name: rows for name, rows in own.items() if len(rows)}


def joined(parts: Sequence[Tables], scan_id: str) -> Tables:
    """Assembled rows as one Delta commit a table writes them, named anew for every attempt.

    A failed attempt may have left rows behind: those of the next are never taken for the same.
    Rows are sorted by repo_id, so that a lookup of one model skips most row groups.

    Args:
        parts: what `assemble` made.
        scan_id: of the run that publishes them.
    """
    anew = secrets.randbits(63)
    out = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        table = pa.concat_tables([part[name] for part in parts if name in part])
        index = table.column_names.index(COMMIT_ID)
        renamed = pc.bit_wise_xor(table[COMMIT_ID], anew)
        table = table.set_column(index, COMMITS.field(COMMIT_ID), renamed)
        # In one chunk each, since several would be written in no particular order.
        out[name] = table.take(pc.sort_indices(table["repo_id"])).combine_chunks()
    commits = out.pop("commits")  # last: it publishes the others
    now = {"scan_id": scan_id, "committed_at": datetime.now(UTC)}
    return {**out, "commits": _with(commits, COMMITS, now)}


def _model_row(model: Mapping[str, Any] | pa.RecordBatch) -> dict[str, Any]:
    if isinstance(model, pa.RecordBatch):
        if len(model) != 1:
            raise StoreError(f"a model is one row, not {len(model)}")
        row: Mapping[str, Any] = model.to_pylist()[0]
        model = row
    return {**dict.fromkeys(_MODEL_KEY), **model}


def _one_row(row: Mapping[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([dict(row)])


def _owned(
    rows: pa.Table, owners: Sequence[tuple[Mapping[str, Any], int]], schema: pa.Schema, what: str
) -> pa.Table:
    """Rows of several models, conformed, and whose they are; where they say so it must agree.

    Args:
        rows: of all.
        owners: keys of each model, and how many of the rows are its own.
        schema: of the table.
        what: names the rows in an error.
    """
    table = conform(rows, schema, what)
    numbers = np.repeat(np.arange(len(owners)), [count for _, count in owners])
    for index, column in enumerate(schema):
        if column.name not in owners[0][0]:
            continue
        keys = pa.array([owner[column.name] for owner, _ in owners], column.type)
        whose = keys.take(pa.array(numbers))
        given = column.name in rows.column_names
        if given and not pc.all(pc.equal(table[index], whose), min_count=0).as_py():
            value = owners[0][0][column.name]
            raise StoreError(f"{what}: {column.name} is not {value!r} in every row")
        table = table.set_column(index, column, whose)
    return table


def _with(rows: pa.Table, schema: pa.Schema, constants: Mapping[str, Any]) -> pa.Table:
    for name, value in constants.items():
        column = schema.field(name)
        values = pa.repeat(pa.scalar(value, column.type), len(rows))
        rows = rows.set_column(schema.names.index(name), column, values)
    return rows


def _check_layers(layers: pa.Table, esds: pa.Table, what: str) -> None:
    key = [COMMIT_ID, "layer"]
    for name, table in (("layers", layers), ("esds", esds)):
        different = table.select(key).group_by(key, use_threads=False).aggregate([])
        if table["layer"].null_count or len(different) != len(table):
            raise StoreError(f"{name} of {what}: layer names must be given and differ")
    unfitted = layers.filter(pc.field("alpha").is_valid() & (pc.field("status") != "success"))
    if len(unfitted):  # views tell a layer that counts by its having an alpha
        raise StoreError(f"layers of {what}: {unfitted['layer'][0]} has an alpha but no success")
    both = pa.concat_tables([layers.select(key), esds.select(key)])
    if len(both.group_by(key, use_threads=False).aggregate([])) != len(layers):
        raise StoreError(f"esds of {what}: a spectrum of a layer that is not among its layers")
