"""Eigenvalues through the Gram matrix are the squared singular values of W."""

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.spectra import eigenvalues, eigenvalues_batched, gram

torch.set_num_threads(1)


def squared_singular_values(w: torch.Tensor) -> np.ndarray:
    return np.sort(scipy.linalg.svdvals(w.detach().double().numpy()) ** 2)


def assert_spectrum(values, w, tolerance=1e-11):
    """Equal to `tolerance` of the largest, the error that any backward-stable method makes."""
    expected = squared_singular_values(w)
    assert values.dtype == np.float64
    assert (np.diff(values) >= 0).all()
    assert values[0] >= 0
    np.testing.assert_allclose(values, expected, rtol=0, atol=tolerance * expected[-1])


def gaussian(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


sides = st.integers(1, 40)


@settings(deadline=None, max_examples=80)
@given(sides, sides, st.integers(0, 10**6), st.integers(-60, 60))
def test_any_shape_and_scale(rows, cols, seed, exponent):
    w = gaussian(rows, cols, seed=seed) * 10.0**exponent
    values = eigenvalues(w)
    assert values.shape == (min(rows, cols),)
    assert_spectrum(values, w)


@pytest.mark.parametrize("block", [7, 64, 1000])
@settings(deadline=None, max_examples=40)
@given(sides, sides, st.integers(0, 10**6))
def test_small_blocks_change_nothing(block, rows, cols, seed):
    w = gaussian(rows, cols, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gram, "_BLOCK", block)
        assert_spectrum(eigenvalues(w), w)
        singular = w @ torch.diag(torch.cat([torch.zeros(1), torch.ones(cols - 1)]).double())
        assert_spectrum(eigenvalues(singular), singular)
        assert_spectrum(eigenvalues_batched(torch.stack([w, -w, singular]))[0], w)


@pytest.mark.parametrize("block", [50, 1 << 22])
@pytest.mark.parametrize(
    "view",
    [
        lambda w: w.T,
        lambda w: w[::2],
        lambda w: w[:, ::3],
        lambda w: w[1::2, 2::2].T,
        lambda w: w.reshape(30, 20, 2)[..., 1],
        lambda w: w.reshape(30, 20, 2)[..., 1].T,
        lambda w: w[:1].expand(5, 40),
        lambda w: w.flip(0),
    ],
)
def test_views_of_any_stride(view, block, monkeypatch):
    monkeypatch.setattr(gram, "_BLOCK", block)
    for w in (view(gaussian(30, 40)), view(gaussian(30, 40).float())):
        assert_spectrum(eigenvalues(w), w)
        assert_spectrum(eigenvalues_batched(w[None].expand(3, *w.shape))[2], w)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_entries_of_a_lower_precision_are_upcast_exactly(dtype):
    w = gaussian(60, 35).to(dtype)
    assert_spectrum(eigenvalues(w), w)
    assert_spectrum(eigenvalues_batched(w.reshape(2, 30, 35))[1], w[30:])
    assert_spectrum(eigenvalues(w[:1]), w[:1])


def test_float32_keeps_six_digits_of_the_largest():
    w = gaussian(300, 200)
    assert_spectrum(eigenvalues(w, torch.float32), w, tolerance=3e-6)
    assert_spectrum(eigenvalues_batched(w[None], torch.float32)[0], w, tolerance=3e-6)


def test_parameters_that_require_gradients_are_read():
    w = torch.nn.Parameter(gaussian(6, 5))
    assert_spectrum(eigenvalues(w), w)
    assert_spectrum(eigenvalues_batched(w[None])[0], w)


@settings(deadline=None, max_examples=60)
@given(sides, sides, st.integers(1, 6), st.integers(0, 10**6))
def test_the_rank_of_a_deficient_matrix_is_numpys(rows, cols, rank, seed):
    w = gaussian(rows, rank, seed=seed) @ gaussian(rank, cols, seed=seed + 1)
    values = eigenvalues(w)
    assert_spectrum(values, w)
    tolerance = np.sqrt(values[-1]) * max(rows, cols) * np.finfo(float).eps
    assert (np.sqrt(values) > tolerance).sum() == np.linalg.matrix_rank(w.numpy())
    batched = eigenvalues_batched(torch.stack([gaussian(rows, cols), w]))[1]
    assert (np.sqrt(batched) > tolerance).sum() == np.linalg.matrix_rank(w.numpy())


@pytest.mark.parametrize("block", [300, 1 << 22])
@pytest.mark.parametrize("shape", [(80, 30), (30, 80), (30, 30)])
def test_small_singular_values_of_an_ill_conditioned_matrix_are_those_of_an_svd(
    shape, block, monkeypatch
):
    # Condition 1e10: the Gram matrix's is 1e20, beyond float64.
    monkeypatch.setattr(gram, "_BLOCK", block)
    u = torch.linalg.qr(gaussian(shape[0], 30)).Q
    v = torch.linalg.qr(gaussian(shape[1], 30, seed=1)).Q
    singular = torch.logspace(-10, 0, 30, dtype=torch.float64)
    w = u * singular @ v.T
    # the error of a singular value is eps of the largest: of the smallest, 1e-6
    for values in (eigenvalues(w), eigenvalues_batched(torch.stack([w, u @ v.T]))[0]):
        np.testing.assert_allclose(np.sqrt(values), singular.numpy(), rtol=1e-13, atol=3e-15)


def test_one_column_is_its_squared_norm():
    w = gaussian(50, 1)
    expected = float((w**2).sum())
    for view in (w, w.T):
        np.testing.assert_allclose(eigenvalues(view), [expected], rtol=1e-14)
        np.testing.assert_allclose(eigenvalues_batched(view[None]), [[expected]], rtol=1e-14)


def test_no_float64_copy_of_a_wide_float32_matrix_is_made(monkeypatch):
    monkeypatch.setattr(gram, "_BLOCK", 64)
    largest = []
    convert = torch.Tensor.to

    def watched(self, *args, **kwargs):
        out = convert(self, *args, **kwargs)
        if out.dtype == torch.float64:
            largest.append(out.numel())
        return out

    w = gaussian(500, 8).float()
    monkeypatch.setattr(torch.Tensor, "to", watched)
    eigenvalues(w)
    eigenvalues(w.T)
    assert max(largest) <= 64


@pytest.mark.cuda
@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (128, 1)])
def test_a_cuda_device_gives_the_same(shape):
    w = gaussian(*shape)
    assert_spectrum(eigenvalues(w, device="cuda"), w)
    assert_spectrum(eigenvalues(w, torch.float32, device="cuda"), w, tolerance=1e-5)
    assert_spectrum(eigenvalues_batched(w[None], device="cuda")[0], w)


def test_what_a_device_has_no_room_for_is_done_in_smaller_blocks() -> None:
    asked = []

    def compute(device: str, block: int) -> np.ndarray:
        asked.append((device, block))
        if block > 300:
            raise torch.OutOfMemoryError("no room")
        return np.array([1.0])

    assert gram.where_it_fits(compute, "cuda", 1024) == 1.0
    assert asked == [("cuda", 1024), ("cuda", 512), ("cuda", 256)]


def test_what_a_device_has_no_room_for_at_all_is_done_on_the_cpu_in_whole_blocks() -> None:
    asked = []

    def compute(device: str, block: int) -> np.ndarray:
        asked.append((device, block))
        if device != "cpu":
            raise torch.OutOfMemoryError("no room")
        return np.array([1.0])

    assert gram.where_it_fits(compute, "cuda", 1024) == 1.0
    assert asked[-1] == ("cpu", 1024)
    assert [device for device, _ in asked[:-1]] == ["cuda"] * (len(asked) - 1)


@pytest.mark.cuda
def test_a_full_cuda_device_costs_no_number() -> None:
    w = torch.randn(4096, 1024)
    free, _ = torch.cuda.mem_get_info()
    held = torch.empty(max(free - (16 << 20), 0), dtype=torch.uint8, device="cuda")
    values = eigenvalues(w, torch.float64, "cuda")
    del held
    assert_spectrum(values, w)
