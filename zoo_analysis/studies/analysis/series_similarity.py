"""Similarity of models of one series against that of models of different series."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zoo_analysis.stats.computable import Floats
from zoo_analysis.studies.analysis.estimate import Estimate
from zoo_analysis.studies.analysis.jackknife import jackknife

_PERMUTATIONS: Final = 9999
ALL: Final = "all series"
APART: Final = "without pairs of one initialisation"
DIFFERENCE: Final = "difference"


def by_series(similarity: Floats, series: Sequence[str], measure: str) -> list[Estimate]:
    """`within_and_between` over all series, then each series of two or more against all others."""
    told = np.asarray(series)
    out = within_and_between(similarity, series, measure)
    for name in sorted(set(series)):
        inside = told == name
        if inside.sum() > 1:
            pairs = inside & inside[:, None], inside ^ inside[:, None]
            out += _rows(name, similarity, *pairs, measure)
    return out


def within_and_between(
    similarity: Floats, series: Sequence[str], measure: str, group: str = ALL
) -> list[Estimate]:
    """Mean similarity within series, between series, and their difference.

    Intervals leave out one model in turn, with all its pairs. The p-value of the difference is
    Mantel's: series are dealt out to the models at random.

    Args:
        similarity: (n × n), symmetric; NaN of models that cannot be compared, and of each with
            itself.
        series: (n,) of the models.
        measure: its name.
        group: what the rows are of.
    """
    told = np.asarray(series)
    kin = told[:, None] == told
    *means, difference = _rows(group, similarity, kin, ~kin, measure)
    return [*means, _tested(difference, similarity, told)]


def _rows(
    group: str, similarity: Floats, within: NDArray[np.bool_], other: NDArray[np.bool_], name: str
) -> list[Estimate]:
    def statistic(kept: NDArray[np.int64]) -> Floats:
        at = np.ix_(kept, kept)
        inside, outside = (_mean(similarity[at], pairs[at]) for pairs in (within, other))
        return np.array([inside, outside, inside - outside])

    found = jackknife(statistic, len(similarity))
    compared = np.isfinite(similarity)
    numbers = [int((compared & pairs).sum() // 2) for pairs in (within, other)]
    quantities = ("likeness within", "likeness to others", DIFFERENCE)
    told = zip(quantities, (*numbers, len(similarity)), *found, strict=True)
    return [
        Estimate(group, quantity, name, n, *map(float, bounds)) for quantity, n, *bounds in told
    ]


def _mean(similarity: Floats, pairs: NDArray[np.bool_]) -> float:
    values = similarity[pairs]
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else np.nan


def _tested(difference: Estimate, similarity: Floats, series: NDArray[np.str_]) -> Estimate:
    """The difference with its p-value (Mantel 1967), by `scipy.stats.permutation_test`."""
    from scipy.stats import permutation_test

    codes = np.unique(series, return_inverse=True)[1].astype(float)
    known = np.isfinite(similarity)
    values, known_pairs = np.where(known, similarity, 0.0), known.astype(float)

    def statistic(labels: Floats, axis: int) -> Floats:
        """Mean within less mean between, of labels (…, n)."""
        kin = (labels[..., :, None] == labels[..., None, :]).astype(float)
        sums = (kin * values).sum((-2, -1)), ((1 - kin) * values).sum((-2, -1))
        numbers = (kin * known_pairs).sum((-2, -1)), ((1 - kin) * known_pairs).sum((-2, -1))
        with np.errstate(invalid="ignore", divide="ignore"):
            apart: Floats = sums[0] / numbers[0] - sums[1] / numbers[1]
        return np.nan_to_num(apart)

    if np.isnan(difference.value):
        return difference
    found = permutation_test(
        (codes,),
        statistic,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=_PERMUTATIONS,
        batch=500,
        rng=np.random.default_rng(0),
    )
    return replace(difference, p_value=float(found.pvalue))


def judged(
    difference: Estimate, whose: str, control: Estimate | None = None
) -> tuple[str, bool | None]:
    """The verdict, and whether the published finding is seen.

    It is where the interval of the difference lies above zero and the p-value is below 0.05.

    Args:
        difference: over all series.
        whose: which models these are.
        control: the same without pairs that began as the same network; told, and decides nothing.
    """
    seen: bool | None = difference.low > 0 and difference.p_value < 0.05
    if np.isnan([difference.low, difference.p_value]).any():
        seen = None
    answer = {True: "Seen", False: "Not seen", None: "Cannot be said"}[seen]
    apart = f"over {difference.n} {whose} the partial neuronal correlation within a series"
    if seen is None:
        return f"{answer}: {apart} and between series cannot be told apart with so few.", seen
    without = f"; by {_said(control)} without pairs of one initialisation" if control else ""
    return f"{answer}: {apart} exceeds that between series by {_said(difference)}{without}.", seen


def _said(difference: Estimate) -> str:
    return (
        f"{difference.value:.3f} ({difference.low:.3f} to {difference.high:.3f}, "
        f"p = {difference.p_value:.2g})"
    )
