"""Regressions and correlations with honest intervals: pure functions of arrays."""

from zoo_analysis.stats.clustering import Dendrogram, dendrogram
from zoo_analysis.stats.computable import usable, varies
from zoo_analysis.stats.conformal import groups_needed, jackknife_plus
from zoo_analysis.stats.correlations import (
    Correlation,
    Difference,
    correlation,
    correlation_difference,
    difference_of,
    fisher_z,
)
from zoo_analysis.stats.exact_r2 import r2_interval
from zoo_analysis.stats.group_prediction import (
    BEYOND,
    GroupPrediction,
    choose_by_groups,
    predict_by_groups,
)
from zoo_analysis.stats.grouped_ridge import GroupedRidge, Predictor
from zoo_analysis.stats.line import Line, fit_line, line_band
from zoo_analysis.stats.pooled import Mixed, Within, mixed_line, partial_correlation, simpson
from zoo_analysis.stats.regression import Regression, regress
from zoo_analysis.stats.resampling import (
    Intervals,
    benjamini_hochberg,
    bootstrap_intervals,
    permutation_p,
)
from zoo_analysis.stats.robust import Trend, robust_z, trend
from zoo_analysis.stats.scaling import Plane, classical_scaling
from zoo_analysis.stats.shares import Share, share

__all__ = [
    "BEYOND",
    "Correlation",
    "Dendrogram",
    "Difference",
    "GroupPrediction",
    "GroupedRidge",
    "Intervals",
    "Line",
    "Mixed",
    "Plane",
    "Predictor",
    "Regression",
    "Share",
    "Trend",
    "Within",
    "benjamini_hochberg",
    "bootstrap_intervals",
    "choose_by_groups",
    "classical_scaling",
    "correlation",
    "correlation_difference",
    "dendrogram",
    "difference_of",
    "fisher_z",
    "fit_line",
    "groups_needed",
    "jackknife_plus",
    "line_band",
    "mixed_line",
    "partial_correlation",
    "permutation_p",
    "predict_by_groups",
    "r2_interval",
    "regress",
    "robust_z",
    "share",
    "simpson",
    "trend",
    "usable",
    "varies",
]
