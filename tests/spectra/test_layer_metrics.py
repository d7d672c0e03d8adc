"""What a layer yields whatever its weights: numbers, or a status that says why there are none."""

import warnings
from dataclasses import asdict, fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.spectra import LayerMetrics, analyze_kernel, method
from zoo_analysis.store.schemas import METRICS

torch.set_num_threads(1)
EMPTY = LayerMetrics()


def gaussian(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_entry(value: float, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    w = gaussian(1, 30, 20).to(dtype)
    w[0, 3, 4] = value
    return w


def test_metrics_are_the_columns_of_the_layers_table_in_order():
    assert [field.name for field in fields(LayerMetrics)] == METRICS.names


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_entry_that_is_not_finite_makes_the_layer_so(dtype, value):
    result = analyze_kernel(with_entry(value, dtype))
    assert (result.status, result.evals, result.metrics) == ("non-finite", None, EMPTY)


@pytest.mark.parametrize("shape", [(1, 30, 20), (1, 8, 8, 3, 3), (16, 1, 1, 3, 3), (1, 1, 1)])
def test_no_weight_but_zero(shape):
    result = analyze_kernel(torch.zeros(shape))
    assert (result.status, result.evals, result.metrics) == ("all-zero", None, EMPTY)


@pytest.mark.parametrize("shape", [(1, 0, 5), (1, 5, 0), (0, 4, 4), (1, 4, 4, 0, 3)])
@pytest.mark.parametrize("conv2d", ["pool", "flatten", "slices", "fft"])
def test_a_kernel_without_entries_counts_as_zero(shape, conv2d):
    assert analyze_kernel(torch.zeros(shape), method(conv2d=conv2d)).status == "all-zero"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_outer_product_is_rank_one(dtype):
    w = gaussian(30, 1) @ gaussian(1, 20, seed=1)
    result = analyze_kernel(w[None], method(dtype=dtype))
    assert (result.status, result.metrics) == ("rank-one", EMPTY)
    assert len(result.evals) == 20


@pytest.mark.parametrize(("rows", "cols"), [(30, 9), (9, 30), (5, 5), (2, 3)])
def test_too_few_eigenvalues_leave_the_norms_and_no_fit(rows, cols):
    result = analyze_kernel(gaussian(1, rows, cols))
    assert result.status == "too-few-evals"
    assert result.metrics.log_norm is not None
    assert (result.metrics.alpha, result.metrics.sigma_mp) == (None, None)
    assert result.warning == ""


def test_the_zero_eigenvalues_of_a_low_rank_matrix_do_not_enter_the_fit():
    w = gaussian(60, 9) @ gaussian(9, 50, seed=1)
    assert analyze_kernel(w[None]).status == "too-few-evals"
    w = gaussian(60, 12) @ gaussian(12, 50, seed=1)
    result = analyze_kernel(w[None])
    assert (result.status, result.metrics.matrix_rank) == ("success", 12)
    assert result.metrics.xmin >= np.sort(np.linalg.svd(w.numpy())[1] ** 2)[-12] * (1 - 1e-9)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 40), (1, 40, 1)])
def test_a_single_eigenvalue_has_norms(shape):
    w = gaussian(*shape)
    result = analyze_kernel(w)
    assert result.status == "too-few-evals"
    assert result.metrics.lambda_max == pytest.approx(float((w**2).sum()))
    assert (result.metrics.stable_rank, result.metrics.entropy) == (1, None)


def test_equal_eigenvalues_have_no_tail():
    assert analyze_kernel(3.0 * torch.eye(16)[None]).status == "equal-evals"
    assert analyze_kernel(3.0 * torch.eye(16)[None], method("weightwatcher")).metrics.alpha is None


@pytest.mark.parametrize("limits", [{"max_evals": 19}, {"max_n": 29}])
def test_beyond_the_methods_limits_nothing_is_computed(limits):
    result = analyze_kernel(gaussian(1, 30, 20), method(**limits))
    assert (result.status, result.evals, result.metrics) == ("too-large", None, EMPTY)
    within = {name: value + 1 for name, value in limits.items()}
    assert analyze_kernel(gaussian(1, 30, 20), method(**within)).status == "success"


@pytest.mark.parametrize("exponent", [30, -30])
def test_squares_beyond_float32_fail_in_float32_and_pass_in_float64(exponent):
    w = gaussian(1, 30, 20).float() * 10.0**exponent
    result = analyze_kernel(w, method(dtype="float32"))
    assert (result.status, result.evals, result.metrics) == ("failed", None, EMPTY)
    assert analyze_kernel(w).status == "success"


def test_squares_beyond_float64_fail():
    assert analyze_kernel(gaussian(1, 30, 20) * 1e200).status == "failed"


@pytest.mark.parametrize(
    ("exponent", "warning"),
    [
        (0.5, "over-trained"),
        (3.0, ""),
        (8.0, "under-trained, short-tail"),
    ],  # 60 values of a steep law
)
def test_warnings_follow_alpha(exponent, warning):
    spectrum = np.sort(1 + np.random.default_rng(1).pareto(exponent, 60))
    result = analyze_kernel(torch.diag(torch.from_numpy(np.sqrt(spectrum)))[None])
    assert result.warning == warning


def test_a_low_rank_update_given_by_its_core_has_no_bulk():
    core = gaussian(1, 16, 16)
    result = analyze_kernel(core, sides=(4096, 1024))
    assert (result.shape.n, result.shape.m) == (4096, 16)
    assert result.metrics.sigma_mp is None
    assert result.metrics.alpha == analyze_kernel(core).metrics.alpha


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_low_precisions_and_gradients_pass_through_every_option(dtype):
    kernel = torch.nn.Parameter(gaussian(2, 16, 12, 3, 3).to(dtype))
    how = method(randomize=True, alternatives=True, max_fingers=2, window=8)
    bias = torch.nn.Parameter(gaussian(32).to(dtype))
    exact = known(analyze_kernel(kernel.detach().double(), how, bias=bias.double()))
    metrics = known(analyze_kernel(kernel, how, bias=bias))
    entries = [name for name in metrics if name.startswith(("weight_", "bias_"))]
    for name in entries:  # sums of powers are of the entries' precision
        assert metrics.pop(name) == pytest.approx(exact.pop(name), rel=1e-5, abs=1e-6)
    assert metrics == pytest.approx(exact, rel=1e-6)


def known(result):
    """Metrics of a layer that has all, less those of differences from a base and of experts."""
    of_others = {"relative_change", "num_intruders", "overlap_in", "overlap_out"}
    metrics = asdict(result.metrics)
    assert not [metrics[name] for name in of_others if metrics[name] is not None]
    return {name: value for name, value in metrics.items() if name not in of_others}


def test_every_metric_has_a_value_when_asked_for():
    how = method(randomize=True, alternatives=True, max_fingers=2, window=8)
    metrics = known(analyze_kernel(gaussian(1, 80, 50), how, bias=gaussian(80)))
    assert [name for name, value in metrics.items() if value is None] == []


@st.composite
def any_kernel(draw):
    """Any shape, any dtype, sparse or dense, with infinities, NaN and 600 decades."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = [*rng.integers(1, [4, 25, 25]), *rng.integers(1, 5, draw(st.integers(0, 3)))]
    if draw(st.integers(0, 20)) == 20:
        shape[rng.integers(len(shape))] = 0
    w = rng.normal(size=shape)
    w = np.where(rng.random(shape) < draw(st.sampled_from([1.0, 0.5, 0.05])), w, 0.0)
    kind = draw(st.sampled_from(["plain", "scaled", "decades", "equal", "product", "special"]))
    if kind == "scaled":
        w = w * 10.0 ** draw(st.integers(-320, 300))
    elif kind == "decades":
        w = np.sign(w) * 10.0 ** rng.uniform(-300, 150, size=shape)
    elif kind == "equal":
        w = np.full(shape, draw(st.floats(-5, 5)))
    elif kind == "product":
        w = w[:, :, :1] * np.ones(shape)
    elif kind == "special" and w.size:
        w.flat[rng.integers(w.size)] = draw(st.sampled_from([np.nan, np.inf, -np.inf, 5e-324]))
    dtype = draw(st.sampled_from([torch.float64, torch.float32, torch.float16, torch.bfloat16]))
    kernel = torch.from_numpy(np.ascontiguousarray(w)).to(dtype)
    return kernel.transpose(1, 2) if draw(st.booleans()) else kernel


methods = st.builds(
    method,
    preset=st.sampled_from(["default", "weightwatcher", "nature2021"]),
    conv2d=st.sampled_from(["pool", "slices", "flatten", "fft"]),
    dtype=st.sampled_from(["float64", "float32"]),
    min_evals=st.sampled_from([2, 10]),
    xmax=st.sampled_from([None, 0.0, 1.0]),
    max_fingers=st.sampled_from([0, 3]),
    fft_size=st.sampled_from([1, 3]),
    randomize=st.booleans(),
    alternatives=st.booleans(),
)


@settings(deadline=None, max_examples=300)
@given(any_kernel(), methods)
def test_no_kernel_raises_or_warns_or_yields_a_number_that_is_not_one(kernel, how):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = analyze_kernel(kernel, how)
    values = [value for value in asdict(result.metrics).values() if value is not None]
    assert np.isfinite(values).all()
    assert (result.metrics.alpha is not None) == (result.status == "success")
    if result.evals is not None:
        assert len(result.evals) == result.shape.num_evals
        assert np.isfinite(result.evals).all()
        assert result.evals[0] >= 0
        assert (np.diff(result.evals) >= 0).all()
    if not np.isfinite(kernel.double().numpy()).all():
        assert result.status == "non-finite"
