"""Values that can be computed with: neither too large to be squared, nor alike up to rounding."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Sizes beyond which a square overflows, and ranges below which one vanishes.
LARGEST: Final = 1e150
_SMALLEST: Final = 1e-150
#: A range below this share of the values is rounding.
_ROUNDING: Final = 1e-12


def usable(values: ArrayLike) -> NDArray[np.bool_]:
    """(…) true of values that can be squared: no NaN, no infinity, none beyond `LARGEST`."""
    return np.asarray(np.abs(np.asarray(values, dtype=float)) <= LARGEST)


def varies(values: Floats) -> bool:
    """True of usable values that differ by more than rounding.

    Args:
        values: (n,) of which each is `usable`.
    """
    if len(values) < 2:
        return False
    return bool(np.ptp(values) > max(_SMALLEST, _ROUNDING * float(np.abs(values).max())))


def told_apart(values: Floats) -> Floats:
    """(n,) usable values, of which those that differ by no more than rounding are one."""
    step = max(_SMALLEST, _ROUNDING * float(np.abs(values).max(initial=0)))
    distinct, place = np.unique(values, return_inverse=True)
    if np.all(np.diff(distinct) > step):
        return values
    for i in range(1, len(distinct)):
        if distinct[i] - distinct[i - 1] <= step:
            distinct[i] = distinct[i - 1]
    return distinct[place]


def standardised(values: Floats) -> tuple[Floats, float, float]:
    """Values about their mean, in units of the one farthest from it.

    Args:
        values: (n,) of which each is `usable`; n ≥ 1.

    Returns:
        (n,) t with mean 0 and |t| ≤ 1, the mean and the unit: values are mean + unit · t. Of values
        that do not vary t is 0 and the unit 1.
    """
    centre = float(values.mean())
    if not varies(values):
        return np.zeros(len(values)), centre, 1.0
    t = values - centre
    unit = float(np.abs(t).max())
    t = t / unit
    return t - t.mean(), centre, unit


@contextmanager
def unwarned() -> Iterator[None]:
    """Inside the `with` no library warns: what it would warn of is seen in its results."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
