"""All metrics of one spectrum."""

import contextlib
from collections.abc import Mapping
from math import isfinite
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.spectra.alternatives import compare_tails, fit_truncated_power_law
from zoo_analysis.spectra.declaring import Spectrum
from zoo_analysis.spectra.eigenspectrum import Shape
from zoo_analysis.spectra.marchenko_pastur import BulkFit, fit_bulk
from zoo_analysis.spectra.matrix_norms import above_noise, norms
from zoo_analysis.spectra.methods import Method
from zoo_analysis.spectra.metrics import LayerMetrics, computed
from zoo_analysis.spectra.randomized import compare_randomized
from zoo_analysis.spectra.rounding import equal_evals
from zoo_analysis.spectra.tails.erg import erg_tail
from zoo_analysis.spectra.tails.fingers import fit_clipped
from zoo_analysis.spectra.tails.peak import fit_peak
from zoo_analysis.spectra.tails.powerlaw import PowerLawFit, fit_power_law
from zoo_analysis.spectra.tails.small_sample import SMALL_SAMPLE, fit_small_sample

Status = Literal[
    "success",
    "too-few-evals",  # norms, but no fit
    "equal-evals",  # up to the stored precision: norms, but no tail to fit
    "too-large",  # beyond the method's limits: nothing computed
    "non-finite",
    "all-zero",
    "rank-one",
    "quantized",
    "not-understood",  # the file does not tell how its tensors make the weight
    "failed",
    "subspace",  # an expert: its leading singular vectors were compared, and no spectrum was made
]


def spectrum_metrics(
    evals: NDArray[np.float64],
    shape: Shape,
    how: Method,
    shuffled: NDArray[np.float64] | None = None,
    *,
    live: Shape | None = None,
    fitted: bool = True,
    noise: NDArray[np.float64] | float = 0.0,
    precision: torch.dtype = torch.float64,
    bulk: BulkFit | None = None,
) -> tuple[LayerMetrics, Status]:
    """Metrics of one pooled spectrum.

    Args:
        evals: eigenvalues, ascending, ≥ 0; the largest is positive.
        shape: of the matrices they come from.
        how: thresholds, estimator and options.
        shuffled: eigenvalues of the shuffled kernel, for the randomised metrics.
        live: the shape without rows and columns of zeros, by which a Marchenko–Pastur bulk is
            fitted; None fits none.
        fitted: whether there is a tail to fit: many small matrices have many eigenvalues and none.
        noise: what rounding to the stored type makes of zero, (n,) or one for all.
        precision: the type in which the matrix was computed before it was stored.
        bulk: that of all eigenvalues, where it was fitted before.
    """
    eps = float(np.finfo(how.dtype).eps)
    norm = norms(evals, shape.n, epsilon=how.entropy_epsilon, eps=eps, noise=noise)
    if norm.matrix_rank <= 1 and shape.m > 1:
        return LayerMetrics(), "rank-one"
    values: dict[str, float | None] = dict(vars(norm))
    counted = above_noise(evals, shape.n, eps=eps, noise=noise)
    if live is not None and live.m >= how.min_evals:
        if bulk is None or not counted.all():
            bulk = fit_bulk(evals[counted], live.n, live.m, live.matrices)
        values |= vars(bulk)
        if shuffled is not None:
            against = compare_randomized(evals, shuffled, shape.n, shape.m, shape.matrices)
            values |= vars(against)
    usable = evals[counted & (evals > how.min_eval)]
    judged = len(evals) if how.estimator == "weightwatcher" else len(usable)
    judged = judged if fitted else 0
    fit: PowerLawFit | None = None
    unfitted: Status = "too-few-evals"
    if judged >= how.min_evals and how.rank == "stored":
        loudest = float(np.max(noise))
        unfitted = "equal-evals" if equal_evals(usable, loudest, shape.n, precision) else unfitted
    if judged >= how.min_evals and unfitted == "too-few-evals":
        with contextlib.suppress(ValueError):  # no two distinct values
            fit, values["num_fingers"], values["raw_alpha"] = _fit(usable, how)
    values |= computed(Spectrum(evals, usable, fit))
    if fit is not None:
        values |= vars(fit)
        whole = evals if counted.all() else np.sort(np.where(counted, evals, 0.0))
        if (erg := erg_tail(whole)) is not None:
            values |= vars(erg) | {"erg_gap": erg.erg_num - fit.num_pl_spikes}
        tail = usable[(usable >= fit.xmin) & (usable <= fit.xmax)]
        if how.alternatives and len(set(tail)) > 2:
            # The laws compared have no upper end: their power law is that of `fit` without xmax.
            alpha = fit.alpha if how.xmax is None else 1 + 1 / float(np.log(tail / fit.xmin).mean())
            for name, against_it in compare_tails(tail, alpha).items():
                values |= {f"R_{name}": against_it.R, f"p_{name}": against_it.p}
            cut = fit_truncated_power_law(tail, alpha)
            values |= {"tpl_beta": cut.beta, "tpl_Lambda": cut.Lambda}
        if how.alternatives and (peak := fit_peak(usable)) is not None:
            cut = fit_truncated_power_law(usable[usable >= peak.xmin], peak.alpha)
            values |= {"peak_alpha": peak.alpha, "peak_xmin": peak.xmin}
            values |= {"etpl_beta": cut.beta, "etpl_Lambda": cut.Lambda}
    return LayerMetrics(**finite(values)), "success" if fit is not None else unfitted


def finite(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Numbers by their names, with None for what is not finite."""
    return {n: v if v is not None and isfinite(v) else None for n, v in values.items()}


def _fit(usable: NDArray[np.float64], how: Method) -> tuple[PowerLawFit, int | None, float | None]:
    if how.estimator == "weightwatcher" and len(usable) < SMALL_SAMPLE:
        return fit_small_sample(usable), None, None
    kept = usable if how.xmax is None else usable[usable <= how.xmax]
    end = None if how.estimator == "weightwatcher" else how.xmax  # it drops, and fits as if all
    if how.max_fingers:
        fit, dropped, raw = fit_clipped(kept, how.max_fingers, end)
        return fit, dropped, raw.alpha
    return fit_power_law(kept, xmax=end), None, None
