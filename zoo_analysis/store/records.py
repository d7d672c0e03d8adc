"""Dataclasses as rows of Arrow tables: a field is a column, stated once."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

import pyarrow as pa

Row = TypeVar("Row")

TIME: Final = pa.timestamp("us", tz="UTC")
_TYPES: Final = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    datetime: TIME,
}


@cache
def schema_of(row: type) -> pa.Schema:
    """Arrow schema of a dataclass, its columns in the order of the fields.

    Args:
        row: dataclass of str, bool, int, float, datetime, literals of one of these, lists or tuples
            of them, each of them or None.
    """
    return pa.schema([(name, _type(hint)) for name, hint in get_type_hints(row).items()])


def table_of(row: type[Row], rows: Iterable[Row]) -> pa.Table:
    """Instances of a dataclass as an Arrow table of `schema_of` it; NaN becomes null."""
    kind: type = row
    rows, schema = list(rows), schema_of(kind)
    columns = [_array([getattr(each, field.name) for each in rows], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_list(kind):
        return pa.array(values, kind)
    # By way of text, in which no digit is lost: `pa.array` imports pandas, which takes a second.
    texts = pa.lib.StringBuilder()
    texts.append_values([None if v is None or v != v else _text(v) for v in values])
    return texts.finish().cast(kind)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _type(hint: Any) -> pa.DataType:
    inner = [part for part in get_args(hint) if part not in (NoneType, ...)]
    if not inner:
        return _TYPES[hint]
    if get_origin(hint) is Literal:
        return _TYPES[type(inner[0])]
    return pa.list_(_type(inner[0])) if get_origin(hint) in (list, tuple) else _type(inner[0])
