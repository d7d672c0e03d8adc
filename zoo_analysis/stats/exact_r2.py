"""The interval of R² that holds for a few models: exact for bivariate normal data."""

from typing import Final

import numpy as np

#: Terms of the mixture beyond which Fisher's z is as good: strong correlations, or many pairs.
_TERMS: Final = 2_000
#: Standard errors of z within which the bounds of a 95 % interval lie for certain.
_WITHIN: Final = 3.5


def r2_interval(r2: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of the population's ρ² from R² of n pairs (Fisher 1928; Lee 1971).

    Given ρ², R² is a mixture of beta distributions, of ½ + j and n/2 − 1, by a negative binomial j.
    The bounds are the ρ² under which so large, and so small, an R² has half of 1 − level. Where the
    mixture has too many terms, they are those of z = atanh |r| (Fisher 1921).

    Args:
        r2: of the line.
        n: pairs.
        level: of confidence.

    Returns:
        0 ≤ low ≤ high ≤ 1; NaN below 4 pairs, and for an exact fit, which says nothing of its
        uncertainty.
    """
    from scipy.optimize import brentq
    from scipy.stats import beta, nbinom, norm

    if n < 4 or not 0 <= r2 < 1 - 1e-12:
        return float("nan"), float("nan")
    tail, error = (1 - level) / 2, 1 / np.sqrt(n - 3)
    z = np.arctanh(np.sqrt(r2))
    most = np.tanh(z + _WITHIN * error) ** 2
    if (n - 1) / (1 - most) > _TERMS:
        half = norm.ppf(1 - tail) * error
        z -= np.sqrt(r2) / (2 * (n - 1))  # its bias
        return float(np.tanh(max(0.0, z - half)) ** 2), float(np.tanh(z + half) ** 2)

    def below(rho2: float) -> float:
        """Chance of a smaller R²."""
        failures, success = (n - 1) / 2, 1 - rho2
        j = np.arange(nbinom.ppf(1 - 1e-12, failures, success) + 1)
        weights = nbinom.pmf(j, failures, success)
        return float(weights @ beta.cdf(r2, 0.5 + j, n / 2 - 1))

    without = below(0)
    bounds = [
        brentq(lambda rho2, q=q: below(rho2) - q, 0, end, xtol=1e-7) if without > q else 0.0
        for q, end in ((1 - tail, r2), (tail, most))
    ]
    return float(bounds[0]), float(bounds[1])
