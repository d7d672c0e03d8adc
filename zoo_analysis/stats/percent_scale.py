"""A scale on which percents have no ends, so that no interval leads out of 0 and 100."""

import numpy as np

from zoo_analysis.stats.computable import Floats

#: Percent that is added on both sides, so that 0 and 100 are somewhere.
_ENDS = 0.5


def logit(percent: Floats) -> Floats:
    """ln((y + ½) / (100 + ½ − y)), the empirical logit (Haldane 1956; Cox 1970), of percents y."""
    scaled: Floats = np.log((percent + _ENDS) / (100 + _ENDS - percent))
    return scaled


def percents(scaled: Floats) -> Floats:
    """The percents whose `logit` this is, within 0 and 100; infinities are the ends."""
    with np.errstate(over="ignore"):
        share = 1 / (1 + np.exp(-scaled))
    back: Floats = np.clip((100 + 2 * _ENDS) * share - _ENDS, 0, 100)
    return back
