"""A table on the terminal or in a file: rich, CSV, JSON, Markdown or Parquet."""

import csv
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo_analysis.cli.options import Format
from zoo_analysis.errors import ZooError
from zoo_analysis.store.records import TIME
from zoo_analysis.texts import printable


def say(*lines: str) -> None:
    """Lines on standard output, cleaned of whatever would steer the terminal."""
    typer.echo("\n".join(map(printable, lines)))


def write_table(
    table: pa.Table,
    format: Format = "table",
    out: str | Path | None = None,
) -> None:
    """Write a table to standard output or to a file.

    ``table`` and ``markdown`` are for reading: four significant digits, null and NaN left empty.
    ``csv``, ``json`` (a list of records; NaN and infinities are null, for JSON has neither) and
    ``parquet`` keep full precision, and the texts as they are; on a terminal what would steer it is
    cleaned in CSV, and escaped in JSON.

    Args:
        table: of any column types; integer lists, such as shapes, read ``64x3x3x3``.
        format: one of `Format`.
        out: file to write; None is standard output, which Parquet does not go to.

    Raises:
        ZooError: unknown format, Parquet without a file, or a file that cannot be written.
    """
    if format not in get_args(Format):
        raise ZooError(f"unknown format {format!r}: choose one of {', '.join(get_args(Format))}")
    try:
        if format == "parquet":
            if out is None:
                raise ZooError("parquet is binary: name a file to write with -o FILE")
            pq.write_table(table, out, compression="zstd")
        else:
            with _opened(out) as stream:
                _WRITERS[format](table, stream)
    except OSError as error:
        if out is None:  # a closed pipe is not this function's to explain
            raise
        raise ZooError(f"cannot write {out}: {error.strerror or error}") from error


@contextmanager
def _opened(out: str | Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
    else:
        with open(out, "w", encoding="utf-8", newline="") as stream:
            yield stream


def _write_rich(table: pa.Table, stream: TextIO) -> None:
    caption = None if len(table) else "no rows"
    shown = Table(caption=caption, box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for column in table.schema:
        if _is_number(column.type):
            shown.add_column(Text(printable(column.name)), justify="right", no_wrap=True)
        else:
            width = min(len(column.name), 8)
            shown.add_column(Text(printable(column.name)), overflow="fold", min_width=width)
    for row in _rows(table):
        shown.add_row(*(Text(brief(value)) for value in row))
    console = Console(file=stream, highlight=False)
    # Nobody reads a column folded to one letter: text folds down to a readable width on a
    # terminal; off a terminal, and beyond that, lines are as long as the table needs.
    unbounded = console.options.update(width=100_000, max_width=100_000)
    needed = console.measure(shown, options=unbounded)
    console.width = max(console.width, needed.minimum) if stream.isatty() else needed.maximum
    console.print(shown)


def _write_csv(table: pa.Table, stream: TextIO) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    shown = printable if stream.isatty() else str
    writer.writerow(map(shown, table.column_names))
    writer.writerows([shown(_exact_text(value)) for value in row] for row in _rows(table))


def _write_json(table: pa.Table, stream: TextIO) -> None:
    stream.write("[")
    for index, row in enumerate(_rows(table)):
        record = {name: _json_value(v) for name, v in zip(table.column_names, row, strict=True)}
        stream.write(",\n " if index else "\n ")
        json.dump(record, stream, ensure_ascii=stream.isatty(), allow_nan=False)
    stream.write("\n]\n" if len(table) else "]\n")


def _write_markdown(table: pa.Table, stream: TextIO) -> None:
    def line(cells: Iterator[str]) -> None:
        stream.write("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n")

    line(map(printable, table.column_names))
    line("---:" if _is_number(column.type) else "---" for column in table.schema)
    for row in _rows(table):
        line(brief(value) for value in row)


_WRITERS: Mapping[str, Callable[[pa.Table, TextIO], None]] = {
    "table": _write_rich,
    "csv": _write_csv,
    "json": _write_json,
    "markdown": _write_markdown,
}


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(max_chunksize=4096):
        yield from zip(*map(_values, batch.columns), strict=True)


def _values(column: pa.Array) -> list[Any]:
    """Python values; the store's times without pyarrow's help, which imports pandas for it."""
    if column.type != TIME:
        values: list[Any] = column.to_pylist()
        return values
    start = datetime(1970, 1, 1, tzinfo=UTC)
    elapsed = column.cast(pa.int64()).to_pylist()
    return [None if us is None else start + timedelta(microseconds=us) for us in elapsed]


def _is_number(dtype: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)
    )


def brief(value: object) -> str:
    """A value as it is shown to a reader: four significant digits, one line, nothing for null."""
    if isinstance(value, Decimal):
        value = _json_value(value)
    if isinstance(value, float):
        return "" if math.isnan(value) else _four_digits(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, list) and value and not all(isinstance(item, int) for item in value):
        return f"{len(value)} values"
    return printable(_exact_text(value))


def _four_digits(value: float) -> str:
    if value and not 1e-3 <= abs(value) < 1e7 and math.isfinite(value):
        return f"{value:.3e}"
    return f"{value:.0f}" if 9999.5 <= abs(value) < math.inf else f"{value:.4g}"


def _exact_text(value: object) -> str:
    """A value as text without loss; empty for null and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
        return "x".join(map(str, value))
    if isinstance(value, list | dict):
        return json.dumps(_json_value(value), ensure_ascii=False)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)


def _json_value(value: object) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):  # DuckDB's sums of integers
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    return value if value is None or isinstance(value, bool | int | str) else _exact_text(value)
