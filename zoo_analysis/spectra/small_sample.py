"""WeightWatcher 0.7's estimator for short spectra, for the `weightwatcher` method."""

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.spectra.powerlaw import PowerLawFit, ks_distance

#: Below this many eigenvalues WeightWatcher 0.7 (WW_powerlaw.py) leaves the maximum likelihood.
SMALL_SAMPLE = 20
_SHORTEST_TAIL = 8
_TAIL_REWARD = 0.868


def fit_small_sample(evals: NDArray[np.float64]) -> PowerLawFit:
    """Bias-corrected α = 1 + (n−1)/Σ ln(λ/xmin), the xmin minimising D − 0.868/√n.

    Args:
        evals: positive values; tails of at least 8 are considered, or all where there are fewer.

    Raises:
        ValueError: no two distinct positive values.
    """
    x = np.sort(np.asarray(evals, dtype=np.float64))
    if len(x) < 2 or not x[0] > 0 or x[0] == x[-1]:
        raise ValueError(f"a power law needs two distinct positive values; got {len(x)}")
    logs = np.log(x)
    best: PowerLawFit | None = None
    best_score = np.inf
    for start in range(max(1, len(x) - _SHORTEST_TAIL + 1)):
        tail = logs[start:]
        n = len(tail)
        spread = float((tail - tail[0]).sum())
        if spread <= 1e-12:
            continue
        alpha = 1 + (n - 1) / spread
        d = ks_distance(tail, alpha)
        score = d - _TAIL_REWARD / np.sqrt(n)
        if score < best_score:
            best_score = score
            best = PowerLawFit(alpha, float(x[start]), float(x[-1]), d, (alpha - 1) / np.sqrt(n), n)
    if best is None:
        raise ValueError("the tails' values are all equal: no power law to fit")
    return best
