"""Scores against chance: the samples of one model permuted, for all its layers alike."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.activations.layer_activations import Captured
from zoo_analysis.activations.pooling import PUBLISHED_IMAGES
from zoo_analysis.pairwise.scores import Score, Scores
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.null_calibration import calibrated, orders


def sample_orders(
    captured: Captured, settings: ComparisonSettings, permutations: int
) -> Iterator[NDArray[np.int64]]:
    """Permutations of images, or of words, the same for all models that saw as many.

    Args:
        captured: what a model made of a probe.
        settings: of these depends which images are compared.
        permutations: how many.
    """
    published = settings.neurons == "published" and all(
        layer.values.ndim == 4 for layer in captured.layers
    )
    n = min(captured.n, PUBLISHED_IMAGES) if published else captured.n
    return orders(n, permutations)


def row_order(order: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """Rows (samples × positions) as their samples are permuted: positions stay together, in order.

    Args:
        order: of the samples.
        rows: a multiple of their number.
    """
    positions = rows // len(order)
    return (order[:, None] * positions + np.arange(positions)).ravel()


class CalibratedScores:
    """Scores of two models, calibrated by those after permutations.

    Args:
        found: scores of the samples as they are.
        measure: that they are of.
    """

    def __init__(self, found: Scores, measure: Measure) -> None:
        self._found, self._measure = found, measure
        self._null: list[list[float]] = []

    def add(self, permuted: Scores) -> None:
        """The scores after one permutation, the models' own computed anew from their layers'."""
        values = {score[:2]: score.value for score in permuted.scores}
        found = (values.get(score[:2]) for score in self._found.scores)
        self._null.append([np.nan if value is None else value for value in found])

    def scores(self) -> Scores:
        """The scores with their p-values and calibrated values."""
        scores = self._found.scores
        if scores[-1].value is None:
            return self._found
        values = np.array([score.value for score in scores], np.float64)
        against = calibrated(values, self._null, self._measure)
        columns = against.p_value.tolist(), against.score.tolist()
        return Scores(
            tuple(
                Score(*score[:6], p, value, len(self._null))
                for score, p, value in zip(scores, *columns, strict=True)
            ),
            self._found.reason,
        )
