"""Procrustes distances against scipy and closed forms."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes as scipy_procrustes

from tests.support.representations import pairs, related, rotation
from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import procrustes, procrustes_angular, procrustes_permutation


def shape(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(0)
    return x / np.linalg.norm(x)


def rotated_apart(x: np.ndarray, y: np.ndarray) -> float:
    """What is left of ‖AQ − B‖² after scipy's best rotation, the narrower padded with zeros."""
    d = max(x.shape[1], y.shape[1])
    a, b = (np.pad(shape(z), ((0, 0), (0, d - z.shape[1]))) for z in (x, y))
    q, _ = orthogonal_procrustes(a, b)
    return float(np.linalg.norm(a @ q - b) ** 2)


@settings(deadline=None, max_examples=40)
@given(pairs())
def test_the_distance_is_what_scipy_rotation_leaves(xy):
    assert procrustes(*xy) == pytest.approx(rotated_apart(*xy), abs=1e-10)


@pytest.mark.parametrize(("n", "d1", "d2"), [(12, 40, 60), (12, 40, 5), (12, 5, 40), (12, 12, 12)])
def test_neurons_may_outnumber_samples(n, d1, d2):
    x, y = related(n, n, d1, d2)
    assert procrustes(x, y) == pytest.approx(rotated_apart(x, y), abs=1e-10)


def test_the_distance_follows_from_scipy_spatial_disparity():
    """Which also scales: 1 − ‖AᵀB‖_*²."""
    x, y = related(0, 40, 6, 6)
    *_, disparity = scipy_procrustes(x, y)
    assert procrustes(x, y) == pytest.approx(2 - 2 * np.sqrt(1 - disparity), abs=1e-10)
    assert procrustes_angular(x, y) == pytest.approx(np.arcsin(np.sqrt(disparity)), abs=1e-9)


def test_orthogonal_clouds_are_as_far_apart_as_can_be():
    a = np.random.default_rng(0).standard_normal((40, 8))
    q = np.linalg.qr(a - a.mean(0))[0]
    assert procrustes(q[:, :4], q[:, 4:]) == pytest.approx(2, abs=1e-12)
    assert procrustes_angular(q[:, :4], q[:, 4:]) == pytest.approx(np.pi / 2, abs=1e-12)
    # 2 of 4 directions shared, each with half a unit of the norm: the overlap is a half
    assert procrustes(q[:, :4], q[:, 2:6]) == pytest.approx(1, abs=1e-12)
    assert procrustes_angular(q[:, :4], q[:, 2:6]) == pytest.approx(np.pi / 3, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.floats(0.01, 3), st.floats(0.01, 3))
def test_the_angle_is_a_metric(seed, near, far):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((15, 4))
    y = x @ rotation(rng, 4) + near * rng.standard_normal((15, 4))
    z = y @ rotation(rng, 4) + far * rng.standard_normal((15, 4))
    sides = [procrustes_angular(a, b) for a, b in ((x, y), (y, z), (x, z))]
    assert sides[2] <= sides[0] + sides[1] + 1e-9
    assert min(sides) > 1e-4


def test_small_angles_need_float64():
    """The arc cosine of an overlap that float32 keeps from 1 is off by 1e-4."""
    rng = np.random.default_rng(0)
    single = []
    for _ in range(10):
        x = rng.standard_normal((200, 30)).astype(np.float32)
        y = (x @ rotation(rng, 30)).astype(np.float32) * 3
        a, b = (torch.from_numpy(shape(z)) for z in (x, y))
        overlap = float(torch.linalg.svdvals(a.T @ b).sum())
        single.append(np.arccos(min(overlap, 1.0)))
        assert procrustes_angular(x, y) < 1e-6
    assert max(single) > 1e-4


@pytest.mark.parametrize(("d1", "d2"), [(4, 4), (3, 5)])
def test_permutations_are_the_best_of_all_that_there_are(d1, d2) -> None:
    x, y = related(d1, 20, d1, d2)
    a, b = (z - z.mean(0) for z in (x, y))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    a = np.hstack([a, np.zeros((20, d2 - d1))])
    least = min(np.square(a[:, list(order)] - b).sum() for order in permutations(range(d2)))
    assert procrustes_permutation(x, y) == pytest.approx(least, abs=1e-9)
    assert procrustes_permutation(y, x) == pytest.approx(least, abs=1e-9)
    assert procrustes_permutation(x, y) >= procrustes(x, y) - 1e-9


def test_permutations_keep_signs_and_see_rotations() -> None:
    x = related(0, 30, 4, 4)[0]
    shuffled = 5 * x[:, [2, 0, 3, 1]] + 1
    assert procrustes_permutation(x, shuffled) == pytest.approx(0, abs=1e-9)
    assert procrustes_permutation(x, -shuffled) > 1
    turned = x @ np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    assert procrustes_permutation(x, turned) > 0.01
    with pytest.raises(SimilarityError, match="more than 4096 neurons"):
        procrustes_permutation(np.eye(3, 5000), np.eye(3, 5000))
