"""Windows of one aspect ratio: what they are for, and which they are."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoo_analysis.errors import ZooError
from zoo_analysis.measure.cost import cost
from zoo_analysis.spectra import Method, analyze_kernel, method
from zoo_analysis.spectra.by_parts.windows import _windows, farms_alpha, window_count, window_sides
from zoo_analysis.spectra.marchenko_pastur import law_cdf
from zoo_analysis.weights import list_layers
from zoo_analysis.weights.readers.memory import MemoryCheckpoint

torch.set_num_threads(1)
SHAPES = [(384, 384), (768, 192), (100, 1500), (1600, 96)]
LAWS = {
    "gaussian": lambda rng, shape: rng.normal(size=shape),
    "heavy-tailed": lambda rng, shape: rng.standard_t(3, size=shape),
}


@pytest.mark.parametrize("law", LAWS)
def test_matrices_of_one_law_and_any_shape_have_one_value_where_alpha_drifts(law):
    rng, how = np.random.default_rng(0), method(window=64)
    metrics = [analyze_kernel(LAWS[law](rng, shape), how).metrics for shape in SHAPES]
    windowed = np.array([each.farms_alpha for each in metrics])
    plain = np.array([each.hill_alpha for each in metrics])
    assert np.ptp(windowed) < 0.05 * windowed.mean()
    assert np.ptp(plain) > 0.5 * plain.mean()


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_noise_has_the_value_of_the_law_of_its_windows(ratio):
    """Hill's α of the Marchenko–Pastur law above its median, by quadrature."""
    x, cdf = law_cdf(1 / ratio, 20_001)
    median = np.interp(0.5, cdf, x)
    upper = x > median
    mean = np.average(np.log(x[upper] / median), weights=np.diff(cdf, prepend=0)[upper])
    w = np.random.default_rng(1).normal(size=(1024, 512))
    found = analyze_kernel(w, method(window=128, window_ratio=ratio)).metrics.farms_alpha
    assert found == pytest.approx(1 + 1 / mean, rel=0.03)


sides = st.integers(1, 90)


@given(sides, sides, st.integers(1, 40), st.floats(1, 4), st.floats(0.1, 1))
def test_windows_are_of_one_shape_and_leave_no_entry_out(rows, cols, side, ratio, step):
    how = Method(window=side, window_ratio=ratio, window_step=step)
    matrix = torch.arange(1.0, rows * cols + 1).reshape(rows, cols)
    found = torch.cat(list(_windows(matrix, how)))
    assert found.shape == (window_count(rows, cols, how), *window_sides(rows, cols, how))
    assert set(found.ravel().tolist()) == set(matrix.ravel().tolist())


def test_a_convolution_s_positions_are_pooled():
    kernel = torch.randn(1, 40, 30, 2, 2, generator=torch.Generator().manual_seed(0))
    how = method(window=16)
    apart = [
        np.linalg.svd(window.double().numpy(), compute_uv=False) ** 2
        for position in kernel.flatten(3).permute(0, 3, 1, 2)[0]
        for band in _windows(position, how)
        for window in band
    ]
    evals = np.sort(np.concatenate(apart))
    tail = evals[len(evals) // 2 :]
    expected = 1 + len(tail) / np.log(tail / tail[0]).sum()
    assert farms_alpha(kernel, how) == pytest.approx(expected)


def test_windows_of_low_rank_have_none():
    u, v = np.random.default_rng(0).normal(size=(2, 200, 12))
    assert analyze_kernel(u @ v.T, method(window=64)).metrics.farms_alpha is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_windows_of_equal_eigenvalues_have_none(dtype):
    entries = torch.randn(48, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    turn = torch.linalg.qr(entries).Q.to(dtype)
    assert analyze_kernel(turn, method(window=64)).metrics.farms_alpha is None
    assert (
        analyze_kernel(torch.eye(200, dtype=dtype), method(window=64)).metrics.farms_alpha is None
    )
    assert 1.5 < analyze_kernel(turn, method(window=24)).metrics.farms_alpha < 4


def test_what_is_too_small_for_a_fit_has_none():
    assert analyze_kernel(torch.randn(1, 50), method(window=8)).metrics.farms_alpha is None


def test_it_is_asked_for_hashed_and_priced():
    plain, windowed = Method(), Method(window=64)
    assert analyze_kernel(torch.randn(80, 70), plain).metrics.farms_alpha is None
    assert windowed.hash != plain.hash
    assert windowed.hash != Method(window=64, window_ratio=2.0).hash
    (spec,) = list_layers(MemoryCheckpoint({"fc.weight": torch.empty(1024, 512)}), {})
    more = cost(spec, windowed).eigen - cost(spec, plain).eigen
    assert more == pytest.approx(cost(spec, plain).eigen * (1024 * 512 / 64**2) * (64 / 512) ** 3)
    assert cost(spec, windowed).seconds > cost(spec, plain).seconds


@pytest.mark.parametrize("wrong", [{"window": -1}, {"window_ratio": 0.5}, {"window_step": 0.0}])
def test_impossible_windows_are_refused(wrong):
    with pytest.raises(ZooError, match="windows of"):
        Method(**wrong)
