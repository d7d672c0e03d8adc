"""Models that are measured where they are opened, and the rows of many of them together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo_analysis.spectra.methods import Method
from zoo_analysis.store.model_rows import ModelRows, Tables, assemble_each
from zoo_analysis.store.records import table_of

if TYPE_CHECKING:
    from zoo_analysis.measure.rows import RowsOfLayers
    from zoo_analysis.weights.layers.inventory import LeftOut


@dataclass(frozen=True)
class SmallModel:
    """A model that was measured where it was opened.

    Attributes:
        model: its columns of `models`.
        rows: of its layers.
        left_out: its tensors that no layer is made of.
    """

    model: Mapping[str, object]
    rows: "RowsOfLayers"
    left_out: "Sequence[LeftOut]"


def assembled(models: Mapping[int, SmallModel], how: Method) -> tuple[Tables, dict[int, Exception]]:
    """Rows of all models whose rows fit the tables, and why the others' do not, by number."""
    if not models:
        return {}, {}
    from zoo_analysis.measure.rows import as_tables
    from zoo_analysis.weights.layers.inventory import LeftOut

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
    books = table_of(LeftOut, (tensor for each in models.values() for tensor in each.left_out))
    rows, start = [], 0
    for each, found in zip(models.values(), made, strict=True):
        left_out = books.slice(start, len(each.left_out))
        rows.append(ModelRows(each.model, how.id, found.layers, found.esds, left_out=left_out))
        start += len(left_out)
    tables, bad = assemble_each(rows)
    numbers = list(models)
    return tables, {numbers[place]: error for place, error in bad.items()}
