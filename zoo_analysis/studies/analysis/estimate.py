"""The estimates of a study, and the outcome they make."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from zoo_analysis.store.records import table_of
from zoo_analysis.store.runs import made_by
from zoo_analysis.store.schemas import STUDIES
from zoo_analysis.studies.study import Outcome

_NAN = float("nan")


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

    def interval(self, form: str) -> str:
        """Its interval in words, each bound in a format such as ``+.2f``."""
        if math.isnan(self.low):
            return "too few networks for an interval"
        return f"{self.low:{form}} to {self.high:{form}}"


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
    table = made_by(table_of(Estimate, estimates), STUDIES, seen=seen, verdict=verdict)
    return Outcome(table, seen, verdict, similarities)
