from .alternatives import (
    TailComparison,
    TruncatedPowerLaw,
    compare_tails,
    fit_truncated_power_law,
)
from .by_parts.products import head_cores, head_products, product_evals
from .by_parts.subspaces import leading_directions, overlaps, subspace_overlap
from .by_parts.windows import farms_alpha
from .declaring import Metric, Spectrum
from .eigenspectrum import Shape, matrix_shape, spectrum
from .gram import eigenvalues, eigenvalues_batched
from .layer_metrics import LayerResult, analyze_kernel
from .marchenko_pastur import BulkFit, fit_bulk
from .matrix_norms import Norms, effective_rank, norms, participation_ratio
from .methods import PRESETS, Method, method
from .metrics import LayerMetrics
from .randomized import Randomized, compare_randomized
from .spectrum_numbers import spectrum_metrics
from .tails.erg import ErgTail, erg_tail
from .tails.fingers import fit_clipped
from .tails.hill import hill_alpha, hill_as_counted
from .tails.peak import fit_peak
from .tails.powerlaw import PowerLawFit, fit_power_law, ks_distance

__all__ = [
    "PRESETS",
    "BulkFit",
    "ErgTail",
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
    "TruncatedPowerLaw",
    "analyze_kernel",
    "compare_randomized",
    "compare_tails",
    "effective_rank",
    "eigenvalues",
    "eigenvalues_batched",
    "erg_tail",
    "farms_alpha",
    "fit_bulk",
    "fit_clipped",
    "fit_peak",
    "fit_power_law",
    "fit_truncated_power_law",
    "head_cores",
    "head_products",
    "hill_alpha",
    "hill_as_counted",
    "ks_distance",
    "leading_directions",
    "matrix_shape",
    "method",
    "norms",
    "overlaps",
    "participation_ratio",
    "product_evals",
    "spectrum",
    "spectrum_metrics",
    "subspace_overlap",
]
