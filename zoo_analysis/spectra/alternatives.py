"""Other laws for the same tail, compared with the power law by likelihood ratio."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import erfc
from scipy.stats import chi2, norm


@dataclass(frozen=True)
class Comparison:
    """Power law against one alternative.

    Attributes:
        R: log-likelihood ratio; positive where the power law is likelier. Normalised by its
            standard deviation × √n unless the laws are nested.
        p: chance of so large a ratio were the two laws equally close to the truth (Vuong 1989;
            for a nested pair the χ² test of Wilks).
    """

    R: float
    p: float


def compare_tails(tail: NDArray[np.float64], alpha: float) -> dict[str, Comparison]:
    """Compare a fitted power law with lognormal, exponential and truncated power law.

    Each alternative is fitted by maximum likelihood on the same tail, λ ≥ xmin (Clauset, Shalizi &
    Newman 2009, section 5; the `powerlaw` package's `distribution_compare`).

    Args:
        tail: positive values; the smallest is xmin.
        alpha: the power law's exponent.

    Returns:
        ``lognormal``, ``exponential`` and ``truncated_power_law``.

    Raises:
        ValueError: fewer than two distinct values.
    """
    x = np.sort(np.asarray(tail, dtype=np.float64))
    if len(x) < 2 or not x[0] > 0 or x[0] == x[-1]:
        raise ValueError(f"a comparison needs two distinct positive values; got {len(x)}")
    x = x / x[0]  # every ratio is scale invariant
    power = np.log(alpha - 1) - alpha * np.log(x)
    return {
        "lognormal": vuong(power, lognormal_loglik(x)),
        "exponential": vuong(power, exponential_loglik(x)),
        "truncated_power_law": vuong(power, truncated_power_law_loglik(x, alpha), nested=True),
    }


def vuong(
    first: NDArray[np.float64], second: NDArray[np.float64], *, nested: bool = False
) -> Comparison:
    """Likelihood-ratio test from two laws' pointwise log-likelihoods of shape (n,)."""
    difference = first - second
    n = len(difference)
    ratio = float(difference.sum())
    if nested:
        return Comparison(ratio, float(chi2.sf(abs(2 * ratio), 1)))
    deviation = float(difference.std()) * np.sqrt(n)
    if deviation == 0:
        return Comparison(0.0, 1.0)
    return Comparison(ratio / deviation, float(erfc(abs(ratio) / (np.sqrt(2) * deviation))))


def exponential_loglik(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pointwise log-likelihood of the best exponential on [min x, ∞)."""
    excess = x - x.min()
    rate = 1 / excess.mean()
    return np.asarray(np.log(rate) - rate * excess)


def lognormal_loglik(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pointwise log-likelihood of the best lognormal truncated to [min x, ∞)."""
    logs = np.log(x)
    low = logs.min()

    def pointwise(mu: float, log_sigma: float) -> NDArray[np.float64]:
        sigma = np.exp(log_sigma)
        tail_mass = norm.logsf((low - mu) / sigma)
        return np.asarray(norm.logpdf((logs - mu) / sigma) - log_sigma - logs - tail_mass)

    start = np.array([logs.mean(), np.log(max(logs.std(), 1e-3))])
    return _maximise(pointwise, start, bounds=((low - 200.0, logs.max()), (-7.0, 7.0)))


def truncated_power_law_loglik(x: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Pointwise log-likelihood of the best λ^−α e^−κλ on [min x, ∞), nesting the power law."""
    low = x.min()

    def pointwise(a: float, log_rate: float) -> NDArray[np.float64]:
        rate = np.exp(log_rate)
        # ∫ x^−a e^−κx dx over [low, ∞), with x = low·e^t and the factor at low taken out.
        mass, _ = quad(
            lambda t: np.exp((1 - a) * t - rate * low * np.expm1(t)), 0, np.inf, limit=200
        )
        log_mass = (1 - a) * np.log(low) + np.log(mass) - rate * low
        return np.asarray(-a * np.log(x) - rate * x - log_mass)

    start = np.array([max(alpha * 0.8, 0.5), np.log(0.3 / x.mean())])
    fitted = _maximise(pointwise, start, bounds=((-5.0, max(20.0, alpha)), (-25.0, 7.0)))
    power = np.log(alpha - 1) - np.log(low) - alpha * (np.log(x) - np.log(low))
    return fitted if fitted.sum() > power.sum() else power


def _maximise(pointwise, start, bounds) -> NDArray[np.float64]:  # type: ignore[no-untyped-def]
    result = minimize(
        lambda q: -float(pointwise(*q).sum()),
        start,
        method="Nelder-Mead",
        bounds=bounds,
        options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000},
    )
    return np.asarray(pointwise(*result.x))
