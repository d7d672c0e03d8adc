"""A matrix to its spectrum to its numbers: pure functions of arrays."""

from zoo_analysis.spectra.alternatives import TailComparison, compare_tails
from zoo_analysis.spectra.eigenspectrum import Shape, matrix_shape, spectrum
from zoo_analysis.spectra.fingers import fit_clipped
from zoo_analysis.spectra.gram import eigenvalues, eigenvalues_batched
from zoo_analysis.spectra.hill import hill_alpha
from zoo_analysis.spectra.layer_metrics import (
    LayerMetrics,
    LayerResult,
    analyze_kernel,
    spectrum_metrics,
)
from zoo_analysis.spectra.marchenko_pastur import BulkFit, fit_bulk
from zoo_analysis.spectra.matrix_norms import Norms, norms
from zoo_analysis.spectra.methods import PRESETS, Method, method
from zoo_analysis.spectra.powerlaw import PowerLawFit, fit_power_law, ks_distance
from zoo_analysis.spectra.randomized import Randomized, compare_randomized

__all__ = [
    "PRESETS",
    "BulkFit",
    "LayerMetrics",
    "LayerResult",
    "Method",
    "Norms",
    "PowerLawFit",
    "Randomized",
    "Shape",
    "TailComparison",
    "analyze_kernel",
    "compare_randomized",
    "compare_tails",
    "eigenvalues",
    "eigenvalues_batched",
    "fit_bulk",
    "fit_clipped",
    "fit_power_law",
    "hill_alpha",
    "ks_distance",
    "matrix_shape",
    "method",
    "norms",
    "spectrum",
    "spectrum_metrics",
]
