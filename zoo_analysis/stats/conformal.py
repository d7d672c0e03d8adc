"""Conformal intervals: as wide as predictions were wrong on what they had not seen."""

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.stats.computable import Floats

Ints = NDArray[np.intp]


def groups_needed(level: float) -> int:
    """The fewest groups with which an interval of a level can be finite: level / (1 − level).

    Args:
        level: of coverage, within 0 and 1.
    """
    return int(np.ceil(level / (1 - level) - 1e-9))


def jackknife_plus(
    centres: Floats, residuals: Floats, groups: Ints, folds: Ints, level: float
) -> tuple[Floats, Floats]:
    """Intervals for members of groups of which nothing was seen (hierarchical jackknife+).

    Each group weighs the same, however many members it has, and the group to come weighs as much as
    each of them (Lee, Barber & Willett 2023; Dunn, Wasserman & Ramdas 2023). With groups of one
    member this is the jackknife+ of Barber, Candès, Ramdas & Tibshirani (2021), and where the fits
    agree the conformal interval of Vovk, Gammerman & Shafer (2005) and Lei et al. (2018).

    Args:
        centres: (f, m) predictions of m new members by f fits, each without one fold of groups.
        residuals: (n,) |y − ŷ| of known members, ŷ by the fit without their fold; those that are
            not finite do not count.
        groups: (n,) of which group each is, from 0.
        folds: (n,) in which fold each is, from 0 to f − 1.
        level: of coverage, within 0 and 1.

    Returns:
        (m,) lower and upper ends; infinite where there are too few groups (`groups_needed`).
    """
    counted = np.isfinite(residuals)
    residuals, groups, folds = residuals[counted], groups[counted], folds[counted]
    _, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    weights = 1 / ((len(sizes) + 1) * sizes[members])
    high = [_quantile(column[folds] + residuals, weights, level) for column in centres.T]
    low = [-_quantile(residuals - column[folds], weights, level) for column in centres.T]
    return np.array(low), np.array(high)


def _quantile(values: Floats, weights: Floats, level: float) -> float:
    """The smallest value at or below which so much weight lies; infinite where there is none."""
    order = np.argsort(values)
    reached = int(np.searchsorted(np.cumsum(weights[order]), level - 1e-9))
    return float(values[order[reached]]) if reached < len(values) else float("inf")
