"""Numbers of a compared pair of models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from zoo_analysis.errors import SimilarityError
from zoo_analysis.pairwise.settings import Key
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.whole import LayerPairs
from zoo_analysis.store.schemas import SIMILARITIES

T = TypeVar("T")

#: Rows of `SIMILARITIES` as a worker makes them; whose run they are of is added later.
ROWS = pa.schema([field for field in SIMILARITIES if field.name not in ("run_id", "computed_at")])


class Score(NamedTuple):
    """One number of a pair: of two layers, or of the models as wholes where these are None.

    Attributes:
        value: None where the two cannot be compared by this measure.
        n_samples: rows that were compared.
        value_ab: from a's side, where the measure tells sides apart.
        value_ba: from b's.
        p_value: by permutation of a's samples; None where it was not asked for.
        calibrated: the part of the way from chance to the best value (`null_calibration`).
        permutations: that these are from.
    """

    layer_a: str | None
    layer_b: str | None
    value: float | None
    n_samples: int
    value_ab: float | None = None
    value_ba: float | None = None
    p_value: float | None = None
    calibrated: float | None = None
    permutations: int | None = None


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
    """The scores of models that cannot be compared."""
    return Scores((Score(None, None, None, 0),), reason)


def layer_scores(
    measure: Measure,
    layers_a: Sequence[str],
    layers_b: Sequence[str],
    prepared: Callable[[int, int], tuple[Any, Any] | None],
    n_samples: Callable[[int, int], int],
    n_whole: int | None = None,
    *,
    distance: bool = True,
    among: Sequence[tuple[int, int]] | None = None,
) -> Scores:
    """The scores of two models' layers and, as the measure makes it of these, of the models.

    Args:
        measure: of activations or weights.
        layers_a: names of one model's layers.
        layers_b: of the other's.
        prepared: as `LayerPairs.prepared`; what it cannot prepare raises `SimilarityError`.
        n_samples: rows that are compared of a layer of either, by their numbers.
        n_whole: samples of the models' score; the sum over the layers' where None.
        distance: as `LayerPairs.distance`.
        among: as `LayerPairs.among`.
    """
    reasons: list[str] = []

    def tried(function: Callable[..., T]) -> Callable[..., T | None]:
        def call(*arguments: Any) -> T | None:
            try:
                return function(*arguments)
            except SimilarityError as error:
                reasons.append(str(error))
                return None

        return call

    shape = len(layers_a), len(layers_b)
    pairs = LayerPairs(
        shape, tried(prepared), tried(measure.both_ways), measure.higher, distance, among
    )
    try:
        whole, layers = measure.whole(pairs)
    except SimilarityError as error:
        return nothing((reasons or [str(error)])[-1])
    scores = [
        Score(layers_a[i], layers_b[j], found.value, n_samples(i, j), *found[1:])
        for (i, j), found in layers.items()
    ]
    n = sum(score.n_samples for score in scores) if n_whole is None else n_whole
    return Scores((*scores, Score(None, None, whole.value, n, *whole[1:])), (reasons or [""])[-1])


def similarity_rows(
    a: tuple[str, str | None],
    b: tuple[str, str | None],
    found: Sequence[tuple[Key, Sequence[Score]]],
) -> pa.Table:
    """Rows of the table `similarities`, less whose run they are of.

    Args:
        a: repo_id and revision of one model.
        b: those of the other.
        found: numbers of the two, and how they were made.
    """
    scores = [score for _, scores in found for score in scores]
    keys = [key for key, scores in found for _ in scores]
    columns: dict[str, Any] = {
        name: column
        for fields, rows in ((Score._fields, scores), (Key._fields, keys))
        for name, column in zip(fields, map(list, zip(*rows, strict=True)), strict=True)
    }
    models = ("repo_id_a", "revision_a", "repo_id_b", "revision_b")
    for name, text in zip(models, (*a, *b), strict=True):
        columns[name] = pa.repeat(pa.scalar(text, pa.string()), len(scores))
    return pa.table([columns[field.name] for field in ROWS], schema=ROWS)
