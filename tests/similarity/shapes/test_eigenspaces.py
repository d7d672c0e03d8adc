"""Overlaps of eigenspaces and shapes partly whitened, against numpy and netrep's formula.

netrep is in no package registry; its whitening is written out here from the paper.
"""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from tests.support.representations import related, rotation
from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import (
    canonical_correlations,
    eigenspace_overlap,
    procrustes_angular,
    shape_by,
    shape_half,
)


def unit(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(0)
    return x / np.linalg.norm(x)


def angle(x: np.ndarray, y: np.ndarray, alpha: float) -> float:
    """Williams et al. 2021: whitened in part, of norm 1, and the best rotation found."""
    whitened = []
    for z in map(unit, (x, y)):
        z = z @ (alpha * np.eye(z.shape[1]) + (1 - alpha) * np.linalg.inv(sqrtm(z.T @ z)))
        whitened.append(z / np.linalg.norm(z))
    singular = np.linalg.svd(whitened[0].T @ whitened[1], compute_uv=False)
    return float(np.arccos(singular.sum().clip(-1, 1)))


@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize(("d1", "d2"), [(5, 5), (4, 9)])
def test_shapes_are_at_the_angle_of_the_formula(alpha, d1, d2) -> None:
    x, y = related(d1, 40, d1, d2)
    assert shape_by(alpha)(x, y) == pytest.approx(angle(x, y, alpha), abs=1e-7)


def test_at_the_ends_it_is_procrustes_and_canonical_correlations() -> None:
    x, y = related(2, 50, 6, 8)
    assert shape_by(1)(x, y) == pytest.approx(procrustes_angular(x, y), abs=1e-9)
    rho = float(canonical_correlations(x, y).sum())
    assert shape_by(0)(x, y) == pytest.approx(np.arccos(rho / np.sqrt(6 * 8)), abs=1e-9)
    with pytest.raises(SimilarityError, match=r"alpha 1.5"):
        shape_by(1.5)


def test_half_way_is_a_metric() -> None:
    (x, y), z = related(4, 40, 5, 5), related(5, 40, 5, 5)[0]
    for a, b, c in ((x, y, z), (y, z, x), (z, x, y)):
        assert shape_half(a, b) <= shape_half(a, c) + shape_half(c, b)
    assert shape_half(x, x @ rotation(np.random.default_rng(0), 5)) == pytest.approx(0, abs=1e-6)


def test_the_overlap_is_that_of_orthonormal_bases() -> None:
    x, y = related(3, 40, 5, 8)
    u, v = (np.linalg.svd(unit(z), full_matrices=False)[0] for z in (x, y))
    expected = np.square(u.T @ v).sum() / 8
    assert eigenspace_overlap(x, y) == pytest.approx(expected, abs=1e-9)
    assert eigenspace_overlap(x, x @ np.diag([1, 2, 3, 4, 5])) == pytest.approx(1)
    assert eigenspace_overlap(x, x[:, :2]) == pytest.approx(2 / 5)
