from .alternatives import TailComparison, compare_tails
from .eigenspectrum import Shape, matrix_shape, spectrum
from .fingers import fit_clipped
from .gram import eigenvalues, eigenvalues_batched
from .hill import hill_alpha
from .layer_metrics import LayerResult, analyze_kernel, spectrum_metrics
from .marchenko_pastur import BulkFit, fit_bulk
from .matrix_norms import Norms, norms
from .methods import PRESETS, Method, method
from .metrics import LayerMetrics, Metric, Spectrum
from .powerlaw import PowerLawFit, fit_power_law, ks_distance
from .randomized import Randomized, compare_randomized

__all__ = [
    "PRESETS",
    "BulkFit",
    "LayerMetrics",
    "LayerResult",
    "Method",
    "Metric",
    "Norms",
    "PowerLawFit",
    "Randomized",
    "Shape",
    "Spectrum",
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
