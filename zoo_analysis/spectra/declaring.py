"""Declarations of a layer's metrics, and the spectrum that they are computed from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.spectra.tails.powerlaw import PowerLawFit


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
        averaged: its place among the averages that are told unasked, from 1; 0 is none of them.
        asked: it is averaged in `summaries` too, and told where it is asked for by name.
        shown: its place among what `zoo show` tells of each layer, from 1; 0 is not shown.
        of: computes it; NaN or None where it does not exist. None where `spectrum_metrics` takes
            it from a function that yields several at once.
    """

    meaning: str
    averaged: int
    asked: bool
    shown: int
    of: Callable[[Spectrum], float | None] | None


def metric(
    meaning: str,
    *,
    averaged: int = 0,
    asked: bool = False,
    shown: int = 0,
    of: Callable[[Spectrum], float | None] | None = None,
) -> Any:
    """A field of `LayerMetrics`: a `Metric` with these attributes, None unless it is given."""
    return field(default=None, metadata={"metric": Metric(meaning, averaged, asked, shown, of)})


def of_fit(compute: Callable[[Spectrum, PowerLawFit], float]) -> Callable[[Spectrum], float | None]:
    """A metric that exists only where there is a fit, as a function of the spectrum alone."""
    return lambda spectrum: None if spectrum.fit is None else compute(spectrum, spectrum.fit)
