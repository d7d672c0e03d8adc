"""Trees and maps of distances, against scipy's and what is known in closed form."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial import procrustes
from scipy.spatial.distance import pdist, squareform

from zoo_analysis.stats import classical_scaling, dendrogram


def test_points_of_the_plane_come_back_up_to_a_motion() -> None:
    points = np.random.default_rng(0).normal(size=(30, 2))
    plane = classical_scaling(squareform(pdist(points)))
    assert plane.stress == pytest.approx(0, abs=1e-7)
    assert plane.share == pytest.approx(1)
    assert squareform(pdist(plane.points)) == pytest.approx(squareform(pdist(points)))
    assert procrustes(points, plane.points)[2] == pytest.approx(0, abs=1e-12)


def test_the_plane_has_two_thirds_of_a_tetrahedron() -> None:
    plane = classical_scaling(1 - np.eye(4))
    assert plane.share == pytest.approx(2 / 3)
    apart = squareform(pdist(plane.points))
    assert plane.stress == pytest.approx(np.sqrt(((apart - 1 + np.eye(4)) ** 2).sum() / 12))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_things_at_one_place_have_no_stress(n: int) -> None:
    plane = classical_scaling(np.zeros((n, n)))
    assert (plane.stress, plane.share) == (0, 1)
    assert plane.points == pytest.approx(np.zeros((n, 2)))


def test_a_pair_joins_at_its_distance_and_average_linkage_is_the_mean() -> None:
    place = np.array([0.0, 1.0, 5.0])
    tree = dendrogram(abs(place[:, None] - place), most=10)
    tops = sorted(float(height.max()) for _, height in tree.branches)
    assert tops == pytest.approx([1, 4.5])
    assert tree.order[1] == 1, "the one in the middle"
    ends = np.array(tree.branches).transpose(1, 0, 2).reshape(2, -1)
    assert sorted(ends[0, ends[1] == 0]) == [0, 1, 2]


def test_clusters_are_scipys_numbered_along_the_tree() -> None:
    distances = squareform(pdist(np.random.default_rng(1).normal(size=(80, 3))))
    tree = dendrogram(distances, most=12)
    expected = fcluster(linkage(squareform(distances), "average"), 12, "maxclust")
    alike = tree.clusters[:, None] == tree.clusters
    assert np.array_equal(alike, expected[:, None] == expected)
    assert np.all(np.diff(tree.clusters[tree.order]) >= 0)
    assert tree.clusters.max() == 11
    assert len(dendrogram(np.zeros((1, 1)), 5).branches) == 0
