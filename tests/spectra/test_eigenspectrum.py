"""Convolution kernels as matrices, against the matrices written out."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.spectra import analyze_kernel, matrix_shape, method, spectrum, spectrum_metrics
from zoo_analysis.spectra.kernel_matrices import fft_blocks
from zoo_analysis.spectra.layer_metrics import LayerMetrics

torch.set_num_threads(1)


NAMES = tuple(LayerMetrics.__dataclass_fields__)


def gaussian(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def squared_singular_values(w) -> np.ndarray:
    return np.sort(np.linalg.svd(np.asarray(w), compute_uv=False) ** 2)


def circular(kernel: np.ndarray, side: int) -> np.ndarray:
    """The dense matrix of a stride-1 convolution of one group with periodic boundaries.

    kernel: (out, in, *spatial); returns (out · side^d, in · side^d).
    """
    out, cols, *spatial = kernel.shape
    grid = (side,) * len(spatial)
    dense = np.zeros((out, *grid, cols, *grid))
    for position in product(*(range(s) for s in grid)):
        for offset in product(*(range(s) for s in spatial)):
            source = tuple((p + o) % side for p, o in zip(position, offset, strict=True))
            for o, c in product(range(out), range(cols)):
                dense[(o, *position, c, *source)] += kernel[(o, c, *offset)]
    return dense.reshape(out * side ** len(spatial), cols * side ** len(spatial))


@st.composite
def kernels(draw):
    """(groups, out/groups, in/groups, *spatial) of one to three spatial sides, none depthwise."""
    dims = draw(st.integers(1, 3))
    spatial = [draw(st.integers(1, 4 if dims < 3 else 2)) for _ in range(dims)]
    groups, rows = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    cols = draw(st.integers(1 if groups == 1 else 2, 3))
    return gaussian(groups, rows, cols, *spatial, seed=draw(st.integers(0, 10**6)))


@settings(deadline=None, max_examples=60)
@given(kernels(), st.integers(0, 3))
def test_fft_is_the_spectrum_of_the_dense_circular_convolution(kernel, more):
    spatial = kernel.shape[3:]
    side = max(spatial) + (more if len(spatial) < 3 else 0)
    how = method(conv2d="fft", fft_size=side)
    values = np.sort(spectrum(kernel, how), axis=None)
    dense = [squared_singular_values(circular(group.numpy(), side)) for group in kernel]
    np.testing.assert_allclose(values, np.sort(np.concatenate(dense)), atol=1e-10 * values[-1])
    groups, rows, cols = kernel.shape[:3]
    shape = matrix_shape(groups, rows, cols, tuple(spatial), how)
    assert shape.num_evals == len(values)


def test_the_grid_of_a_kernel_larger_than_it_is_the_kernels_own():
    kernel = gaussian(1, 3, 2, 11, 5)
    how = method(conv2d="fft", fft_size=8)
    same = method(conv2d="fft", fft_size=11)
    np.testing.assert_array_equal(spectrum(kernel, how), spectrum(kernel, same))
    assert matrix_shape(1, 3, 2, (11, 5), how).matrices == 121
    with pytest.raises(ValueError, match="fft_size is 8: a kernel of side 11"):
        list(fft_blocks(kernel, 8))


def test_of_conjugate_frequencies_one_stands_for_both():
    for side, spatial in ((5, (3, 3)), (6, (3, 2)), (4, (3,)), (4, (2, 2, 2))):
        blocks = list(fft_blocks(gaussian(1, 2, 2, *spatial), side))
        assert sum(times for _, times in blocks) == side ** len(spatial)
        own = 2 ** len(spatial) if side % 2 == 0 else 1  # frequencies 0 and side/2 on each axis
        assert sum(times == 1 for _, times in blocks) == own


@settings(deadline=None, max_examples=60)
@given(kernels())
def test_flatten_is_the_spectrum_of_each_group_unrolled(kernel):
    values = spectrum(kernel, method(conv2d="flatten"))
    for row, group in zip(values, kernel, strict=True):
        unrolled = group.reshape(group.shape[0], -1)
        expected = squared_singular_values(unrolled)
        np.testing.assert_allclose(row, expected, atol=1e-12 * expected[-1])


@settings(deadline=None, max_examples=60)
@given(kernels(), st.sampled_from(["pool", "slices"]), st.sampled_from(["kernel", "half"]))
def test_slices_are_the_kernels_positions_rescaled(kernel, conv2d, conv_scale):
    spatial = kernel.shape[3:]
    values = spectrum(kernel, method(conv2d=conv2d, conv_scale=conv_scale))
    scale = np.sqrt(np.prod(spatial) / 2) if conv_scale == "kernel" else np.sqrt(1 / 2)
    expected = [
        squared_singular_values(scale * group[(slice(None), slice(None), *position)])
        for group in kernel
        for position in product(*(range(s) for s in spatial))
    ]
    np.testing.assert_allclose(values, expected, atol=1e-12 * values.max())
    shape = matrix_shape(*kernel.shape[:3], tuple(spatial), method(conv2d=conv2d))
    assert (shape.matrices, shape.m) == values.shape
    assert shape.rf == np.prod(spatial)


def test_weightwatcher_scales_slices_by_the_root_of_one_half_and_does_not_split_groups():
    kernel = gaussian(4, 3, 2, 5, 5)
    stored = kernel.flatten(0, 1)  # (out, in/groups, h, w)
    values = spectrum(kernel, method("weightwatcher"))
    expected = [
        squared_singular_values(np.sqrt(0.5) * stored[:, :, i, j])
        for i in range(5)
        for j in range(5)
    ]
    np.testing.assert_allclose(values, expected, atol=1e-12 * values.max())
    assert matrix_shape(4, 3, 2, (5, 5), method("weightwatcher")).n == 12


@pytest.mark.parametrize("conv2d", ["pool", "slices", "flatten", "fft"])
@pytest.mark.parametrize("shape", [(6, 5, 4, 3, 3), (8, 1, 2, 3, 3), (3, 2, 3, 7)])
def test_groups_are_treated_one_by_one(conv2d, shape):
    kernel, how = gaussian(*shape), method(conv2d=conv2d)
    together = np.sort(spectrum(kernel, how), axis=None)
    apart = [spectrum(kernel[i : i + 1], how).ravel() for i in range(shape[0])]
    np.testing.assert_allclose(together, np.sort(np.concatenate(apart)), atol=1e-12 * together[-1])


@pytest.mark.parametrize("conv2d", ["pool", "slices", "flatten"])
@pytest.mark.parametrize("multiplier", [1, 2])
def test_a_depthwise_kernel_is_one_matrix_of_channels_by_positions(conv2d, multiplier):
    kernel, how = gaussian(32, multiplier, 1, 5, 5), method(conv2d=conv2d)
    result = analyze_kernel(kernel, how)
    expected = np.linalg.svd(kernel.numpy().reshape(32 * multiplier, 25), compute_uv=False) ** 2
    np.testing.assert_allclose(result.evals, np.sort(expected), rtol=1e-10)
    assert (result.shape.n, result.shape.m, result.shape.matrices) == (32 * multiplier, 25, 1)
    metrics = result.metrics
    assert metrics.log_norm == pytest.approx(np.log10(expected.sum()))
    assert metrics.stable_rank == pytest.approx(expected.sum() / expected.max())
    assert metrics.matrix_rank == 25
    assert (result.status, result.warning) == ("too-few-evals", "")
    fits = (metrics.alpha, metrics.alpha_weighted, metrics.num_spikes, metrics.random_like)
    assert fits == (None, None, None, None)


def test_a_depthwise_kernel_under_fft_keeps_the_operators_spectrum_and_has_no_fit():
    kernel = gaussian(32, 1, 1, 3, 3)
    values = np.sort(np.abs(np.fft.fft2(kernel.numpy()[:, 0, 0], s=(8, 8))).ravel() ** 2)
    result = analyze_kernel(kernel, method(conv2d="fft"))
    np.testing.assert_allclose(result.evals, values, atol=1e-10)
    assert (result.status, result.metrics.alpha) == ("too-few-evals", None)


def test_weightwatcher_fits_a_depthwise_kernel_as_stored():
    kernel = gaussian(32, 1, 1, 3, 3)
    result = analyze_kernel(kernel, method("weightwatcher"))
    squares = kernel.numpy()[:, 0, 0].reshape(32, 9) ** 2
    np.testing.assert_allclose(result.evals, np.sort(squares.sum(0)) / 2, rtol=1e-10)
    assert (result.shape.n, result.shape.m, result.status) == (32, 1, "success")


@pytest.mark.parametrize(
    ("shape", "status"),
    [
        ((32, 4, 4, 3, 3), "too-few-evals"),  # ResNeXt's 32 × 4d: matrices of 4 × 4
        ((4, 9, 30), "too-few-evals"),
        ((4, 10, 30), "success"),
        ((1, 64, 3, 7, 7), "success"),  # a stem: one group, pooled as in WeightWatcher
    ],
)
def test_groups_smaller_than_the_fewest_eigenvalues_have_norms_and_no_fit(shape, status):
    result = analyze_kernel(gaussian(*shape))
    assert result.status == status
    assert (result.metrics.alpha is None) == (status != "success")
    assert result.metrics.log_norm is not None


def test_a_one_by_one_convolution_flattened_is_a_matrix():
    w = gaussian(1, 30, 20)
    flat = analyze_kernel(w[..., None, None], method(conv2d="flatten"))
    assert flat.metrics == analyze_kernel(w).metrics


def test_pooling_is_one_spectrum_of_all_slices():
    kernel = gaussian(1, 24, 16, 3, 3)
    how = method()
    result = analyze_kernel(kernel, how)
    pooled = np.sort(spectrum(kernel, how), axis=None)
    np.testing.assert_array_equal(result.evals, pooled)
    metrics, status = spectrum_metrics(pooled, result.shape, how, live=result.shape)
    of_entries = [name for name in NAMES if name.startswith(("weight_", "bias_"))]
    of_spectrum = replace(result.metrics, random_like=None, **dict.fromkeys(of_entries))
    assert (of_spectrum, result.status) == (metrics, status)
    assert result.metrics.random_like == 1
    assert result.shape.num_evals == 144


@pytest.mark.parametrize("extra", [{}, {"randomize": True, "alternatives": True}])
def test_slices_average_the_metrics_of_every_slice(extra):
    kernel = gaussian(1, 40, 30, 3, 3) ** 3
    result = analyze_kernel(kernel, method("nature2021", **extra))
    # A slice alone: as a matrix, rescaled as the slices of a 3 × 3 kernel are.
    scaled = kernel * np.sqrt(9 / 2)
    alone = [
        analyze_kernel(scaled[..., i, j], method(**extra)).metrics
        for i in range(3)
        for j in range(3)
    ]
    # The shuffle mixes slices, and all together are judged.
    whole = {"num_rand_spikes", "num_traps", "random_like", "trap_size", "trap_share"}
    whole |= {"rand_distance", "ww_softrank", "ww_maxdist"}
    # Statistics of the entries are of the kernel as it is.
    for name in {n for n in NAMES if not n.startswith(("weight_", "bias_"))} - whole:
        values = [getattr(metrics, name) for metrics in alone]
        if values[0] is None:
            assert getattr(result.metrics, name) is None
        else:
            assert getattr(result.metrics, name) == pytest.approx(np.mean(values), rel=1e-7)
    if extra:
        assert result.metrics.num_traps is not None


def test_slices_without_weights_are_left_out_of_the_average():
    kernel = torch.zeros(1, 20, 20, 3, 3, dtype=torch.float64)
    kernel[..., 1, 1] = gaussian(20, 20)
    for randomize in (False, True):  # shuffled, some slices hold almost nothing
        result = analyze_kernel(kernel, method("nature2021", randomize=randomize))
        centre = analyze_kernel(kernel[..., 1, 1] * np.sqrt(4.5))
        assert result.metrics.alpha == pytest.approx(centre.metrics.alpha)
        assert result.metrics.log_norm == pytest.approx(centre.metrics.log_norm)


def test_a_slice_that_shuffling_empties_has_no_traps():
    kernel = torch.zeros(1, 12, 12, 20, 20, dtype=torch.float64)
    kernel[..., 0, 0] = gaussian(12, 12)
    result = analyze_kernel(kernel, method("nature2021", randomize=True))
    assert result.status == "success"
    assert result.metrics.num_rand_spikes > 0
