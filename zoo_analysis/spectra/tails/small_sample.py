"""WeightWatcher 0.7's estimator for short spectra, for the `weightwatcher` method."""

from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.spectra.tails.powerlaw import PowerLawFit, ks_distance

#: Below this many eigenvalues WeightWatcher 0.7 (WW_powerlaw.py) leaves the maximum likelihood.
SMALL_SAMPLE = 20
_SHORTEST_TAIL = 8


def fit_small_sample(evals: NDArray[np.float64]) -> PowerLawFit:
    """Bias-corrected α = 1 + (n−1)/Σ ln(λ/xmin), the xmin with the smallest D.

    WeightWatcher computes D − 0.868/√n for the choice of xmin, then overrules it by D alone.

    Args:
        evals: positive values; tails of at least 8 are considered, or all where there are fewer.

    Raises:
        ValueError: no two distinct positive values.
    """
    x = np.sort(np.asarray(evals, dtype=np.float64))
    if len(x) < 2 or not 0 < x[0] < x[-1] < inf:
        raise ValueError(f"a power law needs two distinct positive values; got {len(x)}")
    logs = np.log(x)
    best: PowerLawFit | None = None
    for start in range(max(1, len(x) - _SHORTEST_TAIL + 1)):
        tail = logs[start:]
        n = len(tail)
        spread = float((tail - tail[0]).sum())
        if spread <= 1e-12:
            continue
        alpha = 1 + (n - 1) / spread
        d = ks_distance(tail, alpha)
        if best is None or d < best.D:
            best = PowerLawFit(alpha, float(x[start]), float(x[-1]), d, (alpha - 1) / sqrt(n), n)
    if best is None:
        raise ValueError("the tails' values are all equal: no power law to fit")
    return best
