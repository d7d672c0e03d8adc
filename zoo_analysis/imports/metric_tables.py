"""Metric tables computed elsewhere, as rows of the store: model averages and accuracies."""

import csv
import hashlib
import io
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from zoo_analysis.errors import SourceError
from zoo_analysis.lookup import near
from zoo_analysis.sources.fetch import read_table
from zoo_analysis.sources.parquet_tables import MOST_COLUMNS, flat_table
from zoo_analysis.sources.percents import check_percent, check_unit
from zoo_analysis.store import ModelRows
from zoo_analysis.store.records import table_of
from zoo_analysis.store.row_kinds.accuracy import Accuracy
from zoo_analysis.store.schemas import (
    COMMIT_ID,
    ESD_ROWS,
    LAYER_ROWS,
    MODELS,
    SUMMARY_METRICS,
)
from zoo_analysis.texts import storable

if TYPE_CHECKING:
    import pandas as pd

#: Column → (accuracy, whether it is an error, 100 − accuracy). "accuracy" is top-1, in percent.
_ACCURACIES: Mapping[str, tuple[str, bool]] = {
    "accuracy": ("accuracy", False),
    "top1": ("accuracy", False),
    "top1_error": ("accuracy", True),
    "top5": ("top5", False),
    "top5_error": ("top5", True),
}
_MODEL = tuple(
    name for name in MODELS.names if name not in ("repo_id", "revision", "source", COMMIT_ID)
)
#: Columns that name a model; columns of text.
_NAMES = ("model", "repo_id")
_TEXTS = {
    *_NAMES,
    "revision",
    "dataset",
    *(field.name for field in MODELS if pa.types.is_string(field.type)),
}
#: Cells that are empty, in columns that do not name a model.
_EMPTY = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None")
#: Columns that mean something here.
KNOWN = ("model", "revision", "dataset", *_MODEL, *SUMMARY_METRICS, *_ACCURACIES)
NO_LAYERS, NO_ESDS = LAYER_ROWS.empty_table(), ESD_ROWS.empty_table()


@dataclass(frozen=True)
class Imported:
    """The models and accuracies of one file.

    Attributes:
        models: one for each model that has metrics.
        accuracies: columns of `Accuracy`.
        ignored: columns that mean nothing here.
    """

    models: tuple[ModelRows, ...]
    accuracies: pa.Table
    ignored: tuple[str, ...] = ()


def read_columns(path: Path, mapping: Mapping[str, str], known: Sequence[str]) -> "pd.DataFrame":
    """A CSV or Parquet file with its columns renamed.

    Args:
        path: of the file; ``.parquet`` is Parquet, all else CSV.
        mapping: column of the file → name.
        known: names that a column can be mapped to.

    Raises:
        SourceError: the file cannot be read, or the mapping does not fit it.
    """
    import pandas as pd

    try:
        content = io.BytesIO(read_table(path))
        if path.suffix == ".parquet":
            table: pd.DataFrame = flat_table(content, path).to_pandas()
        else:
            table = _csv(content, path, mapping)
    except FileNotFoundError as error:
        raise SourceError(f"no file {path}") from error
    except (OSError, ValueError, pa.ArrowException) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{path}: not a table: {why}") from error
    table.columns = pd.Index([str(name).strip() for name in table.columns])
    if twice := [name for name, count in Counter(table.columns).items() if count > 1]:
        raise SourceError(f"{path}: two columns are called {storable(twice[0])!r}; rename one")
    for column, name in mapping.items():
        if column not in table.columns:
            raise SourceError(f"{path}: no column {column!r}; {_near(column, list(table.columns))}")
        if name not in known:
            raise SourceError(
                f"`mapping` {column}={name}: {name!r} is unknown; {_near(name, known)}"
            )
    # The column that is mapped to a name is meant, whatever else was called that.
    shadowed = [n for n in mapping.values() if n in table.columns and n not in mapping]
    table = table.drop(columns=shadowed).rename(columns=dict(mapping))
    if not len(table):
        raise SourceError(f"{path}: no rows")
    return table


def _csv(content: io.BytesIO, path: Path, mapping: Mapping[str, str]) -> "pd.DataFrame":
    """A CSV file whose names stay what they are: 007 is no number, and a model may be called NA."""
    import pandas as pd

    lines = io.TextIOWrapper(content, "utf-8", "replace", newline="")
    with suppress(csv.Error):  # pandas says what it is
        header, first = (*map(len, islice(filter(None, csv.reader(lines)), 2)), 0, 0)[:2]
        if max(header, first) > MOST_COLUMNS:
            raise SourceError(f"{path}: more than {MOST_COLUMNS:,} columns; leave some out")
        if first > header:  # of which pandas takes the first ones to be names of rows
            raise SourceError(f"{path}: row 1 has {first} cells, and the header names {header}")
    lines.detach()
    content.seek(0)
    names = {column: column.strip() for column in pd.read_csv(content, nrows=0).columns}
    content.seek(0)
    meant = {column: mapping.get(name, name) for column, name in names.items()}
    texts = {column for column, name in meant.items() if name in _TEXTS}
    empty = {c: [""] if c in texts and meant[c] in _NAMES else list(_EMPTY) for c in names}
    return pd.read_csv(
        content, dtype=dict.fromkeys(texts, str), na_values=empty, keep_default_na=False
    )


def read_averages(
    path: Path,
    method: str,
    *,
    mapping: Mapping[str, str] | None = None,
    series: str | None = None,
    dataset: str | None = None,
) -> Imported:
    """Model averages, accuracies or both: one row a model (and data set).

    Args:
        path: CSV or Parquet with a column `model`; `series`, `dataset`, the metrics of
            `summaries`, and `accuracy`, `top1`, `top1_error`, `top5` or `top5_error` in percent.
        method: what the metrics were made by.
        mapping: column of the file → one of these names.
        series: of models whose row names none.
        dataset: of accuracies whose row names none.

    Raises:
        SourceError: an unreadable file, no model column, nothing known in it, accuracies of no
            data set, outside 0 and 100 or all of them fractions, or one model with two different
            rows of metrics.
    """
    mapping = dict(mapping or {})
    table = read_columns(path, mapping, (*KNOWN, "repo_id"))
    table = table.rename(columns={} if "model" in table.columns else {"repo_id": "model"})
    if "model" not in table.columns:
        raise SourceError(f"{path}: no column model: name it with `mapping` COLUMN=model")
    metrics = [name for name in SUMMARY_METRICS if name in table.columns]
    reported = [name for name in _ACCURACIES if name in table.columns]
    if not metrics and not reported:
        raise SourceError(
            f"{path}: neither a metric ({', '.join(SUMMARY_METRICS)}) nor an accuracy "
            f"({', '.join(_ACCURACIES)}) among its columns {', '.join(table.columns)}: "
            "name them with `mapping` COLUMN=NAME"
        )
    numbers = {name: numeric(table[name], path) for name in metrics}
    numbers |= {name: numeric(table[name], path, finite=True) for name in reported}
    for column in reported:
        by_row = {f"row {i}": value for i, value in enumerate(numbers[column], 1)}
        check_unit(by_row, f"{path}: column {column}")
    models: dict[str, ModelRows] = {}
    accuracies: list[Accuracy] = []
    for i, row in enumerate(table.to_dict("records")):
        name = _text(row["model"])
        if name is None:
            raise SourceError(f"{path}: row {i + 1} has no model")
        values = {metric: numbers[metric][i] for metric in metrics}
        if any(value is not None for value in values.values()):
            model = {key: _cell(row[key]) for key in _MODEL if key in row}
            model["series"] = model.get("series") or series
            rows = averaged_model(name, _text(row.get("revision")), model, method, values)
            if models.setdefault(name, rows).averages != rows.averages:
                raise SourceError(f"{path}: {name} has two rows with different metrics")
        for column in reported:
            if (value := numbers[column][i]) is None:
                continue
            check_percent(value, f"{path}: row {i + 1}, {column} of {name}")
            kind, error = _ACCURACIES[column]
            data = _text(row.get("dataset")) or dataset
            if data is None:
                raise SourceError(
                    f"{path}: {column} of {name} is on no data set: add a column dataset, "
                    "or say `dataset`"
                )
            percent = round(100 - value, 10) if error else value
            accuracies.append(
                Accuracy(repo_id=name, dataset=data, metric=kind, value=percent, source=path.name)
            )
    return Imported(
        tuple(models.values()),
        table_of(Accuracy, accuracies),
        tuple(name for name in table.columns if name not in KNOWN),
    )


def averaged_model(
    repo_id: str,
    revision: str | None,
    model: Mapping[str, Any],
    method: str,
    averages: Mapping[str, float | None],
) -> ModelRows:
    """A model of which only averages are known; its revision is their hash unless it is given."""
    row = {**model, "repo_id": repo_id, "revision": revision or digest(averages)}
    return ModelRows({**row, "source": "imported"}, method, NO_LAYERS, NO_ESDS, averages)


def digest(values: object) -> str:
    """Twelve hex digits that change with the values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def numeric(column: "pd.Series[Any]", path: Path, finite: bool = False) -> list[float | None]:
    """A column's numbers; None for what is empty, NaN or, unless `finite`, infinite.

    Raises:
        SourceError: a cell is not a number; names it.
    """
    numbers: list[float | None] = []
    for i, cell in enumerate(column.tolist()):
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            numbers.append(None)
            continue
        try:
            value = float(cell.strip().removesuffix("%") if isinstance(cell, str) else cell)
            if finite and math.isinf(value):
                raise ValueError
        except (TypeError, ValueError, OverflowError) as error:
            raise SourceError(
                f"{path}: row {i + 1}, column {column.name}: {str(cell)[:80]!r} is not a number"
            ) from error
        numbers.append(value if math.isfinite(value) else None)
    return numbers


def _cell(value: Any) -> Any:
    """A value as the model's row takes it: plain, and None where it is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.item() if hasattr(value, "item") else value


def _text(value: Any) -> str | None:
    plain = _cell(value)
    return str(plain).strip() or None if plain is not None else None


def _near(name: str, known: Sequence[str]) -> str:
    return near(name, known, f"there are: {', '.join(known)}", most=2)
