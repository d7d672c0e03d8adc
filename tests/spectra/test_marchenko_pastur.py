"""The bulk of matrices without structure, and what stands out of it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import kstest

from zoo_analysis.spectra import analyze_kernel, fit_bulk, method
from zoo_analysis.spectra.marchenko_pastur import (
    bulk_density,
    law_cdf,
    noise_distance,
    tracy_widom_allowance,
)

LAWS = {
    "gaussian": lambda rng, *shape: rng.normal(size=shape),
    "uniform": lambda rng, *shape: rng.uniform(-np.sqrt(3), np.sqrt(3), shape),
    "rademacher": lambda rng, *shape: rng.choice([-1.0, 1.0], shape),
}


def evals_of(w: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(w.T @ w)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("q", [1, 1.5, 2, 4, 10])
@pytest.mark.parametrize("m", [150, 400])
def test_sigma_and_edge_of_noise_are_within_two_percent_and_it_has_no_spikes(law, q, m):
    n = int(q * m)
    w = 0.03 * LAWS[law](np.random.default_rng(m), n, m)
    bulk = fit_bulk(evals_of(w), n, m)
    sigma = w.std() * np.sqrt(n)
    assert bulk.sigma_mp == pytest.approx(sigma, rel=0.02)
    assert bulk.sigma_mp == pytest.approx(0.03 * np.sqrt(n), rel=0.02)
    assert bulk.bulk_max == pytest.approx(sigma**2 * (1 + np.sqrt(m / n)) ** 2, rel=0.02)
    assert bulk.bulk_min == pytest.approx(sigma**2 * (1 - np.sqrt(m / n)) ** 2, rel=0.02, abs=1e-12)
    assert bulk.num_spikes == 0
    assert bulk.mp_softrank == pytest.approx(bulk.bulk_max / evals_of(w).max())
    assert bulk.mp_softrank == pytest.approx(1, abs=0.08)


def test_a_thousand_columns():
    w = np.random.default_rng(1).normal(size=(1500, 1000))
    bulk = fit_bulk(evals_of(w), 1500, 1000)
    assert bulk.sigma_mp**2 == pytest.approx(1500, rel=0.003)
    assert bulk.num_spikes == 0


@pytest.mark.parametrize(("n", "m"), [(10, 10), (20, 10), (50, 50), (100, 50), (300, 20)])
def test_one_noise_matrix_in_a_thousand_shows_a_spike_or_fewer(n, m):
    generator = torch.Generator().manual_seed(n + m)
    w = torch.randn(2000, n, m, generator=generator, dtype=torch.float64)
    evals = torch.linalg.eigvalsh(w.mT @ w).numpy()
    shown = sum(fit_bulk(values, n, m).num_spikes != 0 for values in evals)
    assert shown <= 7  # of 2 expected; more than 7 has chance 1e-3


def test_pooled_matrices_show_no_spikes_either():
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(300, 9, 60, 30, generator=generator, dtype=torch.float64)
    evals = torch.linalg.eigvalsh(w.mT @ w).flatten(1).numpy()
    assert sum(fit_bulk(np.sort(v), 60, 30, matrices=9).num_spikes > 0 for v in evals) <= 3


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("n", "m"), [(300, 300), (600, 300), (2000, 200)])
@pytest.mark.parametrize("strength", [2.0, 5.0, 100.0])
def test_a_planted_direction_above_the_transition_is_one_spike(law, n, m, strength):
    """Baik, Ben Arous & Péché: a rank-one part of norm > σ(NM)^¼ leaves the bulk."""
    rng = np.random.default_rng(7)
    u, v = rng.normal(size=n), rng.normal(size=m)
    theta = strength * (n * m) ** 0.25
    planted = theta * np.outer(u / np.linalg.norm(u), v / np.linalg.norm(v))
    evals = evals_of(LAWS[law](rng, n, m) + planted)
    bulk = fit_bulk(evals, n, m)
    assert bulk.num_spikes == 1
    assert bulk.sigma_mp == pytest.approx(np.sqrt(n), rel=0.02)
    expected = (theta**2 + n) * (theta**2 + m) / theta**2  # Benaych-Georges & Nadakuditi 2012
    # a singular value fluctuates by at most about the entries' deviation
    assert np.sqrt(evals[-1]) == pytest.approx(np.sqrt(expected), abs=3)
    assert bulk.mp_softrank == pytest.approx(bulk.bulk_max / evals[-1])


@pytest.mark.parametrize("strength", [0.3, 0.7])
def test_a_planted_direction_below_the_transition_stays_in_the_bulk(strength):
    rng = np.random.default_rng(8)
    u, v = rng.normal(size=600), rng.normal(size=300)
    theta = strength * (600 * 300) ** 0.25
    w = rng.normal(size=(600, 300)) + theta * np.outer(u / np.linalg.norm(u), v / np.linalg.norm(v))
    assert fit_bulk(evals_of(w), 600, 300).num_spikes == 0


@pytest.mark.parametrize("k", [2, 5, 20])
def test_several_planted_directions_are_counted(k):
    rng = np.random.default_rng(9)
    n, m = 500, 250
    u = np.linalg.qr(rng.normal(size=(n, k)))[0]
    v = np.linalg.qr(rng.normal(size=(m, k)))[0]
    w = rng.normal(size=(n, m)) + (u * np.linspace(2, 30, k) * (n * m) ** 0.25) @ v.T
    bulk = fit_bulk(evals_of(w), n, m)
    assert bulk.num_spikes == k
    assert bulk.bulk_max == pytest.approx((np.sqrt(n) + np.sqrt(m)) ** 2, rel=0.05)


def law(ratio: float, x: float) -> float:
    """The law's distribution function for unit variance: its density, integrated."""
    low, high = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2
    x = min(max(x, low), high)
    density = lambda t: np.sqrt(max((high - t) * (t - low), 0)) / (2 * np.pi * ratio * t)  # noqa: E731
    return float(quad(density, low, x, limit=200)[0])


@pytest.mark.parametrize(("n", "m"), [(80, 40), (60, 60)])
def test_the_goodness_of_fit_is_the_distance_of_kolmogorov_and_smirnov(n, m):
    evals = evals_of(np.random.default_rng(5).normal(size=(n, m)))
    bulk = fit_bulk(evals, n, m)
    assert bulk.num_spikes == 0
    scaled = evals / bulk.sigma_mp**2
    expected = kstest(scaled, np.vectorize(lambda x: law(m / n, x))).statistic
    assert bulk.mp_ks == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("n", "m", "count"), [(20, 10, 2000), (64, 32, 1500), (150, 100, 300)])
def test_noise_is_as_close_to_the_law_as_it_is_said_to_be(n, m, count):
    generator = torch.Generator().manual_seed(m)
    w = torch.randn(count, n, m, generator=generator, dtype=torch.float64)
    evals = torch.linalg.eigvalsh(w.mT @ w).numpy()
    distances = np.array([fit_bulk(values, n, m).mp_ks for values in evals])
    assert (distances > noise_distance(m)).mean() <= 4e-3  # of 1e-3
    assert np.median(distances) > noise_distance(m) / 2, "a bound that says something"


@pytest.mark.parametrize("matrices", [2, 9, 49])
def test_so_is_the_pooled_noise_of_a_convolution(matrices):
    generator = torch.Generator().manual_seed(matrices)
    w = torch.randn(200, matrices, 40, 24, generator=generator, dtype=torch.float64)
    evals = torch.linalg.eigvalsh(w.mT @ w).flatten(1).numpy()
    distances = np.array([fit_bulk(values, 40, 24, matrices).mp_ks for values in evals])
    assert (distances <= noise_distance(24, matrices)).mean() >= 0.99


DEAD = {
    "columns": (slice(None), slice(50, None)),
    "rows": (slice(100, None), slice(None)),
    "both": (slice(None, None, 2), slice(None, None, 3)),
}


@pytest.mark.parametrize("dead", DEAD)
def test_rows_and_columns_of_zeros_are_no_part_of_the_matrix(dead):
    w = torch.randn(200, 100, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    w[DEAD[dead]] = 0
    if dead == "both":
        w[::2], w[:, ::3] = 0, 0
    left = w[w.any(dim=1)][:, w.any(dim=0)]
    found, alone = analyze_kernel(w[None]).metrics, analyze_kernel(left[None]).metrics
    for name in ("sigma_mp", "bulk_min", "bulk_max", "num_spikes", "mp_softrank", "mp_ks"):
        assert getattr(found, name) == pytest.approx(getattr(alone, name)), name
    assert found.num_spikes == 0
    assert found.mp_softrank == pytest.approx(1, abs=0.1)
    kernel = w[..., None, None].repeat(1, 1, 3, 3)[None]
    kernel *= torch.randn(kernel.shape, generator=torch.Generator().manual_seed(7))
    assert analyze_kernel(kernel, method(conv2d="flatten")).metrics.num_spikes is not None


def test_a_channel_that_is_dead_in_all_positions_leaves_the_bulk_of_the_others():
    kernel = torch.randn(1, 60, 40, 3, 3, generator=torch.Generator().manual_seed(8))
    kernel[:, 30:] = 0
    metrics = analyze_kernel(kernel).metrics
    assert (metrics.num_spikes, metrics.random_like) == (0, 1)
    assert metrics.mp_softrank == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("n", "m", "rank"), [(200, 100, 30), (300, 200, 40), (400, 300, 150)])
def test_a_product_of_low_rank_has_no_bulk(n, m, rank):
    rng = np.random.default_rng(9)
    w = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, m))
    for stored in (torch.float64, torch.float32):
        metrics = analyze_kernel(torch.from_numpy(w).to(stored)[None]).metrics
        assert (metrics.sigma_mp, metrics.num_spikes, metrics.mp_softrank) == (None, None, None)
        assert metrics.mp_ks > 0.1


@pytest.mark.parametrize("tail", [1.5, 2.0, 3.0])
@pytest.mark.parametrize(("n", "m"), [(384, 384), (600, 300)])
def test_a_heavy_tail_has_no_more_spikes_than_the_median_leaves(n, m, tail):
    """The variance at which the law's median is that of the eigenvalues (Gavish & Donoho 2014)."""
    rng = np.random.default_rng(10)
    evals = np.sort(1 + rng.pareto(tail, m)) + rng.uniform(0, 1e-3, m)
    median = np.median(evals) / brentq(lambda x: law(m / n, x) - 0.5, 1e-9, 4)
    bulk = fit_bulk(evals, n, m)
    assert bulk.mp_ks > noise_distance(m), "it is no bulk"
    if bulk.num_spikes is not None:
        assert bulk.num_spikes <= (evals > median * (1 + np.sqrt(m / n)) ** 2).sum()


@settings(deadline=None, max_examples=30)
@given(st.integers(5, 40), st.integers(0, 60), st.integers(0, 10**6), st.integers(-150, 150))
def test_spikes_and_soft_rank_do_not_depend_on_scale(m, extra, seed, exponent):
    n, scale = m + extra, 4.0**exponent
    evals = np.maximum(evals_of(np.random.default_rng(seed).standard_t(2, size=(n, m))), 0)
    bulk, scaled = fit_bulk(evals, n, m), fit_bulk(evals * scale, n, m)
    assert scaled.num_spikes == bulk.num_spikes
    assert scaled.mp_ks == pytest.approx(bulk.mp_ks)
    if bulk.num_spikes is None:  # tails so heavy that there is no bulk
        return
    assert scaled.mp_softrank == pytest.approx(bulk.mp_softrank)
    assert scaled.sigma_mp == pytest.approx(bulk.sigma_mp * 2.0**exponent)
    assert scaled.bulk_max == pytest.approx(bulk.bulk_max * scale)


@pytest.mark.parametrize("ratio", [1.0, 0.9, 0.5, 0.1, 0.001])
def test_the_law_is_the_integral_of_its_density(ratio):
    low, high = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2

    def density(x):
        return np.sqrt((high - x) * (x - low)) / (2 * np.pi * ratio * x)

    x, cdf = law_cdf(ratio)
    assert (x[0], x[-1]) == (pytest.approx(low, abs=1e-12), pytest.approx(high))
    assert (cdf[0], cdf[-1]) == (0, 1)
    for i in (200, 1000, 2000, 3000, 3800):
        integral, _ = quad(density, low, x[i], limit=500)
        assert cdf[i] == pytest.approx(integral, abs=2e-6)
    mean = np.trapezoid(x, cdf)
    assert mean == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("p", "quantile"), [(0.5, -1.26857), (0.1, 0.4501), (0.05, 0.9793), (0.01, 2.0234)]
)
def test_the_allowance_holds_the_quantiles_of_tracy_and_widom(p, quantile):
    """Tabulated quantiles of the law of order 1 (Bejan 2005), as n and m grow."""
    n, m = 4_000_000, 1_000_000
    scale = (np.sqrt(n) + np.sqrt(m)) * (1 / np.sqrt(n) + 1 / np.sqrt(m)) ** (1 / 3)
    expected = max(0.0, quantile * scale / (np.sqrt(n) + np.sqrt(m)) ** 2)
    assert tracy_widom_allowance(n, m, p) == pytest.approx(expected, rel=0.01, abs=1e-9)


@pytest.mark.parametrize(("n", "m"), [(60, 60), (200, 40)])
@pytest.mark.parametrize("p", [0.1, 0.05, 0.01])
def test_noise_exceeds_the_allowance_as_often_as_it_says(n, m, p):
    generator = torch.Generator().manual_seed(3)
    w = torch.randn(3000, n, m, generator=generator, dtype=torch.float64)
    largest = torch.linalg.eigvalsh(w.mT @ w)[:, -1].numpy()
    edge = (np.sqrt(n) + np.sqrt(m)) ** 2 * (1 + tracy_widom_allowance(n, m, p))
    assert (largest > edge).mean() == pytest.approx(p, abs=4 * np.sqrt(p / 3000))


def test_impossible_spectra_are_refused():
    with pytest.raises(ValueError, match="N is 3 and M is 4"):
        fit_bulk(np.ones(4), 3, 4)
    with pytest.raises(ValueError, match="no positive eigenvalue"):
        fit_bulk(np.zeros(4), 4, 4)


@pytest.mark.parametrize("ratio", [0.05, 0.5, 0.99])
def test_the_density_between_edges_is_that_of_the_law(ratio: float) -> None:
    """Mass 1, mean σ² and variance yσ⁴, whatever the scale (Marchenko & Pastur 1967)."""
    variance = 3.7
    low, high = (variance * (1 + sign * np.sqrt(ratio)) ** 2 for sign in (-1, 1))

    def moment(k: int) -> float:
        def weighted(at: float) -> float:
            return at**k * float(bulk_density(np.array([at]), low, high)[0])

        return float(quad(weighted, low, high, limit=200)[0])

    assert moment(0) == pytest.approx(1, rel=1e-5)
    assert moment(1) == pytest.approx(variance, rel=1e-5)
    assert moment(2) - moment(1) ** 2 == pytest.approx(ratio * variance**2, rel=1e-4)
    assert bulk_density(np.array([low * 0.9, high * 1.1]), low, high).tolist() == [0, 0]


@pytest.mark.parametrize("faint", [0, 20, 40])
def test_what_lies_below_the_lower_edge_is_a_share_of_the_spectrum(faint):
    w = np.random.default_rng(0).normal(size=(1600, 200))
    w[:, :faint] *= 0.1
    assert fit_bulk(evals_of(w), 1600, 200).bulk_below == pytest.approx(faint / 200, abs=0.015)
