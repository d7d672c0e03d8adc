"""Similarity of whole networks, from what their layers have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from zoo_analysis.errors import SimilarityError

#: The meaning of a higher value.
Higher = Literal["more alike", "less alike"]

NOTHING_IN_COMMON = (
    "none of {} layers can be compared with one of the other model's {}: choose other layers, or "
    "the full mode"
)


class Similarity(NamedTuple):
    """The similarity of A and B, two layers or two networks, by some measure.

    Attributes:
        value: the mean of both sides, where the measure tells them apart.
        value_ab: as seen from A; None where it does not.
        value_ba: as seen from B.
    """

    value: float
    value_ab: float | None = None
    value_ba: float | None = None


#: Similarities of layers of A and of B, by their numbers from 0.
LayerSimilarities = dict[tuple[int, int], Similarity]


@dataclass(frozen=True)
class LayerPairs:
    """The layers of two networks A and B, to be compared pair by pair.

    Attributes:
        shape: number of layers of A and of B.
        prepared: a layer of A and one of B, by their numbers from 0, both as `Measure.prepare`
            returns them; None of two that are not compared.
        compare: the similarity of two prepared layers; None where there is none.
        higher: as `Measure.higher`.
        distance: whether a score falls with the distance of the layers, where the measure has such
            a penalty.
        among: the pairs that come into question; all where None.
    """

    shape: tuple[int, int]
    prepared: Callable[[int, int], tuple[Any, Any] | None]
    compare: Callable[[Any, Any], Similarity | None]
    higher: Higher
    distance: bool = True
    among: Sequence[tuple[int, int]] | None = None

    def similarities(self) -> LayerSimilarities:
        """Similarities of all pairs of layers that can be compared.

        Raises:
            SimilarityError: there is none.
        """
        found: LayerSimilarities = {}
        for i, j in product(*map(range, self.shape)) if self.among is None else self.among:
            arrays = self.prepared(i, j)
            similarity = None if arrays is None else self.compare(*arrays)
            if similarity is not None:
                found[i, j] = similarity
        if not found:
            raise SimilarityError(NOTHING_IN_COMMON.format(*self.shape))
        return found


#: The similarity of two networks, and those of their layers.
Whole = Callable[[LayerPairs], tuple[Similarity, LayerSimilarities]]


def by_best_match(pairs: LayerPairs) -> tuple[Similarity, LayerSimilarities]:
    """Networks by the mean best match of their layers, both ways: see `best_match`.

    Args:
        pairs: of their layers.

    Raises:
        SimilarityError: no two layers can be compared.
    """
    layers = pairs.similarities()
    values = np.full(pairs.shape, np.nan)
    for at, similarity in layers.items():
        values[at] = similarity.value
    return Similarity(*best_match(values, pairs.higher)), layers


def by_mean_of_pairs(pairs: LayerPairs) -> tuple[Similarity, LayerSimilarities]:
    """Networks by the mean over the pairs of their layers, which correspond one to one.

    Args:
        pairs: of their layers.

    Raises:
        SimilarityError: no two layers can be compared.
    """
    layers = pairs.similarities()
    sides = zip(*layers.values(), strict=True)
    means = (None if None in values else float(np.mean(values)) for values in sides)
    return Similarity(*means), layers  # type: ignore[arg-type]


def by_last_layers(pairs: LayerPairs) -> tuple[Similarity, LayerSimilarities]:
    """Networks by their last layers: of chained products these are the whole networks.

    Args:
        pairs: of their layers.

    Raises:
        SimilarityError: the last layers cannot be compared.
    """
    layers = pairs.similarities()
    rows, columns = pairs.shape
    if (rows - 1, columns - 1) not in layers:
        raise SimilarityError("the products of all layers cannot be compared")
    return layers[rows - 1, columns - 1], layers


def best_match(layer_values: ArrayLike, higher: Higher) -> tuple[float, float, float]:
    """Mean best match of two networks' layers, both ways.

    In one direction it is the mean over the layers of one network of the best value among the
    layers of the other: the greatest of a similarity, the least of a distance.

    Args:
        layer_values: (A's layers × B's layers), NaN where not compared; a layer compared with none
            is left out.
        higher: as `Measure.higher`.

    Returns:
        The mean of both directions, A→B, B→A.

    Raises:
        SimilarityError: nothing was compared.
    """
    values = np.asarray(layer_values, dtype=np.float64)
    compared = ~np.isnan(values)
    if not compared.any():
        raise SimilarityError(NOTHING_IN_COMMON.format(*values.shape))
    best, worst = (np.max, -np.inf) if higher == "more alike" else (np.min, np.inf)
    filled = np.where(compared, values, worst)
    ab, ba = (float(best(filled, axis=of)[compared.any(axis=of)].mean()) for of in (1, 0))
    return (ab + ba) / 2, ab, ba
