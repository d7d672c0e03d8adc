"""Norms, rank, entropy and the Hill estimator, against numpy, scipy and their closed forms."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zoo_analysis.spectra import effective_rank, hill_alpha, norms, participation_ratio


def evals_of(w: np.ndarray) -> np.ndarray:
    return np.sort(np.linalg.svd(w, compute_uv=False) ** 2)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 10**6), st.integers(-100, 100))
def test_norms_are_numpys(rows, cols, seed, exponent):
    w = np.random.default_rng(seed).normal(size=(rows, cols)) * 10.0**exponent
    got = norms(evals_of(w), max(rows, cols))
    frobenius, spectral = np.linalg.norm(w), np.linalg.norm(w, 2)
    assert got.lambda_max == pytest.approx(spectral**2)
    assert got.log_norm == pytest.approx(2 * np.log10(frobenius))
    assert got.log_spectral_norm == pytest.approx(2 * np.log10(spectral))
    assert got.stable_rank == pytest.approx((frobenius / spectral) ** 2)
    assert got.matrix_rank == np.linalg.matrix_rank(w)
    assert got.rank_loss == min(w.shape) - np.linalg.matrix_rank(w)
    entropy = scipy.stats.entropy(evals_of(w)) / np.log(got.matrix_rank)
    assert got.entropy == pytest.approx(entropy)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 25), st.integers(2, 25), st.integers(1, 5), st.integers(0, 10**6))
def test_rank_of_a_product_is_numpys(rows, cols, rank, seed):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, cols))
    got = norms(evals_of(w), max(rows, cols))
    assert got.matrix_rank == np.linalg.matrix_rank(w) == min(rows, cols, rank)
    assert got.rank_loss == min(rows, cols) - got.matrix_rank


def test_equal_eigenvalues_have_full_stable_rank_and_entropy_one():
    got = norms(np.full(64, 3.0), 64)
    assert got.stable_rank == 64
    assert got.entropy == pytest.approx(1)
    assert (got.matrix_rank, got.rank_loss) == (64, 0)


def test_entropy_at_rank_one_is_not_a_number():
    got = norms(np.array([0.0, 0.0, 2.0]), 3)
    assert np.isnan(got.entropy)
    assert (got.matrix_rank, got.rank_loss, got.stable_rank) == (1, 2, 1)


def test_epsilon_gives_weightwatchers_entropy():
    from weightwatcher.RMT_Util import matrix_entropy

    values = np.abs(np.random.default_rng(0).normal(size=40))
    values[:5] = 0
    got = norms(np.sort(values**2), 90, epsilon=1e-10)
    assert got.entropy == pytest.approx(matrix_entropy(values, 90), rel=1e-12)


def test_sums_do_not_overflow():
    got = norms(np.full(100, 1e307), 100)
    assert got.log_norm == pytest.approx(309)
    assert got.stable_rank == pytest.approx(100)
    assert got.entropy == pytest.approx(1)


def test_the_rank_in_float32_ignores_what_its_gram_matrix_cannot_resolve():
    # σ below √eps·σ_max drowns in the rounding of a float32 Gram matrix.
    eps = float(np.finfo(np.float32).eps)
    evals = np.array([0.5 * eps, 2.0 * eps, 0.5, 1.0])
    assert norms(evals, 4, eps=eps).matrix_rank == 3
    assert norms(evals, 4).matrix_rank == 4


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 80), st.floats(0, 1), st.integers(0, 10**6), st.integers(-250, 250))
def test_hill_is_its_closed_form(n, fraction, seed, exponent):
    x = np.sort(1 + np.random.default_rng(seed).pareto(1.5, n)) * 10.0**exponent
    k = 1 + round(fraction * (n - 2))
    gamma = np.mean([np.log(x[n - i]) - np.log(x[n - k - 1]) for i in range(1, k + 1)])
    assert hill_alpha(x, k) == pytest.approx(1 + 1 / gamma, rel=1e-9)


def test_hill_takes_the_upper_half_unless_told():
    x = np.sort(1 + np.random.default_rng(0).pareto(2.0, 101))
    assert hill_alpha(x) == hill_alpha(x, 50)


@pytest.mark.parametrize("alpha", [1.7, 2.5, 4.0])
def test_hill_finds_the_exponent_of_a_pareto_sample(alpha):
    x = np.sort(1 + np.random.default_rng(1).pareto(alpha - 1, 50_000))
    assert hill_alpha(x, 10_000) == pytest.approx(alpha, rel=0.03)


def test_hill_of_600_decades_is_finite():
    assert hill_alpha(np.array([1e-300, 1e300])) == pytest.approx(1 + 1 / (600 * np.log(10)))


@pytest.mark.parametrize("x", [[1.0, 2.0, 2.0], [0.0, 0.0, 1.0, 2.0]])
def test_hill_has_no_value_where_the_threshold_is_the_maximum_or_zero(x):
    assert np.isnan(hill_alpha(np.array(x), 1 if x[0] else 2))


@given(st.integers(0, 5), st.integers(-3, 9))
def test_hill_refuses_a_k_out_of_range(n, k):
    assume(not 1 <= k < n)
    with pytest.raises(ValueError, match=f"k is {k}"):
        hill_alpha(np.arange(1.0, n + 1), k)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(-300, 300))
def test_equal_eigenvalues_are_as_many_as_they_are(n, zeros, decades):
    evals = np.concatenate([np.zeros(zeros), np.full(n, 10.0**decades)])
    assert effective_rank(evals) == pytest.approx(n)
    assert participation_ratio(evals) == pytest.approx(n)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40))
def test_they_are_hill_numbers_of_order_one_and_two(values):
    evals = np.sort(values)
    p = evals / evals.sum()
    assert effective_rank(evals) == pytest.approx(np.exp(scipy.stats.entropy(p)))
    assert participation_ratio(evals) == pytest.approx(1 / (p**2).sum())
    assert participation_ratio(evals) <= effective_rank(evals) * (1 + 1e-12)
