"""Across series: the pooled line beside what holds within, and what size and depth explain."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from zoo_analysis.answers.defaults import MIN_MODELS
from zoo_analysis.answers.points import Selection, load_pairs
from zoo_analysis.errors import QueryError
from zoo_analysis.stats import (
    Within,
    fit_line,
    mixed_line,
    partial_correlation,
    simpson,
    usable,
    varies,
)
from zoo_analysis.store import Store
from zoo_analysis.store.records import table_of

#: Level of the tests by which a slope is told from chance, as of `simpson`.
_SURE: Final = 0.05


@dataclass(frozen=True)
class MixedRow:
    """One metric against one accuracy over all series.

    Attributes:
        n, series: models, and the series they are of; models without a series are left out.
        finding: whether signs agree, and which of them chance may have made, in words.
        pooled_slope, pooled_se, pooled_p, pooled_r2: of the line that ignores series.
        within_slope: shared by all series, each at its own level.
        within_low, within_high: its 95 % interval.
        mixed_slope, mixed_se, mixed_p: fixed effect of the mixed model.
        random: its random effects: ``intercepts and slopes``, ``intercepts`` or none.
        intercept_sd, slope_sd: how much series differ.
        partial_parameters, partial_parameters_p: correlation given log10 parameters.
        partial_depth, partial_depth_p: correlation given the number of averaged layers.
    """

    metric: str
    dataset: str
    accuracy: str
    method: str
    n: int
    series: int
    finding: str
    pooled_slope: float
    pooled_se: float
    pooled_p: float
    pooled_r2: float
    within_slope: float
    within_low: float
    within_high: float
    mixed_slope: float
    mixed_se: float
    mixed_p: float
    random: str | None
    intercept_sd: float
    slope_sd: float
    partial_parameters: float
    partial_parameters_p: float
    partial_depth: float
    partial_depth_p: float


def mixed_table(store: Store, selection: Selection, min_models: int = MIN_MODELS) -> pa.Table:
    """Pooled, within-series and mixed-effects slopes of every metric, data set and method.

    Args:
        store: with summaries and accuracies.
        selection: of them.
        min_models: fewest models of a row.

    Returns:
        Columns of `MixedRow`; null for what cannot be estimated.

    Raises:
        QueryError: as `load_pairs`; also where no metric has enough models in some series.
    """
    pairs = load_pairs(store, selection)
    pairs = pairs[pairs["series"].notna()]
    rows = []
    for (dataset, accuracy, method), models in pairs.groupby(["dataset", "accuracy", "method"]):
        for metric in selection.columns:
            told = models[usable(models[metric].astype(float))]
            x = told[metric].to_numpy(dtype=float)
            y = told["value"].to_numpy(dtype=float)
            if len(told) < max(min_models, 3) or not varies(x):
                continue
            series = list(told["series"])
            line, within = fit_line(x, y), simpson(x, y, series)
            mixed = mixed_line(x, y, series)
            parameters = told["parameters"].to_numpy(dtype=float, na_value=np.nan)
            with np.errstate(divide="ignore", invalid="ignore"):
                by_size = partial_correlation(x, y, np.log10(parameters))
            layers = told["layers"].to_numpy(dtype=float)
            # Imported averages have 0 layers, which says nothing of depth.
            by_depth = partial_correlation(x, y, np.where(layers > 0, layers, np.nan))
            rows.append(
                MixedRow(
                    dataset=str(dataset),
                    accuracy=str(accuracy),
                    metric=metric,
                    method=str(method),
                    n=len(told),
                    series=len(set(series)),
                    pooled_slope=line.slope,
                    pooled_se=line.slope_se,
                    pooled_p=line.slope_p,
                    pooled_r2=line.r2,
                    within_slope=within.within,
                    within_low=within.within_low,
                    within_high=within.within_high,
                    mixed_slope=mixed.slope,
                    mixed_se=mixed.slope_se,
                    mixed_p=mixed.p,
                    random=mixed.random or None,
                    intercept_sd=mixed.intercept_sd,
                    slope_sd=mixed.slope_sd,
                    partial_parameters=by_size[0],
                    partial_parameters_p=by_size[1],
                    partial_depth=by_depth[0],
                    partial_depth_p=by_depth[1],
                    finding=in_words(within, line.slope_p, metric),
                )
            )
    if not rows:
        raise QueryError(
            f"no metric varies over {max(min_models, 3)} models that have a series and an "
            "accuracy: lower `min_models`, or name series in a catalogue"
        )
    return table_of(MixedRow, rows)


def in_words(found: Within, pooled_p: float, metric: str) -> str:
    """Agreement of the pooled slope and that within series, in words, as far as chance allows.

    Args:
        found: both slopes.
        pooled_p: the pooled slope's p-value.
        metric: its name.
    """
    if not found.slopes:
        return "no series has 3 models, enough for a slope of its own"
    if len(found.slopes) == 1:
        return (
            f"one series only ({next(iter(found.slopes))}): nothing to set against the pooled line"
        )
    over, inside = ("rises" if slope > 0 else "falls" for slope in (found.pooled, found.within))
    named = ", ".join(found.against)
    if found.paradox:
        return (
            f"Simpson's paradox: over all models accuracy {over} with {metric}, "
            f"but within series {named} it {inside}"
        )
    sure_over, sure_inside = pooled_p < _SURE, found.within_low * found.within_high > 0
    if sure_over and sure_inside:
        return f"accuracy {over} with {metric}, over all models and within series" + (
            f", but for the line of {named}" if named else ""
        )
    if sure_over:
        return (
            f"over all models accuracy {over} with {metric}; that it {inside} within series "
            "cannot be told from chance"
        )
    if sure_inside:
        return (
            f"within series accuracy {inside} with {metric}; that it {over} over all models "
            "cannot be told from chance"
        )
    return (
        f"whether accuracy rises or falls with {metric} cannot be told from chance, neither over "
        "all models nor within series"
    )
