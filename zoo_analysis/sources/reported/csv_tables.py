"""Accuracies from anybody's CSV files."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from zoo_analysis.errors import SourceError
from zoo_analysis.sources.card import number as csv_number
from zoo_analysis.sources.fetch import fetched, read_table
from zoo_analysis.sources.percents import check_percent, check_unit, is_share
from zoo_analysis.sources.ref import Accuracy
from zoo_analysis.sources.reported.source import AccuracySource, Inquiry

_COLUMNS: Final = ("repo_id", "dataset", "metric", "value", "split", "source_url")


def any_csv(place: str, columns: Mapping[str, str], fixed: Mapping[str, str]) -> list[Accuracy]:
    """Accuracies from a CSV file, whatever its columns are called.

    Args:
        place: the file or its URL.
        columns: its columns by what they are: repo_id, dataset, metric, value, split, source_url;
            those that are missing here have the name of what they are.
        fixed: values of what has no column.

    Raises:
        SourceError: it cannot be read, something of repo_id, dataset, metric, value is missing, or
            shares are not in percent.
    """
    if unknown := {*columns, *fixed} - set(_COLUMNS):
        what = f"{', '.join(sorted(unknown))}: unknown"
        raise SourceError(f"{what}; what can be mapped is {', '.join(_COLUMNS)}")
    named = {name: columns.get(name, name) for name in _COLUMNS if name not in fixed}
    needed = [named[name] for name in _COLUMNS[:4] if name in named]
    out: list[Accuracy] = []
    shares: dict[str, dict[str, float | None]] = {}
    for number, row in csv_rows(place, needed):
        found = {name: row.get(column) or None for name, column in named.items()} | dict(fixed)
        metric, text = str(found["metric"]), str(found["value"])
        value = csv_value(text, f"{place}: {number}, column {named.get('value', 'value')}")
        if is_share(metric):
            check_percent(value, f"{place}: {number}, {metric} of {found['repo_id']}")
            if "%" not in text:
                shares.setdefault(metric, {})[number] = value
        out.append(
            Accuracy(
                repo_id=str(found["repo_id"]),
                dataset=str(found["dataset"]),
                metric=metric,
                value=value,
                source=f"csv:{Path(urlsplit(place).path).name}",
                split=found.get("split"),
                source_url=found.get("source_url"),
            )
        )
    for metric, values in shares.items():
        check_unit(values, f"{place}: {metric}")
    return out


def csv_rows(place: str, needed: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file in which no needed column is empty, each with its number.

    Args:
        place: the file or its URL.
        needed: columns that it must have.

    Raises:
        SourceError: it cannot be read, or lacks a column.
    """
    try:
        reader = csv.DictReader(io.StringIO(_text(place)))
        present = reader.fieldnames or ()
        rows = list(reader)
    except csv.Error as error:
        raise SourceError(f"{place}: is no CSV: {error}") from error
    if missing := [column for column in needed if column not in present]:
        has = ", ".join(present) or "none"
        raise SourceError(f"{place}: no column {', '.join(missing)}; it has {has}: see `columns`")
    for number, row in enumerate(rows, 1):
        if all(row[column] for column in needed):
            yield f"row {number}", row


def _text(place: str) -> str:
    if "://" in place:
        return fetched(place)
    try:
        return read_table(Path(place).expanduser()).decode("utf-8-sig")
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceError(f"{place}: cannot be read ({error})") from error


def csv_value(text: str, place: str) -> float:
    """The number in a cell: ``75.1``, ``75.1%`` or ``1,013.01``.

    Raises:
        SourceError: it is none.
    """
    number = csv_number(text.replace(",", ""))
    if number is None:
        raise SourceError(f"{place}: {text[:80]!r} is no number; map another column to value")
    return number


def _collect(asked: Inquiry) -> list[Accuracy]:
    tables = (any_csv(place, asked.columns, asked.fixed) for place in asked.places)
    return [accuracy for table in tables for accuracy in table]


SOURCE = AccuracySource(
    "csv", _collect, "places", "Any table: --map names its columns, --set what none of them says."
)
