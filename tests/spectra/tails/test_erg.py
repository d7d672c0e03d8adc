"""The ERG condition, against WeightWatcher's own product and a plain loop of logarithms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from weightwatcher.RMT_Util import detX_constraint

from zoo_analysis.spectra import analyze_kernel, erg_tail


def in_a_loop(evals: np.ndarray) -> int:
    """The definition, with exactly rounded sums."""
    mean = math.fsum(evals) / len(evals)
    for k in range(1, len(evals) + 1):
        if math.fsum(math.log(x / mean) for x in evals[-k:] if x > 0) < 0 or evals[-k] == 0:
            return k
    raise AssertionError("unequal values have a geometric mean below their mean")


@settings(deadline=None, max_examples=80)
@given(st.integers(2, 200), st.floats(0.5, 6), st.integers(0, 10**6), st.integers(-150, 150))
def test_it_is_the_first_count_whose_logarithms_sum_below_zero(n, exponent, seed, decades):
    evals = np.sort(1 + np.random.default_rng(seed).pareto(exponent, n)) * 10.0**decades
    found = erg_tail(evals)
    assert found.erg_num == in_a_loop(evals)
    assert found.erg_xmin == evals[-found.erg_num]


@pytest.mark.parametrize("shape", [(40, 30), (200, 50), (300, 300)])
def test_it_is_the_tail_that_weightwatcher_finds_where_its_product_is_finite(shape):
    rng = np.random.default_rng(3)
    w = rng.standard_normal(shape) * rng.pareto(2.5, shape)
    evals = np.sort(np.linalg.svd(w, compute_uv=False) ** 2)
    found = erg_tail(evals)
    theirs, index = detX_constraint(evals)
    assert np.isfinite(np.prod(evals[-found.erg_num :] / evals.mean()))
    assert (found.erg_num, found.erg_xmin) == (theirs, evals[index])


def test_thousands_above_the_mean_have_one_where_the_product_overflows():
    evals = np.sort(np.random.default_rng(0).uniform(0, 1, 8000) ** 2)
    with np.errstate(over="ignore"):
        assert np.isinf(np.cumprod(evals[::-1] / evals.mean())).any()
    assert erg_tail(evals).erg_num == in_a_loop(evals)


def test_zero_eigenvalues_count_in_the_mean_alone():
    evals = np.array([0.0, 0.0, 1.0, 2.0, 5.0])
    assert erg_tail(evals).erg_num == in_a_loop(evals) == 4  # the mean is 1.6, and 1·2·5 > 1.6³
    assert erg_tail(np.array([0.0, 1.0, 1.0])).erg_num == 3


def test_equal_eigenvalues_have_none():
    assert erg_tail(np.full(5, 3.0)) is None


def test_a_layer_has_it_beside_its_fit():
    w = torch.randn(60, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    metrics = analyze_kernel(w).metrics
    evals = np.sort(np.linalg.svd(w.numpy(), compute_uv=False) ** 2)
    assert metrics.erg_num == in_a_loop(evals)
    assert metrics.erg_gap == metrics.erg_num - metrics.num_pl_spikes
    assert metrics.erg_xmin == pytest.approx(evals[-int(metrics.erg_num)])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_what_is_rounding_is_zero(dtype):
    """The logarithms of thirty of 200 eigenvalues sum to more than many of rounding take off."""
    rng = np.random.default_rng(0)
    product = rng.standard_normal((300, 30)) @ rng.standard_normal((30, 200))
    metrics = analyze_kernel(torch.tensor(product).to(dtype)).metrics
    assert (metrics.matrix_rank, metrics.erg_num, metrics.erg_xmin) == (30, 31, 0)
