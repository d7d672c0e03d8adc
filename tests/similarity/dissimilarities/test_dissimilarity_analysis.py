"""Representational similarity analysis."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import kendalltau, pearsonr, rankdata, spearmanr

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import rsa, rsa_by
from zoo_analysis.similarity.dissimilarities.dissimilarity_analysis import dissimilarities, ranks


def noise(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.integers(3, 9), st.integers(3, 9))
def test_it_is_scipys_correlation_of_scipys_distances(seed: int, n: int, d1: int, d2: int) -> None:
    x, y = noise(n, d1, seed), noise(n, d2, seed + 1)
    x[1] = x[0]  # two samples that cannot be told apart
    a, b = pdist(x, "correlation"), pdist(y, "correlation")
    np.testing.assert_allclose(dissimilarities(x), a, atol=1e-11)
    assert rsa(x, y) == pytest.approx(spearmanr(a, b).statistic, abs=1e-9)
    assert rsa_by("pearson")(x, y) == pytest.approx(pearsonr(a, b).statistic, abs=1e-9)


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "correlation"])
@pytest.mark.parametrize(("method", "scipys"), [("spearman", spearmanr), ("kendall", kendalltau)])
def test_other_distances_and_kendalls_tau_are_scipys(distance, method, scipys) -> None:
    for seed, n in ((0, 12), (1, 40)):
        x, y = noise(n, 5, seed), noise(n, 7, seed + 2)
        y[:, :5] += x
        a, b = (pdist(z, distance) for z in (x, y))
        factor = np.asarray(dissimilarities(x, distance)) / a
        np.testing.assert_allclose(factor, factor.mean(), rtol=1e-8)
        measure = rsa_by(method, distance)
        assert measure(x, y) == pytest.approx(scipys(a, b).statistic, abs=1e-9)


def test_they_are_called_after_what_they_are_not_by_default() -> None:
    assert rsa_by("spearman").name == "rsa"
    assert rsa_by("kendall", "cosine").name == "rsa_kendall_cosine"


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30))
def test_the_tied_share_their_mean_rank(numbers: list[int]) -> None:
    assert ranks(torch.tensor(numbers)).tolist() == rankdata(numbers).tolist()


def test_of_two_neurons_the_distances_are_tied_and_not_ranked_by_rounding() -> None:
    x = noise(20, 2)
    rising = x[:, 0] < x[:, 1]
    same = rising[:, None] == rising[None, :]
    above = np.triu_indices(20, 1)
    assert dissimilarities(x).tolist() == (2.0 * ~same[above]).tolist()
    assert rsa(x, x * 0.1) == pytest.approx(1)


def test_samples_near_to_each_other_keep_their_order_in_float32() -> None:
    x = (100 + 0.01 * noise(40, 64)).astype(np.float32) + np.linspace(0, 900, 64, dtype=np.float32)
    exact = pdist(x.astype(np.float64), "correlation")
    z = x - x.mean(1, keepdims=True)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    single = (1 - z @ z.T)[np.triu_indices(40, 1)]
    assert spearmanr(single, exact).statistic < 0.9
    assert spearmanr(dissimilarities(x), exact).statistic > 0.9999


def test_one_monotone_transform_of_all_distances_changes_the_pearson_only() -> None:
    angles = np.sort(np.random.default_rng(0).uniform(0, 0.5, 12))
    axis = np.array([[1.0, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    x, y = (np.stack([np.cos(k * angles), np.sin(k * angles)], 1) @ axis for k in (1, 4))
    assert rsa(x, y) == pytest.approx(1)
    assert rsa_by("pearson")(x, y) < 0.999


def test_where_all_distances_are_equal_there_is_no_likeness() -> None:
    assert rsa(np.eye(5), noise(5, 4)) == 0


@pytest.mark.parametrize("shape", [(2, 4), (5, 1)])
def test_too_few_samples_or_neurons_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(SimilarityError, match=rf"\({shape[0]}, {shape[1]}\) has no distances"):
        rsa(noise(*shape), noise(shape[0], 3))


def test_different_samples_are_refused_with_both_shapes() -> None:
    with pytest.raises(SimilarityError, match=r"\(5, 2\) and \(6, 3\)"):
        rsa(noise(5, 2), noise(6, 3))
    prepared = rsa.prepare(noise(5, 2)), rsa.prepare(noise(6, 3))
    with pytest.raises(SimilarityError, match=r"\(5, 2\) and \(6, 3\)"):
        rsa.compare(*prepared)
