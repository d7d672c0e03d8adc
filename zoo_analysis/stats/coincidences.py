"""Coincidences of a random permutation with the identity, and the exact chance of so many."""

from collections.abc import Sequence

import numpy as np
from scipy.special import betaln, gammaln, hyp2f1, logsumexp
from scipy.stats import t as student

#: Terms of a sum that falls faster than 1/k!, and of the series of 1/e: the rest is below 10⁻³⁰.
_TERMS = 30
#: Correlations from which on the tail of Student's t is taken as a series, which never underflows.
_SERIES = 0.5


def log_chance(n: int, k: int) -> float:
    """ln of the probability that a uniformly random permutation of n things has k or more in place.

    P(X = j) = (1/j!) · Σ_{i ≤ n−j} (−1)ⁱ/i! (Montmort 1708), summed over j ≥ k. It is exact: of n
    things in place the chance is 1/n!.

    Args:
        n: things, at least 1.
        k: of them that are in their place, 0 to n.
    """
    if k == 0:
        return 0.0
    terms = [
        -gammaln(j + 1) + np.log(rest)
        for j in range(k, min(n, k + _TERMS) + 1)
        if (rest := _derangements(n - j)) > 0
    ]
    return min(0.0, float(logsumexp(terms)))


def spearman_log_p(n: int, rho: float) -> float:
    """ln of the chance that Spearman's correlation of a random order is as high, nearly.

    ρ√((n − 2)/(1 − ρ²)) has about Student's t distribution of n − 2 degrees of freedom, whose upper
    tail is half the incomplete beta function I_{1−ρ²}(n/2 − 1, ½): it is told where it underflows.
    No order has a smaller chance than 1/n!.

    Args:
        n: things that are ordered; of fewer than 3 nothing is told, which is 0.
        rho: the correlation, −1 to 1.

    Source: Student's t as scipy's `spearmanr` takes it, and Zhu et al. 2025, arXiv 2502.12292.
    """
    if n < 3:
        return 0.0
    a, x = n / 2 - 1, 1 - rho**2
    if rho < _SERIES:
        return float(student.logsf(rho * np.sqrt((n - 2) / x), n - 2)) if x > 0 else 0.0
    if x <= 0:
        return -float(gammaln(n + 1))
    tail = a * np.log(x) - np.log(2 * a) - betaln(a, 0.5) + np.log(hyp2f1(a, 0.5, a + 1, x))
    return max(float(tail), -float(gammaln(n + 1)))


def fisher_log_p(log_p: Sequence[float]) -> float:
    """ln p of independent tests together, by Fisher's method, which holds where p underflows.

    −2 Σ ln p has the χ² distribution of 2L degrees of freedom, whose tail is a finite sum for even
    degrees. Of discrete p-values, larger than uniform ones, it is conservative.

    Args:
        log_p: ln of each p-value, at least one.

    Source: Fisher 1925, Statistical Methods for Research Workers.
    """
    half = -float(np.sum(log_p))  # of the statistic
    if half == 0:
        return 0.0
    order = np.arange(len(log_p))
    return min(0.0, float(logsumexp(order * np.log(half) - gammaln(order + 1))) - half)


def holm_log_p(log_p: Sequence[float]) -> list[float]:
    """ln of the p-values adjusted for all of them, by Holm's method.

    Under any dependence, the chance that one true null among them comes below a level is at most
    that level.

    Args:
        log_p: ln of each p-value.

    Source: Holm 1979.
    """
    order = np.argsort(log_p, kind="stable")
    left = np.log(np.arange(len(order), 0, -1))
    adjusted = np.maximum.accumulate(np.asarray(log_p, dtype=float)[order] + left)
    out = np.empty(len(order))
    out[order] = np.minimum(0.0, adjusted)
    return [float(each) for each in out]


def _derangements(m: int) -> float:
    """Share of the permutations of m things that leave none in its place."""
    signs = np.array([(-1.0) ** i for i in range(min(m, _TERMS) + 1)])
    return float(np.sum(signs * np.exp(-gammaln(np.arange(len(signs)) + 1)))) if m != 1 else 0.0
