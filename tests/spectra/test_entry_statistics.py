"""Plain statistics of weights, against numpy and scipy, whatever the layout in memory."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from zoo_analysis.spectra import analyze_kernel
from zoo_analysis.spectra.entry_statistics import entry_statistics

torch.set_num_threads(1)


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(*shape, generator=generator, dtype=torch.float64) + 0.3).to(dtype)


def assert_statistics_of(tensor: torch.Tensor, rel: float) -> None:
    found, x = entry_statistics(tensor), tensor.to(torch.float64).numpy().ravel()
    assert found.mean == pytest.approx(x.mean(), rel=rel, abs=rel * np.abs(x).max())
    assert found.variance == pytest.approx(x.var(), rel=rel)
    if np.ptp(x) == 0:
        assert found.kurtosis is None
    else:
        assert found.kurtosis == pytest.approx(stats.kurtosis(x, fisher=False), rel=10 * rel)
    assert (found.min, found.max) == (x.min(), x.max())
    assert found.zeros == pytest.approx(np.mean(x == 0))
    quarters, told = (0.25, 0.5, 0.75), [found.q25, found.q50, found.q75]
    if x.size <= 32_768:
        assert told == pytest.approx(np.quantile(x, quarters), rel=1e-6, abs=1e-9)
        return
    for quarter, each in zip(quarters, told, strict=True):  # of a part: five errors of 0.4 %
        assert np.mean(x < each) - 0.02 <= quarter <= np.mean(x <= each) + 0.02


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.integers(0, 10**6),
    st.sampled_from([torch.float64, torch.float32, torch.bfloat16]),
    st.integers(-12, 12),
)
@example([6, 7, 7, 7, 8], 0, torch.float64, 0)
def test_they_are_numpy_s(shape, seed, dtype, decades):
    tensor = random(2, *shape, seed=seed, dtype=dtype) * 10.0**decades
    tensor[tensor.abs() < 0.1 * 10.0**decades] = 0
    assert_statistics_of(tensor, 1e-9 if dtype == torch.float64 else 1e-5)


@pytest.mark.parametrize("shape", [(100, 300), (90, 40, 3, 3)])
def test_blocks_make_no_difference(shape, monkeypatch):
    monkeypatch.setattr("zoo_analysis.spectra.entry_statistics._BLOCK", 1000)
    assert_statistics_of(random(*shape)[:, 1:] * 1e-3, 1e-5)
    assert_statistics_of(random(*shape, dtype=torch.float64).transpose(0, 1), 1e-9)


@pytest.mark.parametrize("side", [40, 140])
def test_powers_of_the_largest_numbers_do_not_overflow(side):
    x = random(side, side, dtype=torch.float64)
    found = entry_statistics(x * 1e150)
    assert found.kurtosis == pytest.approx(stats.kurtosis(x.ravel(), fisher=False))
    assert found.variance == pytest.approx(float(x.var(correction=0)) * 1e300)


@pytest.mark.parametrize("decades", [-30, -5, -3, 0, 3, 5, 15])
def test_many_entries_of_any_size_are_as_exact(decades):
    x = random(120, 150) * 10.0**decades
    x[:, ::7] = 0
    assert_statistics_of(x, 1e-5)


@pytest.mark.parametrize(
    ("rows", "columns"), [(1024, 1024), (999, 1024), (256, 1000), (300, 150), (4, 30030)]
)
@pytest.mark.parametrize("transposed", [False, True])
def test_quartiles_of_many_entries_are_within_what_is_said(rows, columns, transposed):
    """Columns of two scales in turn, of which a stride could hit one; sides of many divisors."""
    errors = []
    for seed in range(4):
        w = random(rows, columns, seed=seed) * torch.tensor([0.1, 3]).repeat(columns // 2)
        found, x = entry_statistics(w.mT if transposed else w), w.numpy().ravel()
        for share, value in ((0.25, found.q25), (0.5, found.q50), (0.75, found.q75)):
            errors.append(np.mean(x < value) - share)
    assert np.sqrt(np.mean(np.square(errors))) < 0.004


def test_equal_entries_have_no_kurtosis():
    found = entry_statistics(torch.full((7, 3), 0.1))
    assert (found.variance, found.kurtosis, found.zeros) == (0.0, None, 0.0)
    assert (found.min, found.q50, found.max) == pytest.approx((0.1,) * 3)


def test_no_entries_and_entries_that_are_no_numbers_have_none():
    assert entry_statistics(torch.zeros(0, 3)) is None
    for few in (2, 20_000):
        for bad in (float("nan"), float("inf"), -float("inf")):
            assert entry_statistics(torch.tensor([1.0, bad]).repeat(few)) is None


def test_a_layer_has_those_of_its_weights_and_of_its_bias():
    w, bias = random(30, 20), random(30, seed=1)
    metrics = analyze_kernel(w, bias=bias).metrics
    assert metrics.weight_variance == pytest.approx(float(w.var(correction=0)), rel=1e-5)
    assert metrics.bias_q50 == pytest.approx(float(np.median(bias.numpy())))
    assert analyze_kernel(w).metrics.bias_mean is None


def test_an_update_s_core_says_nothing_of_the_update_s_entries():
    assert analyze_kernel(random(12, 12), sides=(300, 200)).metrics.weight_mean is None
