"""How alike two layers, networks or outputs are: measures as functions of two arrays."""

from zoo_analysis.similarity.cca import (
    canonical_correlations,
    cca_mean,
    cca_mean_squared,
    pwcca,
    svcca,
)
from zoo_analysis.similarity.deconfounded import dcka, dcka_measure
from zoo_analysis.similarity.dissimilarity_analysis import rsa, rsa_by
from zoo_analysis.similarity.functional import accuracy_gap, agreement, js_divergence
from zoo_analysis.similarity.kernel_alignment import (
    cka,
    cka_debiased,
    cka_minibatch,
    cka_rbf,
    minibatch_cka,
)
from zoo_analysis.similarity.matching import neuronal_one_to_one, one_to_one
from zoo_analysis.similarity.measure import Invariance, Measure
from zoo_analysis.similarity.nearest_neighbours import knn, knn_of
from zoo_analysis.similarity.network import best_match, between, neuronal_between
from zoo_analysis.similarity.neuronal_comparison import LayerMatches, NeuronalComparison
from zoo_analysis.similarity.neuronal_correlation import (
    Maxima,
    neuronal,
    neuronal_matches,
    neuronal_maxima,
    standardise,
)
from zoo_analysis.similarity.procrustes_distances import procrustes, procrustes_angular
from zoo_analysis.similarity.registry import get_measure, measures
from zoo_analysis.similarity.weights_only import (
    WeightSimilarity,
    chain_factors,
    wcka,
    wcka_measure,
    weight_cka,
    weight_cka_measure,
)

__all__ = [
    "Invariance",
    "LayerMatches",
    "Maxima",
    "Measure",
    "NeuronalComparison",
    "WeightSimilarity",
    "accuracy_gap",
    "agreement",
    "best_match",
    "between",
    "canonical_correlations",
    "cca_mean",
    "cca_mean_squared",
    "chain_factors",
    "cka",
    "cka_debiased",
    "cka_minibatch",
    "cka_rbf",
    "dcka",
    "dcka_measure",
    "get_measure",
    "js_divergence",
    "knn",
    "knn_of",
    "measures",
    "minibatch_cka",
    "neuronal",
    "neuronal_between",
    "neuronal_matches",
    "neuronal_maxima",
    "neuronal_one_to_one",
    "one_to_one",
    "procrustes",
    "procrustes_angular",
    "pwcca",
    "rsa",
    "rsa_by",
    "standardise",
    "svcca",
    "wcka",
    "wcka_measure",
    "weight_cka",
    "weight_cka_measure",
]
