"""Intervals of what was computed from several networks, by leaving out each in turn."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoo_analysis.stats.computable import Floats


class Jackknifed(NamedTuple):
    """Statistics (…,) with their 95 % intervals; NaN bounds where there are too few units."""

    value: Floats
    low: Floats
    high: Floats


def jackknife(statistic: Callable[[NDArray[np.int64]], ArrayLike], n: int) -> Jackknifed:
    """Estimates and 95 % intervals by the delete-one jackknife (Tukey 1958).

    The variance is (n−1)/n Σ(θ₋ᵢ − θ̄)², with Student's t of n − 1 degrees. It holds of means over
    pairs of units as well (Arvesen 1969): what two pairs with a unit in common share is in it.

    Args:
        statistic: of the numbers of the units that are kept: any array of statistics.
        n: units (networks, models) that were drawn independently.

    Returns:
        The statistics of all units, and their intervals; no interval below 3 units, nor where
        leaving out any unit changes nothing, which says nothing of the uncertainty.
    """
    from scipy.stats import t as student

    everyone = np.arange(n)
    value = np.asarray(statistic(everyone), dtype=float)
    if n < 3:
        return Jackknifed(value, np.full_like(value, np.nan), np.full_like(value, np.nan))
    without = np.stack([np.asarray(statistic(np.delete(everyone, i)), float) for i in everyone])
    error = np.sqrt((n - 1) / n * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    half = student.ppf(0.975, n - 1) * np.where(error > 0, error, np.nan)
    return Jackknifed(value, value - half, value + half)
