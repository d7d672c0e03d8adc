"""Accuracies from anybody's CSV files."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from zoo_analysis.errors import SourceError
from zoo_analysis.sources.card import is_share, percent
from zoo_analysis.sources.ref import Accuracy
from zoo_analysis.sources.reported.fetch import MOST_BYTES, fetched
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
        SourceError: it cannot be read, or something of repo_id, dataset, metric, value is missing.
    """
    if unknown := {*columns, *fixed} - set(_COLUMNS):
        what = f"{', '.join(sorted(unknown))}: unknown"
        raise SourceError(f"{what}; what can be mapped is {', '.join(_COLUMNS)}")
    named = {name: columns.get(name, name) for name in _COLUMNS if name not in fixed}
    needed = [named[name] for name in _COLUMNS[:4] if name in named]
    out = []
    for number, row in enumerate(csv_rows(place, needed), 1):
        found = {name: row.get(column) or None for name, column in named.items()} | dict(fixed)
        metric = str(found["metric"])
        value = percent(metric, csv_value(str(found["value"]), place))
        if is_share(metric):
            check_percent(value, f"{place}: row {number}, {metric} of {found['repo_id']}")
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
    return out


def csv_rows(place: str, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    """The rows of a CSV file in which no needed column is empty.

    Args:
        place: the file or its URL.
        needed: columns that it must have.

    Raises:
        SourceError: it cannot be read, or lacks a column.
    """
    reader = csv.DictReader(io.StringIO(_text(place)))
    present = reader.fieldnames or ()
    if missing := [column for column in needed if column not in present]:
        has = ", ".join(present) or "none"
        raise SourceError(f"{place}: no column {', '.join(missing)}; it has {has}: use --map")
    for row in reader:
        if all(row[column] for column in needed):
            yield row


def _text(place: str) -> str:
    if "://" in place:
        return fetched(place)
    try:
        with Path(place).expanduser().open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise SourceError(f"{place}: larger than {MOST_BYTES >> 20} MiB; split the table")
        return raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise SourceError(f"{place}: cannot be read ({error})") from error


def csv_value(text: str, place: str) -> float:
    """The number in a cell: ``75.1``, ``75.1%`` or ``1,013.01``.

    Raises:
        SourceError: it is none.
    """
    try:
        return float(text.replace(",", "").strip().removesuffix("%"))
    except ValueError as error:
        raise SourceError(f"{place}: {text!r} is no number; map another column to value") from error


def check_percent(value: float, where: str) -> None:
    """Refuse a number that cannot be a percentage of a whole.

    Args:
        value: as the table has it.
        where: its table, row and column, for errors.

    Raises:
        SourceError: it is below 0, above 100 or no number.
    """
    if not 0 <= value <= 100:
        raise SourceError(f"{where}: {value:g} is not within 0 and 100 percent; correct the table")


def check_unit(values: Iterable[float | None], where: str) -> None:
    """Refuse a column of percent that holds fractions: not one value in it is above 1.

    Args:
        values: of the column, in percent unless they are fractions.
        where: its table and name, for errors.

    Raises:
        SourceError: all are at most 1; names the first of them.
    """
    numbers = {row: value for row, value in enumerate(values, 1) if value is not None}
    if numbers and max(numbers.values()) <= 1 and any(numbers.values()):
        row, value = next(iter(numbers.items()))
        raise SourceError(
            f"{where}: no value is above 1 (row {row}: {value:g}), so they seem to be fractions; "
            "write percent, and errors below one percent as accuracies"
        )


def _collect(asked: Inquiry) -> list[Accuracy]:
    tables = (any_csv(place, asked.columns, asked.fixed) for place in asked.places)
    return [accuracy for table in tables for accuracy in table]


SOURCE = AccuracySource("csv", _collect, "places")
