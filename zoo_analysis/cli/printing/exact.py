"""Tables for machines, exact to the last digit, and for Markdown."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, TextIO

import pyarrow as pa

from zoo_analysis.cli.printing.cells import brief, exact_text, is_number, json_value, values_of
from zoo_analysis.texts import printable

#: What is markup in Markdown: an underscore between letters is none, nor are brackets without (.
_MARKUP: Final = re.compile(r"[\\`*<|~&]|\](?=\()|(?<![^\W_])_|_(?![^\W_])")


def write_csv(table: pa.Table, stream: TextIO) -> None:
    """A header and a line a row; on a terminal, without what would steer it."""
    writer = csv.writer(stream, lineterminator="\n")
    shown = printable if stream.isatty() else str
    writer.writerow(map(shown, table.column_names))
    writer.writerows([shown(exact_text(value)) for value in row] for row in _rows(table))


def write_json(table: pa.Table, stream: TextIO) -> None:
    """One list of records."""
    stream.write("[")
    for index, record in enumerate(_records(table, stream)):
        stream.write((",\n " if index else "\n ") + record)
    stream.write("\n]\n" if len(table) else "]\n")


def write_jsonl(table: pa.Table, stream: TextIO) -> None:
    """A record a line."""
    stream.writelines(f"{record}\n" for record in _records(table, stream))


def write_markdown(table: pa.Table, stream: TextIO) -> None:
    """A table of Markdown, with four significant digits; what is in a cell is no markup."""

    def line(cells: Iterable[str]) -> None:
        stream.write("| " + " | ".join(cells) + " |\n")

    line(map(_literal, map(printable, table.column_names)))
    line("---:" if is_number(column.type) else "---" for column in table.schema)
    for row in _rows(table):
        line(_literal(brief(value)) for value in row)


def _literal(text: str) -> str:
    """A text that Markdown, also with the tables of GitHub's, shows as it is."""
    return _MARKUP.sub(r"\\\g<0>", text)


def write_document(document: dict[str, Any], stream: TextIO) -> None:
    """One JSON object on one line."""
    json.dump(json_value(document), stream, ensure_ascii=stream.isatty(), allow_nan=False)
    stream.write("\n")


def _records(table: pa.Table, stream: TextIO) -> Iterator[str]:
    for row in _rows(table):
        record = {name: json_value(v) for name, v in zip(table.column_names, row, strict=True)}
        yield json.dumps(record, ensure_ascii=stream.isatty(), allow_nan=False)


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(max_chunksize=4096):
        yield from zip(*map(values_of, batch.columns), strict=True)
