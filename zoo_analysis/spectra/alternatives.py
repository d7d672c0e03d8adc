"""Other laws for the same tail, compared with the power law by likelihood ratio."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, erfc, erfcx, log_ndtr

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
#: A smooth unimodal integrand is cut where it has fallen by this many e-folds.
_FOLDS = 50.0


@dataclass(frozen=True)
class TailComparison:
    """Power law against one alternative.

    Attributes:
        R: log-likelihood ratio; positive where the power law is likelier. Normalised by its
            standard deviation × √n unless the laws are nested.
        p: chance of so large a ratio were the two laws equally close to the truth (Vuong 1989;
            for a nested pair the χ² test of Wilks).
    """

    R: float
    p: float


@dataclass(frozen=True)
class TruncatedPowerLaw:
    """A power law that an exponential cuts off, p(x) ∝ x^−β e^−Λx.

    Attributes:
        beta: β.
        Lambda: Λ, in units of 1/x.
    """

    beta: float
    Lambda: float


def compare_tails(tail: NDArray[np.float64], alpha: float) -> dict[str, TailComparison]:
    """Compare a fitted power law with lognormal, exponential and truncated power law.

    Each alternative is fitted by maximum likelihood on the same tail, λ ≥ xmin (Clauset, Shalizi &
    Newman 2009, section 5; the `powerlaw` package's `distribution_compare`). The lognormals'
    limit, as those of the truncated power law, holds the power law itself: where no member is
    likelier, R is 0 and p is 1.

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
    power = power_law_loglik(x, alpha)
    return {
        "lognormal": vuong(power, lognormal_loglik(x, alpha)),
        "exponential": vuong(power, exponential_loglik(x)),
        "truncated_power_law": vuong(power, truncated_power_law_loglik(x, alpha), nested=True),
    }


def vuong(
    first: NDArray[np.float64], second: NDArray[np.float64], *, nested: bool = False
) -> TailComparison:
    """Likelihood-ratio test from two laws' pointwise log-likelihoods of shape (n,)."""
    difference = first - second
    n = len(difference)
    ratio = float(difference.sum())
    if nested:
        return TailComparison(ratio, float(chdtrc(1, abs(2 * ratio))))
    deviation = float(difference.std() * np.sqrt(n))
    if deviation == 0:
        return TailComparison(0.0, 1.0)
    return TailComparison(ratio / deviation, float(erfc(abs(ratio) / (np.sqrt(2) * deviation))))


def power_law_loglik(x: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Pointwise log-likelihood of x^−α on [1, ∞)."""
    return np.asarray(np.log(alpha - 1) - alpha * np.log(x))


def exponential_loglik(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pointwise log-likelihood of the best exponential on [1, ∞)."""
    excess = x - 1
    return np.asarray(-np.log(excess.mean()) - excess / excess.mean())


def lognormal_loglik(x: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Pointwise log-likelihood of the best lognormal cut to [1, ∞), or of the power law.

    ln x is a normal cut at 0, by h standard deviations above its mean. For each h the best σ is
    the root of σ² − h·⟨ln x⟩σ − ⟨ln² x⟩ = 0, which leaves one unknown. As h → ∞ the law becomes
    the power law, which is the best of all where ⟨ln² x⟩ ≥ 2⟨ln x⟩² (Castillo & Puig 1999).
    """
    y = np.log(x)
    mean, square = float(y.mean()), float((y**2).mean())
    power = power_law_loglik(x, alpha)
    if square >= 2 * mean**2:
        return power

    def sigma(h: float) -> float:
        root = np.hypot(h * mean, 2 * np.sqrt(square))
        return float((root + h * mean) / 2 if h > 0 else 2 * square / (root - h * mean))

    def pointwise(t: float) -> NDArray[np.float64]:
        h = float(np.sinh(t))
        s = sigma(h)
        return np.asarray(-(y**2) / (2 * s**2) - h * y / s - np.log(s) - _log_mills(h) - y)

    # The mean of n values, one of them 0, is at most √n of their standard deviations.
    bounds = (-float(np.arcsinh(np.sqrt(len(x)) + 1)), float(np.arcsinh(1e4)))
    # It takes a quarter of a second to be imported, and is not often asked for.
    from scipy.optimize import minimize_scalar

    result = minimize_scalar(
        lambda t: -float(pointwise(t).sum()),
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-9},
    )
    return _likelier(pointwise(float(result.x)), power)


def truncated_power_law_loglik(x: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Pointwise log-likelihood of the best x^−a e^−κx on [1, ∞), a and κ ≥ 0.

    Its ends are the power law (κ = 0) and the exponential (a = 0, κ = 1/⟨x − 1⟩), between which
    the concave likelihood has its maximum.
    """
    return _best_truncated(x, alpha)[0]


def fit_truncated_power_law(tail: NDArray[np.float64], alpha: float) -> TruncatedPowerLaw:
    """The likeliest x^−β e^−Λx on a tail, β and Λ ≥ 0 (Clauset, Shalizi & Newman 2009).

    Args:
        tail: positive values, two of them distinct; the smallest is xmin.
        alpha: the exponent of the power law fitted to it.
    """
    x = np.sort(tail)
    beta, rate = _best_truncated(x / x[0], alpha)[1]
    return TruncatedPowerLaw(beta, rate / float(x[0]))


def _best_truncated(
    x: NDArray[np.float64], alpha: float
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Pointwise log-likelihood of the best law on [1, ∞), and its a and κ."""
    from scipy.optimize import minimize

    y, excess = np.log(x), x - 1
    steepest, fastest = 1 + 1 / float(y.mean()), 1 / float(excess.mean())
    mean = np.array([y.mean(), excess.mean()])

    def loss(q: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        theta = np.array([q[0] * steepest, np.exp(q[1]) * fastest])
        log_mass, expected = _truncated(*theta)
        return float(theta @ mean + log_mass), (mean - expected) * [steepest, theta[1]]

    laws = [(power_law_loglik(x, alpha), (alpha, 0.0)), (exponential_loglik(x), (0.0, fastest))]
    for start in ((0.5, -1.0), (0.95, -5.0)):
        bounds = ((0.0, 1.0), (-30.0, 0.0))
        options = {"ftol": 1e-15, "gtol": 1e-9}
        q = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
        a, rate = float(q[0] * steepest), float(np.exp(q[1]) * fastest)
        laws.append((-a * y - rate * excess - _truncated(a, rate)[0], (a, rate)))
    return max(laws, key=lambda law: float(law[0].sum()))


def _log_mills(h: float) -> float:
    """ln of ∫ e^(−hs − s²/2) ds over [0, ∞): Mills' ratio of the normal."""
    if h < 0:
        return float(np.log(2 * np.pi) / 2 + h**2 / 2 + log_ndtr(-h))
    return float(np.log(np.pi / 2) / 2 + np.log(erfcx(h / np.sqrt(2))))


def _truncated(a: float, rate: float) -> tuple[float, NDArray[np.float64]]:
    """ln of ∫ x^−a e^(−κ(x−1)) dx over [1, ∞), and the means of ln x and of x − 1 under it.

    By Gauss and Legendre in t = ln x; a ≥ 0, κ > 0.
    """
    end = np.log1p(_FOLDS / rate)
    end = np.log1p((_FOLDS + max(0.0, 1 - a) * end) / rate)  # a < 1 rises before it falls
    if a > 1:
        end = min(end, _FOLDS / (a - 1))
    t = end / 2 * (_NODES + 1)
    excess = np.expm1(t)
    mass = _WEIGHTS * np.exp((1 - a) * t - rate * excess)
    total = float(mass.sum())
    return float(np.log(end / 2 * total)), np.array([mass @ t, mass @ excess]) / total


def _likelier(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return first if first.sum() > second.sum() else second
