"""The tail on which the renormalisation of SETOL keeps its scale: the ERG condition."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ErgTail:
    """The tail of the ERG condition (see `erg_tail`).

    Attributes:
        erg_num: k*, its eigenvalues.
        erg_xmin: λ of the smallest of them.
    """

    erg_num: int
    erg_xmin: float


def erg_tail(evals: NDArray[np.float64]) -> ErgTail | None:
    """The fewest largest eigenvalues whose geometric mean is below the mean of all.

    With λ̃ = λ·M/Σλ, whose mean is 1, Σ ln λ̃ over the k largest rises while λ̃ > 1 and falls after;
    k* is the first k at which it is negative, the nearest that a count comes to det X = 1 on the
    tail. In SETOL's effective correlation space it is 0 (Martin & Hinrichs 2025, “SETOL: a
    semi-empirical theory of (deep) learning”, arXiv 2507.17912, where it is called the ERG
    condition); WeightWatcher's `detX` takes the product itself, which overflows where thousands
    of eigenvalues are above the mean.

    Args:
        evals: (M,) all eigenvalues, ascending, ≥ 0; zeros count in M.

    Returns:
        The tail; None where all eigenvalues are equal, for there is none.
    """
    largest = evals[-1]
    if not 0 <= evals[0] < largest:
        return None
    relative = evals[::-1] / largest  # sums of it neither overflow nor underflow
    with np.errstate(divide="ignore"):
        sums = (np.log(relative) - math.log(relative.sum() / len(relative))).cumsum()
    first = int((sums < 0).argmax())
    k = first + 1 if sums[first] < 0 else len(evals)
    return ErgTail(k, float(evals[-k]))
