"""CKNNA against its formula, and the Jaccard similarity of neighbours against sets."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from tests.support.representations import related, rotation
from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import cka_debiased, cknna, cknna_of, knn, knn_jaccard, knn_of


def neighbours(x: np.ndarray, k: int) -> list[set[int]]:
    fitted = NearestNeighbors(n_neighbors=k, metric="cosine").fit(x)
    return [set(each) for each in fitted.kneighbors(return_distance=False).tolist()]


def unbiased_hsic(k: np.ndarray, l: np.ndarray) -> float:  # noqa: E741
    """Song et al. 2012, eq. 5, of matrices that need not be symmetric."""
    m, one = len(k), np.ones(len(k))
    trace = np.trace(k @ l)
    product = (one @ k @ one) * (one @ l @ one) / ((m - 1) * (m - 2))
    return float((trace + product - 2 / (m - 2) * one @ k @ l @ one) / (m * (m - 3)))


def formula(x: np.ndarray, y: np.ndarray, k: int) -> float:
    """Alignment of the kernels where both have a neighbour, as Huh et al. 2024 define it."""
    kernels, near = [], []
    for z in (x, y):
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
        kernels.append(z @ z.T)
        near.append(np.array([[j in each for j in range(len(z))] for each in neighbours(z, k)]))

    def of(a: int, b: int) -> float:
        both = near[a] & near[b]
        return unbiased_hsic(kernels[a] * both, kernels[b] * both)

    return of(0, 1) / np.sqrt(of(0, 0) * of(1, 1))


@pytest.mark.parametrize(("n", "k"), [(40, 10), (25, 4), (60, 20)])
def test_it_is_the_formula(n, k) -> None:
    x, y = related(n, n, 6, 9)
    assert cknna_of(k)(x, y) == pytest.approx(formula(x, y, k), abs=1e-9)
    assert cknna(x, y) == pytest.approx(formula(x, y, 10), abs=1e-9)
    assert cknna(x, x @ rotation(np.random.default_rng(0), 6)) == pytest.approx(1)


def test_with_all_samples_as_neighbours_it_is_debiased_cka_of_the_cosines() -> None:
    x, y = related(3, 30, 6, 9)
    x, y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))
    assert cknna_of(29)(x, y) == pytest.approx(cka_debiased(x, y), abs=1e-9)


@pytest.mark.parametrize("n", [20, 50])
def test_jaccard_is_what_is_shared_over_what_is_there(n) -> None:
    x, y = related(n, n, 5, 4)
    pairs = list(zip(neighbours(x, 10), neighbours(y, 10), strict=True))
    expected = np.mean([len(a & b) / len(a | b) for a, b in pairs])
    assert knn_jaccard(x, y) == pytest.approx(expected)
    assert knn_jaccard(x, y) < knn(x, y) == pytest.approx(knn_of(10)(x, y))
    assert knn_jaccard(x, 3 * x) == 1


def test_ten_samples_have_no_ten_neighbours() -> None:
    x, y = related(0, 10, 3, 3)
    for measure in (cknna, knn_jaccard):
        with pytest.raises(SimilarityError, match="too few samples for 10 neighbours"):
            measure(x, y)
