"""Distance correlation against its definition, written out with scipy's distances.

The package dcor gives the same; it needs numba, and is no dependency of the tests.
"""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tests.support.representations import related, rotation
from zoo_analysis.similarity import distance_correlation


def defined(x: np.ndarray, y: np.ndarray) -> float:
    """V-statistics of Székely, Rizzo & Bakirov 2007, eq. 2.8 to 2.10."""
    a, b = (cdist(z, z) for z in (x, y))
    a, b = (d - d.mean(0) - d.mean(1, keepdims=True) + d.mean() for d in (a, b))
    return float(np.sqrt((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean())))


@pytest.mark.parametrize(("n", "d1", "d2"), [(50, 7, 12), (20, 30, 45), (30, 1, 60), (3, 2, 2)])
def test_it_is_the_definition(n, d1, d2) -> None:
    x, y = related(n, n, d1, d2)
    assert distance_correlation(x, y) == pytest.approx(defined(x, y), abs=1e-9)


def test_the_package_dcor_gives_the_same() -> None:
    dcor = pytest.importorskip("dcor")
    x, y = related(1, 40, 5, 8)
    expected = float(dcor.distance_correlation(x, y))
    assert distance_correlation(x, y) == pytest.approx(expected, abs=1e-9)


def test_it_sees_what_no_correlation_shows() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((500, 1))
    assert abs(np.corrcoef(x[:, 0], x[:, 0] ** 2)[0, 1]) < 0.2
    assert distance_correlation(x, x**2) > 0.4
    assert distance_correlation(x, rng.standard_normal((500, 1))) < 0.15
    assert distance_correlation(x, 3 - 2 * x) == pytest.approx(1)


def test_rotations_do_not_matter() -> None:
    x, y = related(2, 30, 5, 6)
    turned = 4 * x @ rotation(np.random.default_rng(0), 5) + 7
    assert distance_correlation(turned, y) == pytest.approx(distance_correlation(x, y), abs=1e-9)
