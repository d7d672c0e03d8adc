"""Output of commands: a table, a report or a line, on the terminal or in a file."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TextIO, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from zoo_analysis.cli.options import Format
from zoo_analysis.cli.printing.cells import brief, column_cells, percent
from zoo_analysis.cli.printing.exact import (
    write_csv,
    write_document,
    write_json,
    write_jsonl,
    write_markdown,
)
from zoo_analysis.cli.printing.prose import joined, say, say_whole
from zoo_analysis.cli.printing.readable import write_readable, write_vertical
from zoo_analysis.errors import ZooError

__all__ = [
    "brief",
    "counted",
    "percent",
    "say",
    "say_values",
    "say_whole",
    "write_answer",
    "write_report",
    "write_summary",
    "write_table",
]

_PLAIN = (str, bool, int, float)

_WRITERS: Mapping[str, Callable[[pa.Table, TextIO], None]] = {
    "table": write_readable,
    "vertical": write_vertical,
    "csv": write_csv,
    "json": write_json,
    "jsonl": write_jsonl,
    "markdown": write_markdown,
}


def say_values(title: str, values: Mapping[str, Any]) -> None:
    """Names and values on lines as wide as the terminal; those without a value are not told."""
    cells = {name: column_cells(name, [value])[0] for name, value in values.items()}
    known = [joined(f"{name} {cell}") for name, cell in cells.items() if cell]
    say(title + ", ".join(known))


def counted(count: int, noun: str) -> str:
    """A number of things, as ``1 layer`` and ``2 layers``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def write_table(
    table: pa.Table,
    format: Format = "table",
    out: str | Path | None = None,
) -> None:
    """Write a table to standard output or to a file.

    ``table``, ``vertical`` and ``markdown`` are for reading: some four significant digits, null and
    NaN left empty. ``csv``, ``json`` (a list of records), ``jsonl`` (one a line; NaN and infinities
    are null, for JSON has neither) and ``parquet`` keep full precision, and the texts as they are;
    on a terminal what would steer it is cleaned in CSV, and escaped in JSON.

    Args:
        table: of any column types; integer lists, such as shapes, read ``64x3x3x3``.
        format: one of `Format`.
        out: file to write; None is standard output, which Parquet does not go to.

    Raises:
        ZooError: unknown format, Parquet without a file, or a file that cannot be written.
    """
    if format not in get_args(Format):
        raise ZooError(f"unknown format {format!r}: choose one of {', '.join(get_args(Format))}")
    if format == "parquet":
        if out is None:
            raise ZooError("parquet is binary: name a file to write with -o FILE")
        with _explained(out):
            pq.write_table(table, out, compression="zstd")
    else:
        with _opened(out) as stream:
            _WRITERS[format](table, stream)
    if out is not None:
        say(f"{counted(len(table), 'row')} written to {out}", error=True)


def write_answer(
    table: pa.Table, note: str | None, format: Format = "table", out: Path | None = None
) -> None:
    """Write rows and what is to be known of them, such as why there are none.

    Args:
        table: the rows.
        note: a sentence; on standard error where the rows are for machines or in a file.
        format: one of `Format`.
        out: file to write; None is standard output.

    Raises:
        ZooError: as for `write_table`.
    """
    read = format in ("table", "vertical") and out is None
    if len(table) or not note or not read:
        write_table(table, format, out)
    if note:
        say(note, error=not read)


def write_report(
    document: Mapping[str, Any],
    table: pa.Table,
    show: Callable[[], None],
    format: Format = "table",
    out: str | Path | None = None,
) -> None:
    """Write what is more than one table: for a reader, as one JSON object, or its rows alone.

    Args:
        document: all of it, in plain values; what ``json`` is.
        table: its rows; what the other formats are.
        show: prints it for a reader; what ``table`` is.
        format: one of `Format`.
        out: file to write; None is standard output.

    Raises:
        ZooError: as for `write_table`.
    """
    if format not in ("table", "json"):
        write_table(table, format, out)
        return
    with _opened(out) as stream:
        if format == "json":
            write_document(dict(document), stream)
        else:
            with redirect_stdout(stream):
                show()
    if out is not None:
        say(f"written to {out}", error=True)


def write_summary(
    summary: Mapping[str, Any],
    show: Callable[[], None],
    format: Format = "table",
    out: str | Path | None = None,
) -> None:
    """Write what a run says of itself: for a reader, as one JSON object, or its numbers as a row.

    Args:
        summary: all of it, in plain values.
        show: prints it for a reader.
        format: one of `Format`.
        out: file to write; None is standard output.

    Raises:
        ZooError: as for `write_table`.
    """
    plain = {name: value for name, value in summary.items() if isinstance(value, _PLAIN)}
    write_report(summary, pa.Table.from_pylist([plain]), show, format, out)


@contextmanager
def _opened(out: str | Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout  # a closed pipe is not this function's to explain
    else:
        with _explained(out), open(out, "w", encoding="utf-8", newline="") as stream:
            yield stream


@contextmanager
def _explained(out: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ZooError(f"cannot write {out}: {error.strerror or error}") from error
