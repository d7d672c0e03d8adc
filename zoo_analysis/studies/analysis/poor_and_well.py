"""Poorly against well trained models of one series, by a metric of their weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from zoo_analysis.stats.computable import Floats
from zoo_analysis.store.schemas import LEADING_METRICS
from zoo_analysis.studies.analysis.estimate import Estimate

#: Trainings of the base shape that are poor by design. Strong decay is neither poor nor well.
POOR: Final = ("half", "noise30", "noise60")
WELL: Final = ("base", "narrow", "wide", "shallow", "deep")
ALL_POOR: Final = "mean of the three"
NORMS: Final = ("log_norm", "log_spectral_norm")
_RESAMPLES: Final = 1999
_HIGHER: Final = "share of pairs where the poor one is higher"


@dataclass(frozen=True)
class Member:
    """A model of the zoo, measured.

    Attributes:
        series: its family.
        training: what sets it apart in its series: shape, epochs, decay or label noise.
        seed: of its training.
        accuracy: on the held-out images, in percent.
        metrics: averages over its layers, by name.
    """

    series: str
    training: str
    seed: int
    accuracy: float
    metrics: dict[str, float]


def areas(members: Sequence[Member]) -> list[Estimate]:
    """Area under the curve of each metric, poorly against well trained of one series, averaged."""
    from scipy.stats import bootstrap

    rows = []
    for metric in LEADING_METRICS:
        samples = [
            np.array([m.metrics[metric] for m in members if m.series == series and m.training in t])
            for series in sorted({m.series for m in members})
            for t in (POOR, WELL)
        ]
        value = float(mean_area(*samples))
        low, high = np.nan, np.nan
        if 0 < value < 1:  # a perfect order resamples to a perfect order, and tells nothing
            found = bootstrap(
                samples,
                mean_area,
                n_resamples=_RESAMPLES,
                method="percentile",
                rng=np.random.default_rng(0),
            ).confidence_interval
            low, high = float(found.low), float(found.high)
        n = sum(map(len, samples))
        rows.append(
            Estimate("poor against well", "area under the curve", metric, n, value, low, high)
        )
    return rows


def mean_area(*samples: Floats, axis: int = -1) -> Floats:
    """Chance that a poorly trained model has the higher value, averaged over series.

    Args:
        samples: (…, n) of the poorly and (…, m) of the well trained, series after series.
        axis: the last; for `scipy.stats.bootstrap`.
    """
    areas = []
    for poor, well in zip(samples[::2], samples[1::2], strict=True):
        difference = poor[..., :, None] - well[..., None, :]
        areas.append(((np.sign(difference) + 1) / 2).mean(axis=(-2, -1)))
    averaged: Floats = np.mean(areas, axis=0)
    return averaged


def pair_shares(members: Sequence[Member]) -> list[Estimate]:
    """Share of pairs of one shape and initialisation in which the poor one has the higher metric.

    Pairs are independent, so that the share's interval (Clopper & Pearson 1934) and the p-value of
    one half are exact. Ties count for neither side and are left out.
    """
    by = {(m.series, m.training, m.seed): m.metrics for m in members}
    pairs = [(s, seed) for s, training, seed in by if training == "base"]
    rows = []
    for group, trainings in {**{t: (t,) for t in POOR}, ALL_POOR: POOR}.items():
        for metric in LEADING_METRICS:
            poor = [[by[s, t, seed][metric] for t in trainings] for s, seed in pairs]
            difference = np.mean(poor, axis=1) - [by[s, "base", seed][metric] for s, seed in pairs]
            rows.append(share_of_pairs(group, metric, _HIGHER, difference))
    return rows


def share_of_pairs(group: str, metric: str, quantity: str, difference: Floats) -> Estimate:
    """Share of differences above zero, with its exact interval and the p-value of one half.

    Args:
        group: of what.
        metric: whose difference.
        quantity: what the share is.
        difference: (n,) of each pair; zeros and NaN count for neither side and are left out.
    """
    from scipy.stats import binomtest

    n, positive = (int(np.count_nonzero(each)) for each in (abs(difference) > 0, difference > 0))
    if n == 0:
        return Estimate(group, quantity, metric, 0, np.nan)
    test = binomtest(positive, n)
    low, high = test.proportion_ci(method="exact")
    return Estimate(group, quantity, metric, n, test.statistic, low, high, test.pvalue)


def judged(
    shares: Sequence[Estimate],
    pairs: str = "pairs of one shape and initialisation",
    poor: str = "the poorly trained one",
) -> tuple[str, bool | None]:
    """The verdict, and whether the published finding is seen.

    It is where the interval of α's share lies above one half and no norm's does; it is not where
    α's does not, or both norms' do as well; with one norm's it cannot be said.

    Args:
        shares: a row each metric.
        pairs: what they are of.
        poor: the side that is expected to be higher.
    """
    by = {share.measure: share for share in shares}
    right = [name for name in ("alpha", *NORMS) if by[name].low > 0.5]
    norms = [name for name in right if name in NORMS]
    seen = None if "alpha" in right and len(norms) == 1 else right == ["alpha"]
    said = ", ".join(f"{name} {_said(by[name])}" for name in ("alpha", *NORMS))
    answer = {True: "Seen", False: "Not seen", None: "Seen in part"}[seen]
    return (
        f"{answer}: of {by['alpha'].n} {pairs}, {poor} has the higher value in these shares: "
        f"{said}.",
        seen,
    )


def _said(share: Estimate) -> str:
    sign = "tells them apart" if share.low > 0.5 else "does not tell"
    sign = "points the wrong way" if share.high < 0.5 else sign
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%}: {sign})"
