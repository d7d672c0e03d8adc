"""Cells of tables: one value as text, and a column of numbers in one notation."""

import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from zoo_analysis.store.records import TIME
from zoo_analysis.texts import printable

#: The beginning of a hash, which is what is shown of it: options that take one take that.
_HASHED: Final = re.compile(r"((?:sha256-)?[0-9a-f]{10})[0-9a-f]{6,}")
#: Columns that are shares between 0 and 1, which readers see in percent; and those that are where
#: they are not yes or no of a single layer.
SHARES: Final = frozenset({"coverage", "twin_random_like"})
_SHARES_OF_LAYERS: Final = frozenset({"random_like"})
#: Columns of chances, which are 0 where a float has none so small.
_CHANCES: Final = frozenset({"p_value", "p_holm"})
_LEAST: Final = "<1e-307"
#: Most decimals of a column; one that needs more is written with exponents.
_DECIMALS: Final = 6
_LARGE: Final = 1e7


def values_of(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Python values; the store's times without pyarrow's help, which imports pandas for it."""
    if column.type != TIME:
        values: list[Any] = column.to_pylist()
        return values
    start = datetime(1970, 1, 1, tzinfo=UTC)
    elapsed = column.cast(pa.int64()).to_pylist()
    return [None if us is None else start + timedelta(microseconds=us) for us in elapsed]


def is_number(dtype: pa.DataType) -> bool:
    """True of types that are set to the right."""
    return bool(
        pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)
    )


def column_cells(name: str, values: Sequence[Any]) -> list[str]:
    """The cells of a column for a reader, all of one notation.

    Numbers have as many decimals as give the largest four significant digits and the smallest two,
    or exponents where that takes too many; shares are in percent, chances that underflow are below
    the least that is none, times without the seconds' fractions and in UTC, hashes begin and end
    early.

    Args:
        name: of the column.
        values: Python values; null and NaN are empty cells.
    """
    values = [json_value(value) if isinstance(value, Decimal) else value for value in values]
    floats = [v for v in values if isinstance(v, float) and math.isfinite(v)]
    if not floats:
        return [_reader(value) for value in values]
    share = name in SHARES or (name in _SHARES_OF_LAYERS and any(v % 1 for v in floats))
    if share and all(0 <= v <= 1 for v in floats):
        fine = any(0 < v < 0.01 or 0.99 < v < 1 for v in floats)
        return [percent(v, 1 if fine else 0) for v in values]
    decimals = _decimals([abs(v) for v in floats if v])
    form = f".{decimals}f" if decimals is not None else ".3e"
    cells = [
        format(v, form) if isinstance(v, int | float) and math.isfinite(v) else _reader(v)
        for v in values
    ]
    if name not in _CHANCES:
        return cells
    return [_LEAST if v == 0 else cell for v, cell in zip(values, cells, strict=True)]


def _decimals(sizes: Sequence[float]) -> int | None:
    """Decimals that a column takes; None where it is written with exponents."""
    if not sizes:
        return 0
    if max(sizes) >= _LARGE:
        return None
    largest = 3 - math.floor(math.log10(max(sizes)))
    smallest = 1 - math.floor(math.log10(min(sizes)))
    wanted = max(largest, smallest, 0)
    if wanted > _DECIMALS:
        return None
    return next(d for d in range(wanted + 1) if d == wanted or _same(sizes, d, wanted))


def _same(sizes: Sequence[float], few: int, many: int) -> bool:
    return all(float(f"{size:.{few}f}") == float(f"{size:.{many}f}") for size in sizes)


def percent(value: float | None, decimals: int = 0) -> str:
    """A share in percent; neither 0 % nor 100 % unless it is that.

    Args:
        value: between 0 and 1; empty for null and NaN.
        decimals: that are shown.
    """
    if value is None or math.isnan(value):
        return ""
    step = 10.0**-decimals
    inner = min(max(100 * value, step), 100 - step) if 0 < value < 1 else 100 * value
    return f"{inner:.{decimals}f}%"


def _reader(value: object) -> str:
    if isinstance(value, str) and (hashed := _HASHED.fullmatch(value)):
        return hashed[1]
    if isinstance(value, datetime) and value.utcoffset() == timedelta(0):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return brief(value)


def brief(value: object) -> str:
    """A value as it is shown to a reader: four significant digits, one line, nothing for null."""
    if isinstance(value, Decimal):
        value = json_value(value)
    if isinstance(value, float):
        return "" if math.isnan(value) else _four_digits(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, list) and value and not all(isinstance(item, int) for item in value):
        return f"{len(value)} values"
    return printable(exact_text(value))


def _four_digits(value: float) -> str:
    if value and not 1e-3 <= abs(value) < _LARGE and math.isfinite(value):
        return f"{value:.3e}"
    return f"{value:.0f}" if 9999.5 <= abs(value) < math.inf else f"{value:.4g}"


def exact_text(value: object) -> str:
    """A value as text without loss; empty for null and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
        return "x".join(map(str, value))
    if isinstance(value, list | dict):
        return json.dumps(json_value(value), ensure_ascii=False)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)


def json_value(value: object) -> Any:
    """A value as JSON has it; NaN and infinities are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):  # DuckDB's sums of integers
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): json_value(item) for key, item in value.items()}
    return value if value is None or isinstance(value, bool | int | str) else exact_text(value)
