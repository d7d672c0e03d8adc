"""Kernel alignments against cka-pytorch, scikit-learn, explicit Gram matrices and closed forms."""

import numpy as np
import pytest
import torch
from cka_pytorch.hsic import hsic1
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from tests.support.representations import related
from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import (
    cka,
    cka_debiased,
    cka_minibatch,
    cka_rbf,
    dcka,
    dcka_psd,
    minibatch_cka,
)

#: Both in features, both in Gram matrices, one in each.
SHAPES = [(50, 7, 12), (20, 30, 45), (30, 10, 60), (30, 60, 10)]


def centring(n: int) -> np.ndarray:
    return np.eye(n) - 1 / n


def alignment(k: np.ndarray, l: np.ndarray) -> float:  # noqa: E741
    """tr(KHLH) over the square root of the same with themselves."""
    h = centring(len(k))
    k, l = h @ k @ h, h @ l @ h  # noqa: E741
    return float(np.trace(k @ l) / np.sqrt(np.trace(k @ k) * np.trace(l @ l)))


def unbiased(batches: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """cka-pytorch's HSIC, its mean over batches of one size, over those with themselves."""
    grams = [[torch.from_numpy(a @ a.T)[None] for a in batch] for batch in batches]
    xy = sum(float(hsic1(*both)) for both in grams)
    xx, yy = (sum(float(hsic1(both[side], both[side])) for both in grams) for side in (0, 1))
    return xy / np.sqrt(xx * yy)


@pytest.mark.parametrize(("n", "d1", "d2"), SHAPES)
def test_linear_cka_is_the_alignment_of_the_gram_matrices(n, d1, d2):
    x, y = related(n, n, d1, d2)
    assert cka(x, y) == pytest.approx(alignment(x @ x.T, y @ y.T), abs=1e-12)


def test_linear_cka_of_rotated_subspaces_is_known():
    """Orthonormal directions, of which k out of d are shared: CKA is k / d."""
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((40, 12)) @ np.eye(12))[0]
    q = np.linalg.qr(centring(40) @ q)[0]
    assert cka(q[:, :8], q[:, 5:]) == pytest.approx(3 / np.sqrt(8 * 7), abs=1e-12)


@pytest.mark.parametrize(("n", "d1", "d2"), [*SHAPES, (51, 8, 8)])
def test_rbf_cka_agrees_with_scikit_learn_kernels_at_the_median_distance(n, d1, d2):
    x, y = related(n, n, d1, d2)
    kernels = [
        rbf_kernel(a, gamma=1 / (2 * np.median(euclidean_distances(a, squared=True))))
        for a in (x, y)
    ]
    assert cka_rbf(x, y) == pytest.approx(alignment(*kernels), abs=1e-10)


@pytest.mark.parametrize(("n", "d1", "d2"), SHAPES)
def test_debiased_cka_agrees_with_cka_pytorch(n, d1, d2):
    x, y = related(n, n, d1, d2)
    assert cka_debiased(x, y) == pytest.approx(unbiased([(x, y)]), abs=1e-10)


@settings(deadline=None, max_examples=20)
@given(st.integers(4, 30), st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6))
def test_debiased_cka_is_one_number_whichever_way_it_is_computed(n, d1, d2, seed):
    x, y = related(seed, n, d1, d2)
    zeros = np.zeros((n, n))  # as many neurons as samples: Gram matrices
    wide = np.hstack([x, zeros]), np.hstack([y, zeros])
    assert cka_debiased(x, y) == pytest.approx(cka_debiased(*wide), abs=1e-7)
    assert cka_debiased(wide[0], y) == pytest.approx(cka_debiased(*wide), abs=1e-7)


@pytest.mark.parametrize("measure", [cka, cka_debiased], ids=lambda m: m.name)
def test_few_neurons_of_many_samples_need_no_gram_matrix(measure):
    x, y = related(0, 200_000, 4, 5)  # whose Gram matrices would take 320 GB
    sample = np.random.default_rng(1).permutation(len(x))[:2000]
    assert measure(x, y) == pytest.approx(measure(x[sample], y[sample]), abs=0.05)


def test_debiased_cka_of_unrelated_neurons_is_about_zero_where_cka_is_not():
    rng = np.random.default_rng(1)
    drawn = [(rng.standard_normal((60, 40)), rng.standard_normal((60, 40))) for _ in range(40)]
    biased = np.array([cka(x, y) for x, y in drawn])
    without = np.array([cka_debiased(x, y) for x, y in drawn])
    assert biased.min() > 0.3
    assert abs(without.mean()) < 4 * without.std() / np.sqrt(len(without))
    assert without.min() < 0


def test_a_sample_that_outweighs_all_others_needs_float64():
    x, y = related(9, 200, 6, 6)
    x[0] *= 3e3
    y[0] *= 3e3
    x, y = x.astype(np.float32), y.astype(np.float32)
    exact = unbiased([(x.astype(np.float64), y.astype(np.float64))])
    a, b = (torch.from_numpy(z - z.mean(0)) for z in (x, y))

    def in_features(p, q):  # the same formula in float32
        k, l = p.square().sum(1), q.square().sum(1)  # noqa: E741
        n = len(p)
        bias = n / (n - 2) * (k @ l) - k.sum() * l.sum() / ((n - 1) * (n - 2))
        return float((p.T @ q).square().sum() - bias)

    single = in_features(a, b) / np.sqrt(abs(in_features(a, a) * in_features(b, b)))
    assert abs(single - exact) > 1e-3
    assert cka_debiased(x, y) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize(("n", "size"), [(60, 20), (64, 16), (200, 100)])
@pytest.mark.parametrize(("d1", "d2"), [(7, 12), (30, 150)])
def test_minibatch_cka_agrees_with_cka_pytorch_batch_by_batch(n, size, d1, d2):
    x, y = related(n, n, d1, d2)
    batches = [(x[i : i + size], y[i : i + size]) for i in range(0, n, size)]
    assert minibatch_cka(x, y, size) == pytest.approx(unbiased(batches), abs=1e-10)


def test_a_single_minibatch_is_debiased_cka():
    x, y = related(3, 256, 10, 300)
    assert cka_minibatch(x, y) == pytest.approx(cka_debiased(x, y), abs=1e-10)


def test_minibatches_that_do_not_come_out_even_have_about_the_same_size():
    """257 samples are batches of 129 and 128, weighted by their unbiased HSICs alike."""
    x, y = related(4, 257, 10, 20)
    parts = [(x[:129], y[:129]), (x[129:], y[129:])]
    assert cka_minibatch(x, y) == pytest.approx(unbiased(parts), abs=1e-10)


@pytest.mark.parametrize(("n", "size"), [(3, 256), (40, 3), (5, 4)])
def test_batches_of_fewer_than_four_samples_are_refused(n, size):
    x, y = related(5, n, 2, 2)
    with pytest.raises(SimilarityError, match="at least 4"):
        minibatch_cka(x, y, size)
    if n < 4:
        with pytest.raises(SimilarityError, match=r"\(3, 2\).* at least 4"):
            cka_debiased(x, y)


@pytest.mark.parametrize("simplex", [np.eye(12), np.linalg.svd(centring(12))[0][:, :11]])
def test_samples_all_equally_far_apart_have_no_debiased_kernel(simplex):
    with pytest.raises(SimilarityError, match="equally far apart"):
        cka_debiased(simplex, related(0, 12, 3, 3)[0])


def test_repeated_samples_leave_no_bandwidth():
    x, y = related(0, 30, 4, 5)
    x[3:] = x[0]
    with pytest.raises(SimilarityError, match=r"\(30, 4\) are zero"):
        cka_rbf(x, y)
    assert 0 < cka(x, y) < 1


def regressed(x: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """The residual of the Gram matrix after least squares on the input's, entry by entry."""
    h = centring(len(x))
    k, k0 = h @ x @ x.T @ h, h @ inputs @ inputs.T @ h
    design = np.column_stack([np.ones(k0.size), k0.ravel()])
    coefficients = np.linalg.lstsq(design, k.ravel(), rcond=None)[0]
    return (k.ravel() - design @ coefficients).reshape(k.shape)


@pytest.mark.parametrize(("n", "d1", "d2"), SHAPES)
@pytest.mark.parametrize("p", [5, 80])
def test_deconfounded_cka_is_the_alignment_of_the_regressed_gram_matrices(n, d1, d2, p):
    x, y = related(n, n, d1, d2)
    rng = np.random.default_rng(p)
    inputs = rng.standard_normal((n, p))
    x, y = x + inputs @ rng.standard_normal((p, d1)), y + inputs @ rng.standard_normal((p, d2))
    expected = alignment(regressed(x, inputs), regressed(y, inputs))
    assert dcka(x, y, inputs) == pytest.approx(expected, abs=1e-10)


def semidefinite(residual: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(residual)
    return vectors @ np.diag(values.clip(0)) @ vectors.T


@pytest.mark.parametrize(("n", "d1", "d2"), SHAPES)
@pytest.mark.parametrize("p", [5, 80])
def test_without_negative_eigenvalues_it_is_the_alignment_of_the_semidefinite_parts(n, d1, d2, p):
    x, y = related(n, n, d1, d2)
    rng = np.random.default_rng(p)
    inputs = rng.standard_normal((n, p))
    x, y = x + inputs @ rng.standard_normal((p, d1)), y + inputs @ rng.standard_normal((p, d2))
    expected = alignment(*(semidefinite(regressed(z, inputs)) for z in (x, y)))
    value = dcka_psd((x, inputs), (y, inputs))
    assert value == pytest.approx(expected, abs=1e-10)
    assert 0 <= value <= 1
    assert abs(value - dcka(x, y, inputs)) > 1e-3


def test_negative_eigenvalues_are_of_directions_that_the_input_has_more_of():
    """A layer and an input on axes of their own: λ and −ρμ, of which λ is left."""
    a = np.random.default_rng(0).standard_normal((12, 6))
    q = np.linalg.qr(a - a.mean(0))[0]
    x, y = q[:, [0, 1]] * [2.0, 1.0], q[:, [0, 2]] * [2.0, 1.0]
    inputs = q[:, [3, 4, 5]]  # nothing in common: nothing is regressed out
    assert dcka(x, y, inputs) == pytest.approx(16 / 17)
    assert dcka_psd((x, inputs), (y, inputs)) == pytest.approx(16 / 17)
    inputs = q[:, [0, 3]] * np.sqrt([1.0, 2.0])  # K₀ = diag(1, 2), K = diag(4, 1), ⟨K, K₀⟩ = 4
    # K − 4/5 K₀ = diag(4 − 0.8, 1, −1.6) on the axes 0, 1 and 3, likewise of y on 0, 2 and 3
    common, own, negative = 3.2**2, 1.0**2, 1.6**2
    expected = (common + negative) / (common + own + negative)
    assert dcka(x, y, inputs) == pytest.approx(expected)
    assert dcka_psd((x, inputs), (y, inputs)) == pytest.approx(common / (common + own))


def test_deconfounded_cka_does_not_see_what_both_have_from_the_input():
    """Random projections of the input, and noise of their own: alike for CKA only."""
    rng = np.random.default_rng(3)
    inputs = rng.standard_normal((300, 20)) * np.geomspace(3, 0.1, 20)
    x, y = (
        inputs @ rng.standard_normal((20, 200)) / 10 + 0.3 * rng.standard_normal((300, 200))
        for _ in range(2)
    )
    assert cka(x, y) > 0.9
    assert abs(dcka(x, y, inputs)) < 0.2
    common = rng.standard_normal((300, 5)) @ rng.standard_normal((5, 200))
    assert dcka(x + common, y + common, inputs) > 0.9


def test_a_layer_that_is_its_input_has_nothing_left():
    inputs, y = related(0, 30, 4, 5)
    with pytest.raises(SimilarityError, match=r"\(30, 4\).*regressed out"):
        dcka(inputs[:, ::-1] * 2, y, inputs)


def test_deconfounded_cka_needs_inputs_of_the_same_samples():
    x, y = related(0, 30, 4, 5)
    with pytest.raises(SimilarityError, match=r"\(30, 4\) and \(29, 7\)"):
        dcka(x, y, np.random.default_rng(0).standard_normal((29, 7)))


def test_deconfounding_a_layer_near_its_input_needs_float64():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((100, 10))
    x, y = ((inputs + 1e-2 * rng.standard_normal((100, 10))).astype(np.float32) for _ in range(2))
    expected = alignment(*(regressed(each.astype(np.float64), inputs) for each in (x, y)))
    kernels = [z - z.mean(0) for z in (x, y, inputs.astype(np.float32))]
    k, l, k0 = ((z @ z.T) / np.linalg.norm(z @ z.T) for z in kernels)  # noqa: E741
    share, other = (k * k0).sum(), (l * k0).sum()
    single = ((k * l).sum() - share * other) / np.sqrt((1 - share**2) * (1 - other**2))
    assert abs(single - expected) > 1e-4
    assert dcka(x, y, inputs) == pytest.approx(expected, abs=1e-6)
