"""Canonical correlations against scipy, scikit-learn, the paper's formulas and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm, subspace_angles
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA

from tests.support.representations import pairs, related, rotation, transformed
from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import (
    canonical_correlations,
    cca_mean,
    cca_mean_squared,
    pwcca,
    pwcca_whole,
    svcca,
)

MEANS = pytest.mark.parametrize(
    "measure", [cca_mean, cca_mean_squared, svcca, pwcca, pwcca_whole], ids=lambda m: m.name
)


def by_scipy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sort(np.cos(subspace_angles(x - x.mean(0), y - y.mean(0))))[::-1]


@settings(deadline=None, max_examples=40)
@given(pairs())
def test_correlations_are_the_cosines_of_scipy_subspace_angles(xy):
    x, y = xy
    expected = by_scipy(x, y)
    assert canonical_correlations(x, y).numpy() == pytest.approx(expected, abs=1e-10)
    assert cca_mean(x, y) == pytest.approx(expected.mean(), abs=1e-10)
    assert cca_mean_squared(x, y) == pytest.approx((expected**2).mean(), abs=1e-10)


def test_correlations_are_those_of_scikit_learn_variates():
    x, y = related(0, 200, 3, 4)
    model = CCA(n_components=3, max_iter=20_000, tol=1e-14).fit(x, y)
    p, q = model.transform(x, y)
    expected = [np.corrcoef(p[:, i], q[:, i])[0, 1] for i in range(3)]
    assert canonical_correlations(x, y).numpy() == pytest.approx(expected, abs=1e-6)


def test_correlations_that_were_put_in_come_out():
    rho = np.array([0.95, 0.5, 0.1])
    a = np.random.default_rng(0).standard_normal((80, 8))
    q = np.linalg.qr(a - a.mean(0))[0]
    x = q[:, :3] @ np.diag([100, 1, 0.01]) @ rotation(np.random.default_rng(1), 3) + 5
    y = q[:, :3] * rho + q[:, 3:6] * np.sqrt(1 - rho**2)
    y = np.hstack([y, q[:, 6:]]) @ transformed(np.eye(5), "invertible", 2)
    assert canonical_correlations(x, y).numpy() == pytest.approx(rho, abs=1e-10)
    assert cca_mean(x, y) == pytest.approx(rho.mean(), abs=1e-10)
    assert cca_mean_squared(x, y) == pytest.approx((rho**2).mean(), abs=1e-10)


@settings(deadline=None, max_examples=20)
@given(pairs(), st.floats(-8, 0))
def test_directions_of_any_variance_count_alike(xy, exponent):
    """From eigenvectors, from eigenvectors twice, or from singular vectors."""
    x, y = xy
    scales = np.geomspace(1, 10**exponent, x.shape[1])
    bent = (x - x.mean(0)) @ rotation(np.random.default_rng(0), x.shape[1]) * scales
    bent = bent @ rotation(np.random.default_rng(1), x.shape[1])
    assert cca_mean(bent, y) == pytest.approx(cca_mean(x, y), abs=1e-6)
    assert svcca(bent, bent) == pytest.approx(1, abs=1e-10)


def test_float32_arithmetic_loses_directions_of_little_variance():
    rng = np.random.default_rng(0)
    x, y = related(0, 400, 12, 12)
    x = ((x - x.mean(0)) @ rotation(rng, 12) * np.geomspace(1, 3e-5, 12)) @ rotation(rng, 12)
    x, y = x.astype(np.float32), y.astype(np.float32)
    exact = by_scipy(x.astype(np.float64), y.astype(np.float64)).mean()
    whitened = []
    for z in (x - x.mean(0), y - y.mean(0)):  # as published code does, but in float32
        squares, v = torch.linalg.eigh(torch.from_numpy(z.T @ z))
        whitened.append(torch.from_numpy(z) @ v / squares.clamp(min=1e-12).sqrt())
    single = float(torch.linalg.svdvals(whitened[0].T @ whitened[1]).clamp(max=1).mean())
    assert abs(single - exact) > 1e-3
    assert cca_mean(x, y) == pytest.approx(exact, abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(pairs(), st.sampled_from([np.float32, np.float64]), st.integers(0, 10**6))
def test_neurons_that_are_combinations_of_others_add_nothing(xy, dtype, seed):
    x, y = (each.astype(dtype) for each in xy)
    rng = np.random.default_rng(seed)
    mixed = np.hstack([x, (x @ rng.standard_normal((x.shape[1], 3))).astype(dtype)])
    for measure in (cca_mean, cca_mean_squared):
        assert measure(mixed, y) == pytest.approx(measure(x, y), abs=1e-5)
    assert len(canonical_correlations(mixed, mixed)) == x.shape[1]


@settings(deadline=None, max_examples=20)
@given(pairs())
def test_svcca_is_cca_of_the_components_that_scikit_learn_keeps(xy):
    x, y = xy
    kept = [PCA(n_components=0.99, svd_solver="full").fit_transform(each) for each in (x, y)]
    assert svcca(x, y) == pytest.approx(by_scipy(*kept).mean(), abs=1e-9)


def test_svcca_leaves_out_one_percent_of_the_variance():
    x, y = related(0, 300, 2, 3)
    noise = np.random.default_rng(5).standard_normal((300, 6))
    noisy = np.hstack([x, 1e-3 * noise])
    assert svcca(noisy, y) == pytest.approx(svcca(x, y), abs=1e-3)
    assert abs(cca_mean(noisy, y) - cca_mean(x, y)) > 0.02


def projection_weighted(x: np.ndarray, y: np.ndarray, whole: bool = False) -> float:
    """Morcos et al. 2018 in covariances, weights from x: of as many variates as y has, or of all.

    Variates beyond those are not unique: they are turned to the principal axes of x in their span.
    """
    x, y = x - x.mean(0), y - y.mean(0)
    whiten_x, whiten_y = (np.linalg.inv(np.real(sqrtm(z.T @ z))) for z in (x, y))
    u, rho, _ = np.linalg.svd(whiten_x @ x.T @ y @ whiten_y)
    variates = x @ whiten_x @ u
    _, axes = np.linalg.eigh(variates[:, len(rho) :].T @ x @ x.T @ variates[:, len(rho) :])
    variates[:, len(rho) :] = variates[:, len(rho) :] @ axes
    weights = np.abs(variates.T @ x).sum(1)
    if not whole:
        weights = weights[: len(rho)]
    return float((weights[: len(rho)] * rho).sum() / weights.sum())


@settings(deadline=None, max_examples=30)
@given(pairs())
def test_pwcca_weighs_variates_by_their_projections_on_the_smaller_side(xy):
    x, y = xy
    smaller = (x, y) if x.shape[1] <= y.shape[1] else (y, x)
    assert pwcca(x, y) == pytest.approx(projection_weighted(*smaller), abs=1e-8)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_directions_that_both_span_are_weighed_whichever_way_they_are_found(seed, change):
    """Two directions are common, in any rotation; of x, two more are out of reach."""
    x, y = related(seed, 40, 7, 5)
    y[:, :2] = x[:, :2]
    assert canonical_correlations(x, y)[:2].numpy() == pytest.approx(1)
    bent = transformed(y, "invertible", change)
    for measure in (pwcca, pwcca_whole):
        value = measure(x, y)
        assert measure(x, bent) == pytest.approx(value, abs=1e-6) or measure is pwcca
        assert measure(transformed(x, "permutation", change), y) == pytest.approx(value, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(pairs())
def test_pwcca_whole_weighs_all_directions_of_the_first_array(xy):
    x, y = xy
    assert pwcca_whole(x, y) == pytest.approx(projection_weighted(x, y, whole=True), abs=1e-8)
    assert pwcca_whole(y, x) == pytest.approx(projection_weighted(y, x, whole=True), abs=1e-8)


def test_of_uncorrelated_neurons_pwcca_whole_is_the_share_of_their_size_that_is_left():
    """Neurons along orthogonal axes, of which y has some: weights are lengths, by hand."""
    a = np.random.default_rng(0).standard_normal((60, 4))
    lengths = np.array([4.0, 3.0, 2.0, 1.0])
    x = np.linalg.qr(a - a.mean(0))[0] * lengths
    for kept in (1, 2, 3, 4):
        left = lengths[:kept].sum() / lengths.sum()
        assert pwcca_whole(x, x[:, :kept]) == pytest.approx(left, abs=1e-9)
        assert pwcca_whole(x[:, :kept], x) == pytest.approx(1, abs=1e-9)


def test_deleting_components_lowers_pwcca_whole_and_not_the_means_over_fewer_directions():
    x, _ = related(0, 200, 12, 3)
    c = x - x.mean(0)
    u, s, vt = np.linalg.svd(c, full_matrices=False)
    left = [(u[:, :k] * s[:k]) @ vt[:k] for k in (12, 9, 6, 3, 1)]
    values = [pwcca_whole(x, each) for each in left]
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(1)
    assert values[-1] < 0.5
    for blind in (cca_mean, cca_mean_squared, pwcca):
        assert [blind(x, each) for each in left] == pytest.approx([1] * 5, abs=1e-7)


def test_pwcca_depends_on_the_order_of_arrays_of_one_width():
    x, y = related(0, 60, 5, 5)
    assert pwcca(x, y) == pytest.approx(projection_weighted(x, y), abs=1e-10)
    assert pwcca(y, x) == pytest.approx(projection_weighted(y, x), abs=1e-10)
    assert abs(pwcca(x, y) - pwcca(y, x)) > 1e-4


@MEANS
@pytest.mark.parametrize(("n", "d"), [(10, 20), (10, 10), (10, 9)])
def test_neurons_that_tell_all_samples_apart_are_refused(measure, n, d):
    """Every correlation would be 1, whatever the other array is."""
    x, y = related(0, n, d, 3)
    assert by_scipy(x, y) == pytest.approx(1)
    with pytest.raises(SimilarityError, match=rf"\({n}, {d}\).*more samples"):
        measure(x, y)
    with pytest.raises(SimilarityError, match=rf"\({n}, {d}\)"):
        measure(y, x)


def test_more_neurons_than_samples_are_taken_where_few_directions_matter():
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((30, 4)) @ rng.standard_normal((4, 100)) for _ in range(2))
    noise = 1e-3 * rng.standard_normal((30, 100))
    u, v = (np.linalg.svd(z - z.mean(0))[0][:, :4] for z in (x, y))
    expected = np.linalg.svd(u.T @ v)[1].mean()
    assert cca_mean(x, y) == pytest.approx(expected, abs=1e-10)
    assert svcca(x + noise, y) == pytest.approx(expected, abs=1e-2)
    with pytest.raises(SimilarityError, match="more samples"):
        cca_mean(x + noise, y)
    with pytest.raises(SimilarityError, match="more samples"):
        svcca(rng.standard_normal((10, 100)), y[:10])


@MEANS
@settings(deadline=None, max_examples=10)
@given(st.integers(8, 40), st.integers(1, 60), st.integers(1, 60), st.integers(0, 10**6))
def test_more_directions_together_than_samples_are_refused(measure, n, d1, d2, seed):
    """Subspaces of r and s of n − 1 directions meet in r + s − (n − 1), where ρ is 1 of itself."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, d1)), rng.standard_normal((n, d2))
    kept = 0.99 if measure is svcca else 1 - 1e-12
    r, s = (PCA(kept, svd_solver="full").fit(z).n_components_ for z in (x, y))
    if r + s > n - 1:
        assert np.isclose(by_scipy(x, y), 1).sum() >= r + s - (n - 1)
        with pytest.raises(SimilarityError, match="more samples"):
            measure(x, y)
    else:
        assert 0 <= measure(x, y) < 1
