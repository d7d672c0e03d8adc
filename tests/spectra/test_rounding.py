"""What rounding alone makes of a spectrum, against matrices whose rank is known."""

import numpy as np
import pytest
import torch

from zoo_analysis.spectra import analyze_kernel, method

STORED = [torch.float32, torch.float16, torch.bfloat16]


def product(rows, cols, rank, computed=torch.float64, scales=0.0):
    torch.manual_seed(rows + cols + rank)
    left = torch.randn(rows, rank, dtype=computed)
    left *= torch.exp(scales * torch.randn(rows, 1, dtype=computed))
    return left @ torch.randn(rank, cols, dtype=computed) / rank**0.5


def rank_loss(w, stored, **choices):
    result = analyze_kernel(w.to(stored).float()[None], method(**choices), stored=stored)
    return result.metrics.rank_loss


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("computed", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    ("rows", "cols", "rank", "scales"),
    [(300, 100, 12, 0), (100, 300, 3, 0), (64, 64, 32, 0), (600, 40, 20, 1.5), (300, 300, 200, 0)],
)
def test_rounding_a_product_of_low_rank_adds_none(stored, computed, rows, cols, rank, scales):
    w = product(rows, cols, rank, computed, scales)
    assert rank_loss(w, stored) == min(rows, cols) - rank
    assert rank_loss(w * 1e-6 if stored == torch.float16 else w * 1e-20, stored) >= rank_loss(
        w, stored
    )


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize(("rows", "cols"), [(300, 100), (64, 48), (12, 500)])
def test_a_matrix_of_full_rank_keeps_it(stored, rows, cols):
    torch.manual_seed(0)
    assert rank_loss(torch.randn(rows, cols), stored) == 0


@pytest.mark.parametrize("conv2d", ["pool", "slices", "flatten", "fft"])
@pytest.mark.parametrize("stored", STORED)
def test_each_slice_of_a_convolution_is_judged_by_itself(conv2d, stored):
    torch.manual_seed(0)
    kernel = torch.einsum("or,rixy->oixy", torch.randn(40, 12), torch.randn(12, 30, 3, 3))
    kernel = (kernel * torch.tensor([1e-2, 1, 1e2])).to(stored).float()
    shape_and_metrics = analyze_kernel(kernel[None], method(conv2d=conv2d), stored=stored)
    matrices = {"pool": 9, "slices": 1, "flatten": 1, "fft": 64}[conv2d]
    m = 40 if conv2d == "flatten" else 30
    assert shape_and_metrics.metrics.rank_loss == matrices * (m - 12)


def test_entropy_and_hill_are_of_what_is_left():
    w = product(300, 100, 12).float()
    metrics = analyze_kernel(w[None]).metrics
    top = np.sort(np.linalg.svd(w.double().numpy(), compute_uv=False) ** 2)[-12:]
    p = top / top.sum()
    assert metrics.entropy == pytest.approx(-(p * np.log(p)).sum() / np.log(12), rel=1e-9)
    logs = np.log(top[-7:])
    assert metrics.hill_alpha == pytest.approx(1 + 6 / (logs[1:] - logs[0]).sum(), rel=1e-9)


@pytest.mark.parametrize("stored", [*STORED, torch.float64])
@pytest.mark.parametrize(("rows", "cols"), [(64, 64), (300, 300), (500, 32), (10, 1000)])
def test_equal_eigenvalues_have_no_power_law(stored, rows, cols):
    torch.manual_seed(0)
    first = torch.float64 if stored == torch.float64 else torch.float32
    orthogonal = torch.nn.init.orthogonal_(torch.empty(rows, cols, dtype=first), gain=0.3)
    permutation = 0.1 * torch.eye(rows, cols, dtype=first)[torch.randperm(rows)]
    for w in (orthogonal, permutation):
        result = analyze_kernel(w.to(stored).to(first)[None], stored=stored)
        assert (result.status, result.metrics.alpha) == ("equal-evals", None)
        assert result.metrics.stable_rank == pytest.approx(min(rows, cols), rel=0.01)


def test_the_spectrum_of_noise_is_not_equal():
    torch.manual_seed(0)
    for rows, cols in ((64, 64), (5000, 10), (20_000, 12)):
        w = torch.randn(rows, cols).to(torch.bfloat16).float()
        assert analyze_kernel(w[None], stored=torch.bfloat16).status == "success"
