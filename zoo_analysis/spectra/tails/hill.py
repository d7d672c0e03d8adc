"""The Hill estimator of a tail exponent."""

import numpy as np
from numpy.typing import NDArray


def hill_alpha(evals: NDArray[np.float64], k: int | None = None) -> float:
    """Density exponent α of the tail from the k largest values (Hill 1975).

    α = 1 + k / Σ_{i=1..k} ln(λ_{n−i+1} / λ_{n−k}). With k = n/2, the default, it is PL_Alpha_Hill
    of Zhou et al. 2023 (“Temperature balancing, layer-wise weight analysis”).

    Args:
        evals: positive values, ascending.
        k: how many of the largest to use, 1 ≤ k < n.

    Returns:
        α, or NaN where the k + 1 largest are equal, or not positive.

    Raises:
        ValueError: k out of range.
    """
    n = len(evals)
    k = n // 2 if k is None else k
    if not 1 <= k < n:
        raise ValueError(f"k is {k}: the Hill estimator on {n} values needs 1 ≤ k < {n}")
    if evals[-k - 1] <= 0:
        return float("nan")
    logs = np.log(evals[-k - 1 :])
    total = float((logs[1:] - logs[0]).sum())
    return 1 + k / total if total > 0 else float("nan")


def hill_as_counted(evals: NDArray[np.float64]) -> float:
    """The Hill estimator as the programs of TempBalance, AlphaPruning and FARMS count it.

    xmin is the value at index ⌊n/2⌋, ascending and from 0, and all from it on are counted, xmin
    among them, whose logarithm is 0: α = 1 + (n − ⌊n/2⌋) / Σ ln(λ/xmin). The formula of their
    papers counts the values above xmin alone (`hill_alpha`): with k of them and the same xmin the
    programs' α − 1 is larger by the factor 1 + 1/k.

    Args:
        evals: positive values, ascending.

    Returns:
        α, or NaN where the upper half is equal, or not positive.
    """
    upper = evals[len(evals) // 2 :]
    if not len(upper) or upper[0] <= 0:
        return float("nan")
    total = float(np.log(upper / upper[0]).sum())
    return 1 + len(upper) / total if total > 0 else float("nan")
