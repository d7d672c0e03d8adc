"""Values against chance: what a measure gives of samples that do not correspond."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import pair
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import Measure

#: The chance that a calibrated value of unrelated arrays is above 0.
LEVEL: Final = 0.05
#: Permutations, unless told otherwise.
PERMUTATIONS: Final = 200


@dataclass(frozen=True)
class Calibrated:
    """Values beside those of permuted samples.

    Attributes:
        score: the part of the way from `threshold` to the best value that there is, 0 where the
            value is not beyond the threshold; in [0, 1], 1 being alike even of a distance.
        p_value: (1 + permutations at least as alike) / (permutations + 1).
        threshold: what chance reaches at `LEVEL`, in the measure's own unit.
    """

    score: NDArray[np.float64]
    p_value: NDArray[np.float64]
    threshold: NDArray[np.float64]


def calibrated(
    values: ArrayLike, null: ArrayLike, measure: Measure, level: float = LEVEL
) -> Calibrated:
    """Values calibrated by those of K permutations.

    The threshold is the ⌈(1 − level)(K + 1)⌉-th least alike of the value and the K others, so that
    where all K + 1 are exchangeable the score is above 0 with probability `level` at most, exactly,
    whatever the measure and the arrays are.

    Args:
        values: (…), each of two arrays or networks.
        null: (K, …), the same after the samples of one side were permuted; NaN, of a permutation
            without a number, counts as alike as any.
        measure: whose range and direction count.
        level: the chance of a score above 0 where nothing corresponds.

    Raises:
        SimilarityError: fewer permutations than the level needs.

    Source: Gröger, Wen & Brbić 2026, arXiv 2602.14486 (algorithms 1 and 2).
    """
    observed, others = np.asarray(values, np.float64), np.asarray(null, np.float64)
    least = ceil(1 / level) - 1
    if len(others) < least:
        raise SimilarityError(
            f"{len(others)} permutations cannot tell a value from chance at a level of {level:g}: "
            f"{least} are the least"
        )
    sign, best = (1, measure.range[1]) if measure.higher == "more alike" else (-1, measure.range[0])
    alike, chance = sign * observed, np.nan_to_num(sign * others, nan=np.inf)
    place = ceil((1 - level) * (len(others) + 1) - 1e-9) - 1
    reached = np.sort(np.concatenate([alike[None], chance]), axis=0)[place]
    p_value = (1 + (chance >= alike).sum(0)) / (len(others) + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = np.where(alike > reached, (alike - reached) / (sign * best - reached), 0.0)
    return Calibrated(score.clip(0, 1), p_value, sign * reached)


def orders(n: int, permutations: int, seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """Permutations of n samples (n,), the same for the same seed."""
    for number in range(permutations):
        yield np.random.default_rng((seed, number)).permutation(n)


def calibrate(
    x: Any, y: Any, measure: Measure, permutations: int = PERMUTATIONS, seed: int = 0
) -> tuple[float, Calibrated]:
    """The measure of two arrays and its calibration.

    Args:
        x: (n × d₁), numpy or torch, of samples that are exchangeable.
        y: (n × d₂), of the same samples.
        measure: of activations or outputs, that needs nothing beside them.
        permutations: of the samples of x.
        seed: of the permutations.

    Returns:
        The value, and its score, p-value and threshold, each of shape ().

    Raises:
        SimilarityError: see `Measure.__call__` and `calibrated`; a measure that needs inputs or
            labels, for which `zoo correlate --calibrate` is.
    """
    if measure.needs:
        raise SimilarityError(f"{measure.name} needs {', '.join(sorted(measure.needs))}")
    given = pair(x, y)
    a, b = (measure.prepared(each) for each in given)
    null = []
    for order in orders(len(given[0]), permutations, seed):
        rows = torch.from_numpy(order).to(given[0].device)
        moved = (
            measure.prepared(given[0][rows])
            if measure.reordered is None
            else measure.reordered(a, rows)
        )
        null.append(measure.both_ways(moved, b).value)
    value = measure.both_ways(a, b).value
    return value, calibrated(value, null, measure)
