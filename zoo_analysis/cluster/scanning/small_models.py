"""Models that are measured where they are opened, and the rows of many of them together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from zoo_analysis.spectra.methods import Method
from zoo_analysis.store.model_rows import ModelRows, Tables, assemble_each

if TYPE_CHECKING:
    from zoo_analysis.measure.rows import RowsOfLayers


@dataclass(frozen=True)
class SmallModel:
    """A model that was measured where it was opened.

    Attributes:
        model: its columns of `models`.
        rows: of its layers.
        left_out: its rows of that table.
    """

    model: Mapping[str, object]
    rows: "RowsOfLayers"
    left_out: pa.Table


def assembled(models: Mapping[int, SmallModel], how: Method) -> tuple[Tables, dict[int, Exception]]:
    """Rows of all models whose rows fit the tables, and why the others' do not, by number."""
    if not models:
        return {}, {}
    from zoo_analysis.measure.rows import as_tables

    bad: dict[int, Exception] = {}
    try:
        made = as_tables([each.rows for each in models.values()])
    except Exception:
        for number, each in models.items():
            try:
                as_tables([each.rows])
            except Exception as error:
                bad[number] = error
        if not bad:
            raise
        tables, unfit = assembled({n: each for n, each in models.items() if n not in bad}, how)
        return tables, bad | unfit
    rows = [
        ModelRows(each.model, how.id, found.layers, found.esds, left_out=each.left_out)
        for each, found in zip(models.values(), made, strict=True)
    ]
    tables, bad = assemble_each(rows)
    numbers = list(models)
    return tables, {numbers[place]: error for place, error in bad.items()}
