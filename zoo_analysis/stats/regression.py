"""A reported accuracy regressed on one metric, with what a careful reader would ask next."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from zoo_analysis.stats.computable import LARGEST, Floats, told_apart, unwarned, usable, varies
from zoo_analysis.stats.exact_r2 import r2_interval
from zoo_analysis.stats.line import Line, fit_line
from zoo_analysis.stats.resampling import MIN_BOOTSTRAP, bootstrap_intervals, permutation_p

#: Cook's distance from which a model is called influential (Cook & Weisberg 1982).
COOK = 1.0
#: Level of the test behind `heteroscedastic`, and of the one behind `curved`.
HETEROSCEDASTIC, CURVED = 0.05, 0.01

#: Models up to which Spearman's p-value is exact, over all orders.
_EXACT = 7
_NAN = float("nan")


@dataclass(frozen=True)
class Regression:
    """An ordinary-least-squares line, how well it holds, and how sure one can be of it.

    NaN stands for what n models cannot tell. Intervals are of 95 %; all p-values are two-sided.

    Attributes:
        n: models with a finite metric and a finite accuracy.
        slope: accuracy units per unit of the metric.
        slope_se: standard error of the slope.
        intercept: accuracy at metric 0.
        r2: share of the variance explained.
        r2_adj: corrected for the fitted slope.
        rmse: √(mean squared residual), without a degrees-of-freedom correction, as published
            (Martin, Peng & Mahoney 2021).
        rmse_loo: the same of each model predicted from the others.
        kendall_tau: Kendall's τ-b of metric and accuracy.
        kendall_p: chance of so large a |τ| without association (exact for few models).
        spearman_rho: Spearman's rank correlation.
        spearman_p: chance of so large a |ρ| without association.
        r2_low, r2_high: interval of R², exact for bivariate normal data; see `r2_interval`.
        r2_bca_low, r2_bca_high: BCa bootstrap interval of R², too short for a few models.
        tau_low, tau_high: BCa bootstrap interval of τ-b.
        perm_p: chance of so large a |Pearson correlation| when accuracies are dealt out at random.
        theil_sen: median of the slopes between any two models (Theil 1950, Sen 1968).
        flags: what to beware of; see docs/statistics.md.
    """

    n: int
    slope: float = _NAN
    slope_se: float = _NAN
    intercept: float = _NAN
    r2: float = _NAN
    r2_adj: float = _NAN
    rmse: float = _NAN
    rmse_loo: float = _NAN
    kendall_tau: float = _NAN
    kendall_p: float = _NAN
    spearman_rho: float = _NAN
    spearman_p: float = _NAN
    r2_low: float = _NAN
    r2_high: float = _NAN
    r2_bca_low: float = _NAN
    r2_bca_high: float = _NAN
    tau_low: float = _NAN
    tau_high: float = _NAN
    perm_p: float = _NAN
    theil_sen: float = _NAN
    flags: tuple[str, ...] = ()


def regress(
    metric: ArrayLike,
    accuracy: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    resamples: int = 1999,
    permutations: int = 9999,
    seed: int = 0,
) -> Regression:
    """Fit accuracy = intercept + slope · metric and examine the fit.

    Args:
        metric: (n,) values; pairs with a NaN, an infinity, or a size beyond 1e150 are left out.
        accuracy: (n,) values in any one unit.
        names: (n,) of the models, for the flags; their numbers where None.
        resamples: of the bootstrap.
        permutations: at most, of the permutation test.
        seed: of both.

    Raises:
        ValueError: different lengths.
    """
    x, y = np.asarray(metric, dtype=float), np.asarray(accuracy, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"metric has shape {x.shape} and accuracy {y.shape}: need two equal (n,)")
    labels = np.array([str(i) for i in range(len(x))] if names is None else list(names), dtype=str)
    if labels.shape != x.shape:
        raise ValueError(f"{len(labels)} names for {len(x)} models")
    paired = usable(x) & usable(y)
    whole, (x, y), labels = (x, y), (x[paired], y[paired]), labels[paired]
    n = len(x)
    flags = [f"n<{MIN_BOOTSTRAP} (n too small for intervals)"] if n < MIN_BOOTSTRAP else []
    if not paired.all():
        large = np.count_nonzero(np.isfinite(whole[0]) & np.isfinite(whole[1]) & ~paired)
        flags += [f"{large} left out (larger than {LARGEST:g})"] if large else []
        odd = np.count_nonzero(~paired) - large
        flags += [f"{odd} left out (not a number)"] if odd else []
    if n < 2 or not varies(x):
        return Regression(n, flags=(*flags, *(["constant metric"] if n > 1 else [])))
    line = fit_line(x, y)
    low, high = r2_interval(line.r2, n) if n >= MIN_BOOTSTRAP else (_NAN, _NAN)
    flags += _flags(line, x, y, labels)
    ranked = _ranked(x, y)
    if abs(ranked.kendall_tau) > 1 - 1e-9 and n >= MIN_BOOTSTRAP:
        flags.append("perfect order (no interval of τ)")
    return replace(
        ranked,
        **{
            name: getattr(line, name)
            for name in ("slope", "slope_se", "intercept", "r2", "r2_adj", "rmse", "rmse_loo")
        },
        r2_low=low,
        r2_high=high,
        **asdict(bootstrap_intervals(x, y, resamples=resamples, seed=seed)),
        perm_p=permutation_p(x, y, permutations=permutations, seed=seed),
        flags=tuple(flags),
    )


def _ranked(x: Floats, y: Floats) -> Regression:
    """Statistics of ranks, and of slopes between two models."""
    from scipy.stats import kendalltau, spearmanr, theilslopes

    with unwarned():  # constant accuracies: NaN
        tau, rho = kendalltau(x, y), spearmanr(x, y)
        return Regression(
            n=len(x),
            kendall_tau=float(tau.statistic),
            kendall_p=float(tau.pvalue),
            spearman_rho=float(rho.statistic),
            spearman_p=_spearman_p(x, y, float(rho.pvalue)),
            theil_sen=float(theilslopes(y, told_apart(x)).slope),
        )


def _spearman_p(x: Floats, y: Floats, p: float) -> float:
    """Chance of so large a |ρ|: exact for few models, whose p by Student's t may be 0."""
    from scipy.stats import rankdata

    if len(x) < 3 or not np.isfinite(p):
        return _NAN
    exact = len(x) <= _EXACT or p == 0
    return permutation_p(rankdata(x), rankdata(y)) if exact else p


def _flags(line: Line, x: Floats, y: Floats, labels: np.ndarray) -> list[str]:
    flags = []
    if not varies(y):
        return ["constant accuracy"]
    if len(x) > 3 and (heavy := labels[line.cook > COOK]).size:
        flags.append(f"influential ({', '.join(heavy)})")
    if line.breusch_pagan_p < HETEROSCEDASTIC:
        flags.append("heteroscedastic")
    if line.curvature_p < CURVED:
        flags.append("curved")
    turned = np.sign(line.slopes_without) * np.sign(line.slope) < 0
    told = labels[turned] if len(x) > 2 else ()
    return flags + [f"sign flips without {label}" for label in told]
