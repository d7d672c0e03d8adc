"""WeightWatcher's results: its `details` (one row a layer) and its summary (one row a model).

Tables of all its versions are read, 0.2 to 0.7. Those before 0.4 have rows of two levels: each
slice of a convolution, and each layer as a whole, the mean of its slices.
"""

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from zoo_analysis.errors import SourceError
from zoo_analysis.imports.levels import LEVEL, Level
from zoo_analysis.imports.metric_tables import (
    NO_ESDS,
    Imported,
    averaged_model,
    digest,
    numeric,
    read_columns,
)
from zoo_analysis.store import ModelRows
from zoo_analysis.store.records import table_of
from zoo_analysis.store.row_kinds.accuracy import Accuracy
from zoo_analysis.store.schemas import LAYERS, METRICS, SUMMARY_METRICS
from zoo_analysis.texts import storable

if TYPE_CHECKING:
    import pandas as pd

#: Its names → ours, where they differ; the lower half are those of 0.2.
_RENAMED: Final = {
    "rand_num_spikes": "num_rand_spikes",
    "softrank_mp": "mp_softrank",
    "spectral_norm": "lambda_max",
    "lognorm": "log_norm",
    "spectralnorm": "lambda_max",
    "logspectralnorm": "log_spectral_norm",
    "logpnorm": "log_alpha_norm",
    "softrank": "stable_rank",
    "numofSpikes": "num_spikes",
}
_KINDS: Final = {"dense": "linear", "embed": "embedding"}
_SIZES: Final = ("N", "M", "Q", "rf", "num_evals")
_KNOWN: Final = ("layer_id", "layer", "kind", *_SIZES, *METRICS.names, "status", "warning")
_NO_ACCURACIES: Final = table_of(Accuracy, [])
#: Bytes of a printed summary.
_LONGEST: Final = 1 << 20
_SUFFIXES: Final = ("_details", "-details", "_summary", "-summary", ".details", ".summary")


def read_weightwatcher(
    path: Path,
    method: str,
    *,
    mapping: Mapping[str, str] | None = None,
    series: str | None = None,
    level: Level = LEVEL,
) -> Imported:
    """One model's `details` or summary, as pandas writes WeightWatcher's results.

    Args:
        path: CSV or Parquet named after the model (``vgg11.csv``, ``vgg11_details.csv``), or a text
            with the summary as Python prints it.
        method: what its metrics were made by.
        mapping: column of the file → name.
        series: of the model.
        level: which rows of an early table are read, layers or slices; what it published as a
            model's averages are means over slices.

    Returns:
        The model with its layers (details) or its averages (summary); no accuracies.

    Raises:
        SourceError: neither of the two.
    """
    printed = path.suffix == ".txt"
    table = _renamed(_printed(path) if printed else read_columns(path, mapping or {}, _KNOWN))
    name = path.stem
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    if "layer_id" in table.columns:
        table, left = _of_level(table, path, level)
        found = _details(table, path, name, method, series)
        return replace(found, ignored=(*found.ignored, *left))
    if not set(SUMMARY_METRICS) & set(table.columns) and len(table.columns) == 2:
        # A summary written as a series: one row a metric.
        keys, values = table.columns
        table = table.set_index(keys)[[values]].T
    metrics = [column for column in SUMMARY_METRICS if column in table.columns]
    if not metrics or len(table) != 1:
        raise SourceError(
            f"{path}: neither WeightWatcher's details (a row a layer, with layer_id) nor one "
            f"summary (one row of {', '.join(SUMMARY_METRICS[:3])}, …): leave out `weightwatcher`"
        )
    averages = {column: numeric(table[column], path)[0] for column in metrics}
    model = averaged_model(name, None, {"series": series}, method, averages)
    ours = {*SUMMARY_METRICS, "Unnamed: 0"}
    return Imported((model,), _NO_ACCURACIES, tuple(c for c in table.columns if c not in ours))


def _printed(path: Path) -> "pd.DataFrame":
    """A summary that was printed, or kept by `str`: a dict of numbers."""
    import pandas as pd

    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
        found = ast.literal_eval(content.decode()) if len(content) <= _LONGEST else None
    except FileNotFoundError as error:
        raise SourceError(f"no file {path}") from error
    except (OSError, ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise SourceError(
            f"{path}: no summary of WeightWatcher's: not a dict of numbers"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(v, int | float) for v in found.values()):
        raise SourceError(f"{path}: no summary of WeightWatcher's: not a dict of numbers")
    return pd.DataFrame([{str(name): value for name, value in found.items()}])


def _renamed(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table with our names, where it does not have them already."""
    names: dict[str, str] = {}
    for theirs, ours in _RENAMED.items():
        if theirs in table.columns and ours not in (*table.columns, *names.values()):
            names[theirs] = ours
    return table.rename(columns=names)


def _of_level(
    table: "pd.DataFrame", path: Path, level: Level
) -> tuple["pd.DataFrame", tuple[str, ...]]:
    """The rows of one level of an early table, and in words what was left out."""
    if "level" not in table.columns:
        if level != LEVEL:
            raise SourceError(f"{path}: no rows of slices; leave the level out")
        return table, ()
    told = table["level"].astype(str).str.upper().str.endswith(level.upper())
    kept, other = table[told], "slice" if level == "layer" else "layer"
    if kept.empty:
        raise SourceError(f"{path}: no rows of level {level}; choose the level {other}")
    left = len(table) - len(kept)
    return kept.drop(columns="level"), (f"{left} rows of level {other}",) if left else ()


def _details(
    table: "pd.DataFrame", path: Path, name: str, method: str, series: str | None
) -> Imported:
    table = table.sort_values("layer_id", kind="stable").reset_index(drop=True)
    named = next((c for c in ("layer", "longname", "name") if c in table.columns), "layer_id")
    columns: dict[str, list[Any]] = {
        "layer": _unique([str(name) for name in table[named].tolist()])
    }
    columns["depth"] = list(range(len(table)))
    told = next((c for c in ("kind", "layer_type") if c in table.columns), None)
    kinds = [] if told is None else [str(kind).lower() for kind in table[told].tolist()]
    ends = [kind.split(".")[-1] for kind in kinds]
    columns["kind"] = [_KINDS.get(end, end) for end in ends] or [None] * len(table)
    for column in (*_SIZES, *METRICS.names):
        if column in table.columns:
            columns[column] = numeric(table[column], path)
    columns["status"] = _texts(table, "status", "success")
    if "alpha" in columns:  # a fit that failed is written as −1
        fits = zip(columns["alpha"], columns["status"], strict=True)
        failed = [alpha is None or alpha <= 0 or told != "success" for alpha, told in fits]
        for column in ("alpha", "alpha_weighted", "log_alpha_norm", "D", "sigma", "xmin"):
            if column in columns:
                fitted = zip(columns[column], failed, strict=True)
                columns[column] = [None if bad else value for value, bad in fitted]
    columns["warning"] = _texts(table, "warning", None)
    schema = pa.schema([field for field in LAYERS if field.name in columns])
    arrays = [_typed(columns[field.name], field, path) for field in schema]
    layers = pa.table(arrays, schema=schema)
    row = {"repo_id": name, "revision": digest(columns), "series": series, "source": "imported"}
    used = {*columns, named, "layer_id", "layer_type", "name", "longname", "level"}
    ignored = tuple(column for column in table.columns if column not in used)
    return Imported((ModelRows(row, method, layers, NO_ESDS),), _NO_ACCURACIES, ignored)


def _typed(values: list[Any], field: pa.Field, path: Path) -> pa.Array:
    if pa.types.is_integer(field.type):
        values = [None if value is None else int(value) for value in values]
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, OverflowError) as error:
        raise SourceError(f"{path}: column {field.name}: {error}") from error


def _texts(table: "pd.DataFrame", column: str, default: str | None) -> list[str | None]:
    if column not in table.columns:
        return [default] * len(table)
    cells = table[column].tolist()
    return [cell if isinstance(cell, str) and cell else default for cell in cells]


def _unique(names: list[str]) -> list[str]:
    """Names made to differ by their position where they do not."""
    names, counts = [storable(name) for name in names], Counter(map(storable, names))
    return [name if counts[name] == 1 else f"{name}#{i}" for i, name in enumerate(names)]
