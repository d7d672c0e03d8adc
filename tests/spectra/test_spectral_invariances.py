"""What the numbers do not depend on."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.spectra import analyze_kernel, method

torch.set_num_threads(1)

INVARIANT = (
    "stable_rank",
    "entropy",
    "matrix_rank",
    "rank_loss",
    "alpha",
    "D",
    "sigma",
    "num_pl_spikes",
    "num_spikes",
    "mp_softrank",
    "mp_ks",
    "hill_alpha",
)


@st.composite
def matrices(draw):
    """Student-t entries: from light to heavy tails."""
    rows, cols = draw(st.integers(12, 60)), draw(st.integers(12, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return torch.from_numpy(rng.standard_t(draw(st.floats(1.5, 30)), size=(rows, cols)))


def metrics(w: torch.Tensor, **changes):
    return analyze_kernel(w[None], method(**changes)).metrics


def rotation(size: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q


def assert_equal(first, second, names, rel=1e-8):
    for name in names:
        mine, other = getattr(first, name), getattr(second, name)
        assert (mine is None) == (other is None), name
        assert mine is None or mine == pytest.approx(other, rel=rel), name


@settings(deadline=None, max_examples=60)
@given(matrices(), st.floats(-120, 120))
def test_scaling_shifts_the_log_norms_and_nothing_else(w, exponent):
    before, after = metrics(w), metrics(w * 10.0**exponent)
    assert_equal(after, before, INVARIANT)
    shift = 2 * exponent
    assert after.log_norm == pytest.approx(before.log_norm + shift, abs=1e-9)
    assert after.log_spectral_norm == pytest.approx(before.log_spectral_norm + shift, abs=1e-9)
    log_xmin = math.log10(before.xmin) + shift
    assert math.log10(after.xmin) == pytest.approx(log_xmin, abs=1e-9)
    assert after.alpha_weighted == pytest.approx(
        before.alpha * (before.log_spectral_norm + shift), rel=1e-8, abs=1e-8
    )
    assert after.log_alpha_norm == pytest.approx(
        before.log_alpha_norm + before.alpha * shift, rel=1e-8, abs=1e-8
    )
    if before.sigma_mp is not None:
        log_sigma = math.log10(before.sigma_mp) + exponent
        assert math.log10(after.sigma_mp) == pytest.approx(log_sigma, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(matrices(), st.integers(0, 10**6))
def test_rotations_of_rows_and_columns_change_nothing(w, seed):
    rotated = rotation(w.shape[0], seed) @ w @ rotation(w.shape[1], seed + 1)
    before, after = metrics(w), metrics(rotated)
    assert_equal(after, before, (*INVARIANT, "log_norm", "log_spectral_norm", "xmin", "sigma_mp"))


@settings(deadline=None, max_examples=40)
@given(matrices(), st.integers(0, 10**6))
def test_transposes_and_permutations_change_nothing(w, seed):
    rng = np.random.default_rng(seed)
    order = (torch.from_numpy(rng.permutation(side)) for side in w.shape)
    permuted = w[next(order)][:, next(order)]
    for other in (w.T, permuted, -w):
        assert_equal(metrics(other), metrics(w), (*INVARIANT, "log_norm", "bulk_max"))


@settings(deadline=None, max_examples=30)
@given(matrices())
def test_float32_agrees_with_float64_to_its_precision(w):
    single, double = metrics(w, dtype="float32"), metrics(w)
    assert_equal(single, double, ("log_norm", "stable_rank", "lambda_max"), rel=1e-5)
    if single.matrix_rank == double.matrix_rank:  # else float32 cannot resolve the smallest
        assert_equal(single, double, ("entropy",), rel=1e-3)
        if single.num_spikes == double.num_spikes:  # else an eigenvalue lies on the edge
            assert_equal(single, double, ("mp_softrank",), rel=1e-3)


@settings(deadline=None, max_examples=30)
@given(matrices(), st.integers(0, 12), st.integers(0, 12))
def test_rows_and_columns_of_zeros_change_neither_norms_nor_fits(w, more_rows, more_cols):
    padded = torch.nn.functional.pad(w, (0, more_cols, 0, more_rows))
    before, after = metrics(w), metrics(padded)
    assert_equal(after, before, ("log_norm", "stable_rank", "entropy", "alpha", "D", "matrix_rank"))
    assert_equal(after, before, ("num_spikes", "mp_softrank", "mp_ks", "bulk_min", "random_like"))


@settings(deadline=None, max_examples=30)
@given(matrices(), st.integers(-8, 8))
def test_likelihood_ratios_do_not_depend_on_scale(w, exponent):
    before = metrics(w, alternatives=True)
    after = metrics(w * 10.0**exponent, alternatives=True)
    for name in ("R_lognormal", "R_exponential", "R_truncated_power_law"):
        first, second = getattr(before, name), getattr(after, name)
        assert (first is None) == (second is None)
        if first is not None:
            assert second == pytest.approx(first, rel=1e-4, abs=1e-4)
