"""Warnings of one layer: what its α says of the training, and whether its tail can carry an α."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Thresholds of Martin & Mahoney: α below the first is over-trained, above the second under-trained
OVER_TRAINED: Final = 2.0
UNDER_TRAINED: Final = 6.0
#: A tail over fewer decades than the first, or of fewer distinct eigenvalues than the second.
SHORT: Final = (0.5, 10)
DEGENERATE: Final = (0.1, 5)
#: Eigenvalues are distinct if their logarithms differ in this decimal.
_DECIMALS: Final = 6


def layer_warnings(alpha: float | None, tail: NDArray[np.float64] | None) -> str:
    """The warnings of a layer, joined by ``, ``; empty if there is none.

    ``over-trained`` (α < 2) or ``under-trained`` (α > 6), and beside it ``short-tail``. A tail
    under a tenth of a decade or of fewer than five eigenvalues is a ``degenerate-tail``: its α
    says nothing, so that this is the only warning.

    Args:
        alpha: of the fit; None where there is none.
        tail: (n,) the eigenvalues fitted, ascending; None where tails are not judged.
    """
    if alpha is None:
        return ""
    if tail is not None and _below(tail, DEGENERATE):
        return "degenerate-tail"
    told = ["over-trained"] if alpha < OVER_TRAINED else []
    told += ["under-trained"] if alpha > UNDER_TRAINED else []
    told += ["short-tail"] if tail is not None and _below(tail, SHORT) else []
    return ", ".join(told)


def _below(tail: NDArray[np.float64], least: tuple[float, int]) -> bool:
    decades = np.log10(tail)
    distinct = len(np.unique(decades.round(_DECIMALS)))
    return bool(decades[-1] - decades[0] < least[0] or distinct < least[1])
