"""The estimates of a study, and the outcome they make."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from zoo_analysis.store.schemas import STUDIES
from zoo_analysis.studies.study import Outcome

_NAN = float("nan")
_SCHEMA = pa.schema(
    [f for f in STUDIES if f.name not in ("study", "run_id", "seeds", "computed_at")]
)


@dataclass(frozen=True)
class Estimate:
    """One number that a study found; NaN for what cannot be said.

    Attributes:
        group: of what: networks, series, inputs, ….
        quantity: what the number is.
        measure: of which measure or metric.
        n: of what it rests on: pairs, models or networks, as the study says.
        value: the number.
        low, high: its 95 % interval.
        p_value: two-sided, of the null hypothesis that the quantity has.
    """

    group: str
    quantity: str
    measure: str
    n: int
    value: float
    low: float = _NAN
    high: float = _NAN
    p_value: float = _NAN


def outcome(
    estimates: Sequence[Estimate],
    seen: bool | None,
    verdict: str,
    similarities: pa.Table | None = None,
) -> Outcome:
    """A study's outcome; every row of its table carries the verdict.

    Args:
        estimates: in the order in which they are shown.
        seen: whether the published finding is seen; None where this cannot be said.
        verdict: in one sentence, with the deciding numbers.
        similarities: rows for the table of that name.
    """
    rows = [
        {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(estimate).items()
        }
        | {"seen": seen, "verdict": verdict}
        for estimate in estimates
    ]
    return Outcome(pa.Table.from_pylist(rows, schema=_SCHEMA), seen, verdict, similarities)
