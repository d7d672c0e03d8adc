"""The metrics of a layer, each declared once: name, meaning, where it is shown, how it is computed.

What the declarations say is what the `layers` table, `summaries`, `zoo show`, the regressions and
the table in docs/methods.md have (``python -m zoo_analysis.spectra.metrics`` prints that table).
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.spectra.hill import hill_alpha
from zoo_analysis.spectra.powerlaw import PowerLawFit


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of one layer, and the power law fitted to their tail.

    Attributes:
        evals: (n,) all of them, ascending, ≥ 0; the largest is positive.
        usable: (k,) those that a fit may use: in the rank and above the method's `min_eval`.
        fit: the fitted tail; None where there are too few to fit.
    """

    evals: NDArray[np.float64]
    usable: NDArray[np.float64]
    fit: PowerLawFit | None


@dataclass(frozen=True)
class Metric:
    """Declaration of a metric.

    Attributes:
        meaning: one line, with the formula; logs are base 10.
        averaged: its place among the averages of `summaries`, from 1; 0 is not averaged.
        shown: its place among what `zoo show` tells of each layer, from 1; 0 is not shown.
        of: computes it; NaN or None where it does not exist. None where `spectrum_metrics` takes
            it from a function that yields several at once.
    """

    meaning: str
    averaged: int
    shown: int
    of: Callable[[Spectrum], float | None] | None


def metric(
    meaning: str,
    *,
    averaged: int = 0,
    shown: int = 0,
    of: Callable[[Spectrum], float | None] | None = None,
) -> Any:
    """A field of `LayerMetrics`: a `Metric` with these attributes, None unless it is given."""
    return field(default=None, metadata={"metric": Metric(meaning, averaged, shown, of)})


def of_fit(compute: Callable[[Spectrum, PowerLawFit], float]) -> Callable[[Spectrum], float | None]:
    """A metric that exists only where there is a fit, as a function of the spectrum alone."""
    return lambda spectrum: None if spectrum.fit is None else compute(spectrum, spectrum.fit)


def weighted_alpha(spectrum: Spectrum, fit: PowerLawFit) -> float:
    """α · log λ_max (Martin, Peng & Mahoney 2021)."""
    return fit.alpha * float(np.log10(spectrum.evals[-1]))


def alpha_norm(spectrum: Spectrum, fit: PowerLawFit) -> float:
    """log Σ λ^α over the positive eigenvalues (Martin, Peng & Mahoney 2021)."""
    positive = np.log(spectrum.evals[spectrum.evals > 0])
    return float(np.logaddexp.reduce(fit.alpha * positive) / np.log(10))


def effective_rank(spectrum: Spectrum) -> float:
    """exp(−Σ p ln p), p = σ/Σσ: 1 of rank one, n of an orthogonal matrix (Roy & Vetterli 2007)."""
    sigma = np.sqrt(spectrum.evals / spectrum.evals[-1])
    p = sigma[sigma > 0] / sigma.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


@dataclass(frozen=True)
class LayerMetrics:
    """The metrics of one layer; None where a number does not exist.

    The eigenvalues λ are of X = WᵀW, W being N × M with N ≥ M, and are not divided by N. The fields
    are columns of the `layers` table, in its order. A new one may stand anywhere: stores that were
    written without it have null there.
    """

    lambda_max: float | None = metric("λ_max, the largest eigenvalue")
    log_norm: float | None = metric("log Σλ (squared Frobenius norm)", averaged=1, shown=6)
    log_spectral_norm: float | None = metric("log λ_max", averaged=2, shown=7)
    stable_rank: float | None = metric("Σλ / λ_max", averaged=6, shown=8)
    entropy: float | None = metric("−Σ p ln p / ln(rank), p = λ/Σλ, over the rank")
    matrix_rank: float | None = metric(
        "eigenvalues with √λ above numpy's tolerance σ_max · N · ε and above what rounding to the "
        "stored type makes of zero"
    )
    rank_loss: float | None = metric("number of eigenvalues − rank")
    effective_rank: float | None = metric(
        "exp(−Σ p ln p), p = √λ/Σ√λ (Roy & Vetterli 2007)", of=effective_rank
    )
    alpha: float | None = metric(
        "exponent α of the maximum-likelihood power law on λ ≥ xmin "
        "(Clauset, Shalizi & Newman 2009)",
        averaged=3,
        shown=1,
    )
    xmin: float | None = metric("the eigenvalue from which on the power law has the smallest D")
    xmax: float | None = metric("the largest eigenvalue fitted")
    D: float | None = metric("Kolmogorov–Smirnov distance of the tail and its power law", shown=3)
    sigma: float | None = metric("standard error of α, (α − 1)/√n", shown=2)
    num_pl_spikes: float | None = metric("n, the eigenvalues in the tail")
    num_fingers: float | None = metric(
        "with `--max-fingers`: top eigenvalues dropped because D falls"
    )
    raw_alpha: float | None = metric("with `--max-fingers`: α with none dropped")
    alpha_weighted: float | None = metric(
        "α · log λ_max", averaged=4, shown=4, of=of_fit(weighted_alpha)
    )
    log_alpha_norm: float | None = metric("log Σ λ^α", averaged=5, shown=5, of=of_fit(alpha_norm))
    sigma_mp: float | None = metric(
        "σ of the Marchenko–Pastur bulk λ± = σ²(1 ± √(r/N))², r being the rank: from the median, "
        "then from the mean below the edge until it settles; null where there is no bulk"
    )
    bulk_min: float | None = metric("λ⁻, the bulk's lower edge")
    bulk_max: float | None = metric("λ⁺, the bulk's upper edge")
    num_spikes: float | None = metric(
        "eigenvalues above λ⁺ and a Tracy–Widom allowance at a chance of 1 in 1,000", shown=9
    )
    mp_softrank: float | None = metric("λ⁺ / λ_max", averaged=7, shown=10)
    mp_ks: float | None = metric(
        "Kolmogorov–Smirnov distance of the eigenvalues that are no spikes and the bulk's law"
    )
    random_like: float | None = metric(
        "1 where the spectrum is that of a random initialisation (all bulk, or orthogonal), else 0",
        shown=11,
    )
    hill_alpha: float | None = metric(
        "Hill estimator on the upper half (PL_Alpha_Hill of Zhou et al. 2023)",
        of=of_fit(lambda spectrum, fit: hill_alpha(spectrum.usable)),
    )
    R_lognormal: float | None = metric(
        "with `--alternatives`: log-likelihood ratio of the power law to a lognormal; about 0 "
        "where this does no better, below 0 where it does"
    )
    p_lognormal: float | None = metric("its p-value (Vuong 1989)")
    R_exponential: float | None = metric(
        "the same to an exponential; positive where the power law is likelier"
    )
    p_exponential: float | None = metric("its p-value (Vuong 1989)")
    R_truncated_power_law: float | None = metric(
        "the same to a truncated power law, which contains it: 0 at most"
    )
    p_truncated_power_law: float | None = metric("its p-value (Wilks)")
    num_rand_spikes: float | None = metric(
        "with `--randomize`: eigenvalues above the largest of the shuffled W"
    )
    num_traps: float | None = metric(
        "with `--randomize`: eigenvalues of the shuffled W above its own bulk (correlation traps)"
    )
    relative_change: float | None = metric(
        "of differences (`zoo delta`): ‖ΔW‖_F / ‖W‖_F, W the base's"
    )
    num_intruders: float | None = metric(
        "of differences: of the ten leading left singular vectors of W + ΔW those whose cosines "
        "with W's are all below 0.5 in size (Shuttleworth et al. 2024)"
    )


#: Every metric's declaration, in the order of the `layers` table.
METRICS: Final[Mapping[str, Metric]] = {
    each.name: each.metadata["metric"] for each in fields(LayerMetrics)
}


def _placed(place: Callable[[Metric], int]) -> tuple[str, ...]:
    places = {name: place(each) for name, each in METRICS.items()}
    return tuple(sorted((name for name in places if places[name]), key=places.__getitem__))


#: What `summaries` averages and regressions take, in the order in which it is shown.
AVERAGED: Final = _placed(lambda metric: metric.averaged)
#: What `zoo show` tells of each layer, in its order.
SHOWN: Final = _placed(lambda metric: metric.shown)


def computed(spectrum: Spectrum) -> dict[str, float | None]:
    """Every metric that is declared with how to compute it."""
    return {name: each.of(spectrum) for name, each in METRICS.items() if each.of is not None}


def markdown_table() -> str:
    """The metrics as docs/methods.md shows them."""
    rows = [
        f"| `{name}` | {each.meaning} | {'yes' if each.averaged else ''} |\n"
        for name, each in METRICS.items()
    ]
    return "".join(["| column | definition | averaged |\n|---|---|---|\n", *rows])


if __name__ == "__main__":
    sys.stdout.write(markdown_table())
