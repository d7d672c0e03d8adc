"""Tables without rows: what each would hold, and what makes some."""

import re
from collections.abc import Mapping
from typing import Final

from zoo_analysis.store import Store

REPORTED: Final = "sync some: zoo accuracies sync"
COMPARED: Final = "compare some: zoo correlate"
SCANNED: Final = "scan one: zoo scan SOURCE"
_MODEL: Final = ("model", SCANNED)
_LAYER: Final = ("layer", SCANNED)

#: Tables and views by name: a word for their rows, and what makes some.
TABLES: Final[Mapping[str, tuple[str, str]]] = {
    "models": _MODEL,
    "commits": _MODEL,
    "latest": _MODEL,
    "summaries": _MODEL,
    "metric_values": _MODEL,
    "clear_summaries": ("model with clear tails", SCANNED),
    "layers": _LAYER,
    "whole_layers": _LAYER,
    "network_layers": _LAYER,
    "averaged_layers": ("fitted layer", SCANNED),
    "clear_layers": ("layer with a clear tail", SCANNED),
    "esds": ("spectrum", SCANNED),
    "left_out": ("tensor left out", ""),
    "scans": ("scan", "scan something: zoo scan SOURCE"),
    "failures": ("failure", ""),
    "rates": ("measured machine", "measure them: zoo plan --calibrate"),
    "accuracies": ("reported accuracy", REPORTED),
    "accuracy": ("reported accuracy", REPORTED),
    "assigned_series": ("series that was set", "set one: zoo series set SERIES MODEL..."),
    "averages": ("imported average", "import some: zoo import FILE"),
    "similarities": ("comparison of models", COMPARED),
    "likeness": ("comparison of models", COMPARED),
    "layer_likeness": ("comparison of layers", COMPARED),
    "releases": ("release", "look for some: zoo track WATCH.toml"),
    "studies": ("estimate of a study", "run one: zoo study NAME (zoo studies lists them)"),
    "regressions": ("kept regression", "keep some: zoo regress --keep"),
    "predictions": ("prediction", "make some: zoo predict"),
    "forecasts": ("prediction", "make some: zoo predict"),
    "lineage": ("lineage", "tell it: zoo lineage --all"),
    "checkpoints": (
        "checkpoint of a training run",
        "scan some: zoo scan run/checkpoint-*",
    ),
}


def why_tables_are_empty(store: Store, sql: str) -> str | None:
    """The words for the first table that a statement reads in vain; None where all have rows.

    A table that is joined by a LEFT JOIN leaves no answer empty.

    Args:
        store: that was asked.
        sql: a SELECT.
    """
    for table in re.findall(r"(?<!LEFT )\b(?:FROM|JOIN)\s+(\w+)", sql, re.IGNORECASE):
        if told := why_table_is_empty(store, table.lower()):
            return told
    return None


def why_table_is_empty(store: Store, table: str) -> str | None:
    """The words for a table without rows; None where it has some, or is none."""
    if table not in TABLES or store.run(f"SELECT 1 FROM {table} LIMIT 1").num_rows:
        return None
    what, remedy = TABLES[table]
    return f"the store holds no {what}" + (f"; {remedy}" if remedy else "")
