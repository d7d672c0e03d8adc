"""Mutual nearest neighbours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import knn, knn_of


def noise(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def reference(x: np.ndarray, y: np.ndarray, k: int) -> float:
    near = [
        NearestNeighbors(n_neighbors=k, metric="cosine").fit(a).kneighbors(return_distance=False)
        for a in (x, y)
    ]
    return float(np.mean([len(set(a) & set(b)) / k for a, b in zip(*near, strict=True)]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(12, 60), st.integers(1, 11))
def test_it_is_the_shared_part_of_scikit_learns_neighbours(seed: int, n: int, k: int) -> None:
    x, y = noise(n, 5, seed), noise(n, 4, seed + 1)
    y[:, :3] += x[:, :3]
    assert knn_of(k)(x, y) == pytest.approx(reference(x, y, k))
    assert knn(x, y) == pytest.approx(reference(x, y, 10))


def test_arrays_without_relation_share_neighbours_by_chance() -> None:
    shared = knn(noise(1000, 50), noise(1000, 50, 1))
    assert shared == pytest.approx(10 / 999, abs=0.002)
    assert knn(noise(30, 3), noise(30, 3)) == 1


def test_activations_that_all_point_one_way_keep_their_neighbours_in_float32() -> None:
    x = (1000 + noise(200, 32)).astype(np.float32)
    assert knn(x, x.astype(np.float64)) == 1
    z = x / np.linalg.norm(x, axis=1, keepdims=True)
    single = np.argsort(-(z @ z.T) + 9 * np.eye(200, dtype=np.float32), axis=1)[:, :10]
    exact = knn.prepare(x.astype(np.float64)).indices.numpy()
    shared = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(single, exact, strict=True)])
    assert shared < 0.9


def test_dead_samples_and_any_magnitude_are_taken() -> None:
    x, y = noise(40, 4), noise(40, 4, 1)
    assert knn(1e300 * x, 1e-300 * y) == knn(x, y)
    x[0] = 0
    assert 0 <= knn(x, y) <= 1


def test_fewer_samples_than_neighbours_are_refused() -> None:
    with pytest.raises(SimilarityError, match=r"\(10, 3\) has too few samples for 10 neighbours"):
        knn(noise(10, 3), noise(10, 3))
    assert knn(noise(11, 3), noise(11, 3, 1)) == 1


def test_different_samples_are_refused_with_both_shapes() -> None:
    with pytest.raises(SimilarityError, match=r"\(15, 2\) and \(16, 3\)"):
        knn(noise(15, 2), noise(16, 3))
    prepared = knn.prepare(noise(15, 2)), knn.prepare(noise(16, 3))
    with pytest.raises(SimilarityError, match=r"\(15, 2\) and \(16, 3\)"):
        knn.compare(*prepared)
