"""Outlying top eigenvalues (WeightWatcher's “fingers”) clipped where that improves the fit."""

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.spectra.tails.powerlaw import PowerLawFit, fit_power_law


def fit_clipped(
    evals: NDArray[np.float64], max_fingers: int = 10, xmax: float | None = None
) -> tuple[PowerLawFit, int, PowerLawFit]:
    """Fit with up to `max_fingers` of the largest values left out.

    Args:
        evals: positive values in any order.
        max_fingers: most values to drop; never more than leave two distinct ones.
        xmax: the upper end of the law, as `fit_power_law` takes it.

    Returns:
        The fit with the smallest D (the fewest dropped among equals), how many were dropped, and
        the fit with none dropped.

    Raises:
        ValueError: as `fit_power_law`.
    """
    x = np.sort(np.asarray(evals, dtype=np.float64))
    raw = fit_power_law(x, xmax=xmax)
    best, dropped = raw, 0
    for k in range(1, max_fingers + 1):
        kept = x[: len(x) - k]
        if len(kept) < 2 or kept[0] == kept[-1]:
            break
        fit = fit_power_law(kept, xmax=xmax)
        if fit.D < best.D:
            best, dropped = fit, k
    return best, dropped, raw
