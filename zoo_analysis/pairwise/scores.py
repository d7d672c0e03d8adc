"""Numbers of a compared pair of models."""

from dataclasses import dataclass
from typing import Any

from zoo_analysis.similarity.measure import Measure


@dataclass(frozen=True)
class Score:
    """One number of a pair: of two layers, or of the models as wholes where these are None.

    Attributes:
        value: None where the two cannot be compared by this measure.
        n_samples: rows that were compared.
        value_ab: from a's side, where the measure tells sides apart.
        value_ba: from b's.
    """

    layer_a: str | None
    layer_b: str | None
    value: float | None
    n_samples: int
    value_ab: float | None = None
    value_ba: float | None = None


@dataclass(frozen=True)
class Scores:
    """All numbers of a pair under one measure.

    Attributes:
        scores: those of layers, and last that of the models.
        reason: why layers, or the models, have none; "" where all have one.
    """

    scores: tuple[Score, ...]
    reason: str = ""


def nothing(reason: str) -> Scores:
    """Of models that cannot be compared."""
    return Scores((Score(None, None, None, 0),), reason)


def directed(measure: Measure, x: Any, y: Any) -> tuple[float, float | None, float | None]:
    """A measure of two prepared arrays: its value, and from either side if these differ."""
    forth = measure.compare(x, y)
    if measure.symmetric:
        return forth, None, None
    back = measure.compare(y, x)
    return (forth + back) / 2, forth, back
