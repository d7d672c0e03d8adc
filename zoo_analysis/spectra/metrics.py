"""The metrics of a layer, each declared once: name, meaning, where it is shown, how it is computed.

What the declarations say is what the `layers` table, `summaries`, `zoo show`, the regressions and
the table in docs/methods.md have (``python -m zoo_analysis.spectra.metrics`` prints that table).
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from zoo_analysis.spectra.declaring import Metric, Spectrum, metric, of_fit
from zoo_analysis.spectra.matrix_norms import effective_rank, participation_ratio
from zoo_analysis.spectra.tails.hill import hill_alpha, hill_as_counted
from zoo_analysis.spectra.tails.powerlaw import PowerLawFit


def weighted_alpha(spectrum: Spectrum, fit: PowerLawFit) -> float:
    """α · log λ_max (Martin, Peng & Mahoney 2021)."""
    return fit.alpha * float(np.log10(spectrum.evals[-1]))


def alpha_norm(spectrum: Spectrum, fit: PowerLawFit) -> float:
    """log Σ λ^α over the positive eigenvalues (Martin, Peng & Mahoney 2021)."""
    positive = np.log(spectrum.evals[spectrum.evals > 0])
    return float(np.logaddexp.reduce(fit.alpha * positive) / np.log(10))


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
    effective_rank: float | None = metric(
        "e^(−Σ p ln p), p = λ/Σλ over all eigenvalues",
        asked=True,
        of=lambda spectrum: effective_rank(spectrum.evals),
    )
    participation_ratio: float | None = metric(
        "(Σλ)² / Σλ²", asked=True, of=lambda spectrum: participation_ratio(spectrum.evals)
    )
    matrix_rank: float | None = metric(
        "eigenvalues with √λ above numpy's tolerance σ_max · N · ε and above what rounding to the "
        "stored type makes of zero"
    )
    rank_loss: float | None = metric("number of eigenvalues − rank")
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
    erg_num: float | None = metric(
        "k*, the fewest largest eigenvalues with Σ ln(λ·M/Σλ) < 0 (ERG condition of SETOL)",
        asked=True,
    )
    erg_xmin: float | None = metric("the smallest of these")
    erg_gap: float | None = metric("k* − num_pl_spikes", asked=True)
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
    bulk_below: float | None = metric("share of the positive eigenvalues below λ⁻", asked=True)
    mp_ks: float | None = metric(
        "Kolmogorov–Smirnov distance of the eigenvalues that are no spikes and the bulk's law"
    )
    random_like: float | None = metric(
        "1 where the spectrum is that of a random initialisation (all bulk, or orthogonal), else 0",
        shown=11,
    )
    hill_alpha: float | None = metric(
        "Hill estimator on the upper half (PL_Alpha_Hill of Zhou et al. 2023)",
        asked=True,
        of=of_fit(lambda spectrum, fit: hill_alpha(spectrum.usable)),
    )
    hill_counted: float | None = metric(
        "the same as its authors' program counts, xmin being one of the values counted",
        asked=True,
        of=of_fit(lambda spectrum, fit: hill_as_counted(spectrum.usable)),
    )
    farms_alpha: float | None = metric(
        "with `--window`: Hill estimator on the upper half of the eigenvalues of windows of one "
        "aspect ratio (FARMS, arXiv 2506.06280)",
        asked=True,
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
    tpl_beta: float | None = metric(
        "with `--alternatives`: β of the truncated power law λ^−β e^−Λλ on λ ≥ xmin", asked=True
    )
    tpl_Lambda: float | None = metric("with `--alternatives`: its Λ", asked=True)
    peak_alpha: float | None = metric(
        "with `--alternatives`: α with xmin near the spectrum's peak (WeightWatcher's `xmin_peak`)",
        asked=True,
    )
    peak_xmin: float | None = metric("with `--alternatives`: that xmin")
    etpl_beta: float | None = metric(
        "with `--alternatives`: β of the truncated power law on λ ≥ peak_xmin (E-TPL of "
        "arXiv 2202.02842)",
        asked=True,
    )
    etpl_Lambda: float | None = metric("with `--alternatives`: its Λ", asked=True)
    num_rand_spikes: float | None = metric(
        "with `--randomize`: eigenvalues above the largest of the shuffled W"
    )
    num_traps: float | None = metric(
        "with `--randomize`: eigenvalues of the shuffled W above its own bulk (correlation traps)"
    )
    trap_size: float | None = metric(
        "with `--randomize`: the largest eigenvalue of the shuffled W / its own λ⁺; about 1 "
        "without traps",
        asked=True,
    )
    trap_share: float | None = metric("with `--randomize`: Σλ of the traps / Σλ", asked=True)
    rand_distance: float | None = metric(
        "with `--randomize`: Jensen–Shannon distance of the ordered spectra of W and shuffled W",
        asked=True,
    )
    ww_softrank: float | None = metric(
        "with `--randomize`: λ_max of the shuffled W / λ_max", asked=True
    )
    ww_maxdist: float | None = metric(
        "with `--randomize`: λ_max − λ_max of the shuffled W", asked=True
    )
    weight_mean: float | None = metric("mean of the entries of W", asked=True)
    weight_variance: float | None = metric("variance of the entries of W", asked=True)
    weight_min: float | None = metric("least of the entries of W", asked=True)
    weight_q25: float | None = metric("lower quartile of the entries of W", asked=True)
    weight_q50: float | None = metric("median of the entries of W", asked=True)
    weight_q75: float | None = metric("upper quartile of the entries of W", asked=True)
    weight_max: float | None = metric("largest of the entries of W", asked=True)
    weight_kurtosis: float | None = metric(
        "fourth central moment / variance² of the entries of W; 3 of a Gaussian", asked=True
    )
    weight_zeros: float | None = metric("share of zeros of the entries of W", asked=True)
    bias_mean: float | None = metric("mean of the layer's bias", asked=True)
    bias_variance: float | None = metric("variance of the layer's bias", asked=True)
    bias_min: float | None = metric("least of the layer's bias", asked=True)
    bias_q25: float | None = metric("lower quartile of the layer's bias", asked=True)
    bias_q50: float | None = metric("median of the layer's bias", asked=True)
    bias_q75: float | None = metric("upper quartile of the layer's bias", asked=True)
    bias_max: float | None = metric("largest of the layer's bias", asked=True)
    bias_kurtosis: float | None = metric(
        "fourth central moment / variance² of the layer's bias; 3 of a Gaussian", asked=True
    )
    bias_zeros: float | None = metric("share of zeros of the layer's bias", asked=True)
    relative_change: float | None = metric(
        "of differences (`zoo delta`): ‖ΔW‖_F / ‖W‖_F, W the base's"
    )
    num_intruders: float | None = metric(
        "of differences: of the ten leading left singular vectors of W + ΔW those whose cosines "
        "with W's are all below 0.5 in size (Shuttleworth et al. 2024)"
    )
    overlap_in: float | None = metric(
        "of experts (`zoo scan --blocks`): ‖V_iᵀV_j‖²/k, the mean over the other experts j, of the "
        "k = 10 leading right singular vectors; k/inputs for unrelated ones"
    )
    overlap_out: float | None = metric(
        "of experts: the same of the left singular vectors; k/outputs for unrelated ones"
    )


#: Every metric's declaration, in the order of the `layers` table.
METRICS: Final[Mapping[str, Metric]] = {
    each.name: each.metadata["metric"] for each in fields(LayerMetrics)
}


def _placed(place: Callable[[Metric], int]) -> tuple[str, ...]:
    places = {name: place(each) for name, each in METRICS.items()}
    return tuple(sorted((name for name in places if places[name]), key=places.__getitem__))


#: Averages that are told unless others are asked for, in the order in which they are shown.
LEADING: Final = _placed(lambda metric: metric.averaged)
#: What `summaries` averages and regressions take.
AVERAGED: Final = (*LEADING, *(name for name, each in METRICS.items() if each.asked))
#: What `zoo show` tells of each layer, in its order.
SHOWN: Final = _placed(lambda metric: metric.shown)


def computed(spectrum: Spectrum) -> dict[str, float | None]:
    """Every metric that is declared with how to compute it."""
    return {name: each.of(spectrum) for name, each in METRICS.items() if each.of is not None}


def markdown_table() -> str:
    """The metrics as docs/methods.md shows them."""
    lines = ["| column | definition | averaged |", "|---|---|---|"]
    for name, each in METRICS.items():
        averaged = "yes" if each.averaged else "by name" if each.asked else ""
        lines.append(f"| `{name}` | {each.meaning} | {averaged} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown_table())
