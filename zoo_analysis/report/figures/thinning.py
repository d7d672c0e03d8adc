"""Bounds on what a chart embeds: thinning that keeps extremes."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Marks of one kind in a chart.
MOST: Final = 1_500
#: Of these, the share that goes to the extremes.
_EXTREME: Final = 0.4


def thinned(columns: Sequence[ArrayLike], most: int = MOST) -> NDArray[np.intp]:
    """Indices of the rows to draw, ascending: all, or the extremes of each column and some between.

    Args:
        columns: (n,) each; what is not finite is no extreme. The rows between are spaced evenly by
            rank in the first.
        most: rows to keep.
    """
    values = [np.asarray(column, dtype=float) for column in columns]
    n = len(values[0])
    if n <= most:
        return np.arange(n)
    each = max(1, int(_EXTREME * most / (2 * len(values))))
    keep: set[int] = set()
    for column in values:
        order = np.argsort(column, kind="stable")
        finite = order[: int(np.isfinite(column).sum())]
        keep |= {*finite[:each].tolist(), *finite[-each:].tolist()}
    order = np.argsort(values[0], kind="stable")
    rest = [i for i in order.tolist() if i not in keep]
    between = np.linspace(0, len(rest) - 1, most - len(keep)).round().astype(int)
    return np.array(sorted(keep | {rest[i] for i in between}), dtype=np.intp)


def told(drawn: int, of: int, what: str, which: str = "the extremes among them") -> str:
    """The caption's sentence on what was thinned; empty where all is drawn."""
    return "" if drawn >= of else f"{drawn:,} of {of:,} {what} are drawn, {which}."
