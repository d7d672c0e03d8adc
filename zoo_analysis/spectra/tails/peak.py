"""The power law that begins at the peak of a spectrum's histogram."""

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.spectra.tails.powerlaw import PowerLawFit, fit_power_law

_BINS = 100


def fit_peak(evals: NDArray[np.float64]) -> PowerLawFit | None:
    """A power law with xmin near the peak of the spectrum, as WeightWatcher's `xmin_peak` has it.

    The peak P is the left edge of the fullest of 100 bins of log₁₀ λ, and xmin the value with the
    smallest D among those up to 1.5 P. From below, WeightWatcher 0.7 (`fix_fingers="xmin_peak"`),
    TempBalance (Zhou et al. 2023) and AlphaPruning (Lu et al. 2024) all bound it by
    log₁₀(0.95 P), where 0.95 P would be meant: so it is done here. It depends on the scale of the
    weights, but only where P is large.

    Args:
        evals: (n,) positive values, ascending, two of them distinct.

    Returns:
        The fit; None where no value lies in the range.
    """
    logs = np.log10(evals)
    counts, edges = np.histogram(logs, bins=_BINS)
    peak = 10 ** float(edges[counts.argmax()])
    try:
        return fit_power_law(evals, within=(float(np.log10(0.95 * peak)), 1.5 * peak))
    except ValueError:
        return None
