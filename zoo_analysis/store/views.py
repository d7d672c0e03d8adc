"""The views of `queries/views`, and the averages that they define of layers not in a store."""

import re
from pathlib import Path

import duckdb
import pyarrow as pa

from zoo_analysis.folders import data_dir
from zoo_analysis.store.schemas import SUMMARY_METRICS


def view_scripts() -> list[str]:
    """SQL that makes the views over the tables of schema ``raw``, in the order to be run."""
    return [_read(path) for path in sorted(_folder().glob("*.sql"))]


def view_names() -> list[str]:
    """Names of the views that are asked: all but those of schema ``raw``."""
    found = re.findall(r"^CREATE VIEW (\w+) AS", "".join(view_scripts()), re.MULTILINE)
    return sorted(found)


def average(layers: pa.Table) -> dict[str, float | None]:
    """Averages of one model's metrics over its layers, as the view `summaries` has them.

    Args:
        layers: rows of the `layers` table, as `zoo_analysis.analyze` returns them.

    Returns:
        Every averaged metric's mean over the layers that count; None where none of them has it.
    """
    connection = duckdb.connect(config={"python_enable_replacements": False})
    connection.register("analyzed", layers)
    connection.execute("CREATE SCHEMA raw; CREATE VIEW raw.layers AS FROM analyzed")
    connection.execute(_read(_folder() / "15_counted_layers.sql"))
    means = ", ".join(f"avg({metric})" for metric in SUMMARY_METRICS)
    (row,) = connection.execute(f"SELECT {means} FROM raw.averaged_layers").fetchall()
    return dict(zip(SUMMARY_METRICS, row, strict=True))


def _folder() -> Path:
    return data_dir("queries") / "views"


def _read(path: Path) -> str:
    """A script, each line with ``{metric}`` written out for every averaged metric."""
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        every = [line.replace("{metric}", metric) for metric in SUMMARY_METRICS]
        lines += every if "{metric}" in line else [line]
    return "".join(lines)
