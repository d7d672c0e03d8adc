"""Outlying eigenvalues, and what is left of a spectrum when the entries are shuffled."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from weightwatcher.RMT_Util import jensen_shannon_distance

from zoo_analysis.spectra import analyze_kernel, compare_randomized, fit_clipped, fit_power_law
from zoo_analysis.spectra import method as make_method
from zoo_analysis.spectra.eigenspectrum import shuffled_spectrum

torch.set_num_threads(1)


@pytest.mark.parametrize("fingers", [1, 3, 5])
def test_outliers_beyond_a_power_law_are_dropped(fingers):
    # the quantiles of a power law with α = 3, whose fit is near perfect
    law = (1 - (np.arange(60) + 0.5) / 60) ** (-1 / 2)
    outliers = law.max() * 1e4 * np.arange(1, fingers + 1)
    fit, dropped, raw = fit_clipped(np.concatenate([law, outliers]))
    clean = fit_power_law(law)
    assert dropped == fingers
    assert fit == clean
    assert raw == fit_power_law(np.concatenate([law, outliers]))
    assert fit.D < raw.D
    assert abs(fit.alpha - 3) < abs(raw.alpha - 3)


@settings(deadline=None, max_examples=80)
@given(st.integers(2, 80), st.floats(0.3, 5), st.integers(0, 10), st.integers(0, 10**6))
def test_clipping_never_raises_D_and_takes_the_best_number_to_drop(n, exponent, most, seed):
    x = np.sort(1 + np.random.default_rng(seed).pareto(exponent, n))
    fit, dropped, raw = fit_clipped(x, most)
    assert raw == fit_power_law(x)
    assert fit == fit_power_law(x[: n - dropped])
    distances = [fit_power_law(x[: n - k]).D for k in range(min(most, n - 2) + 1)]
    assert dropped == int(np.argmin(distances))


def test_a_layer_tells_how_many_were_dropped_and_the_alpha_before():
    law = (1 - (np.arange(60) + 0.5) / 60) ** (-1 / 2)
    evals = np.sort(np.append(law, 1e6))
    kernel = torch.diag(torch.from_numpy(np.sqrt(evals)))[None]
    clipped = analyze_kernel(kernel, make_method(max_fingers=4)).metrics
    plain = analyze_kernel(kernel).metrics
    assert clipped.num_fingers == 1
    assert clipped.raw_alpha == plain.alpha
    assert (plain.num_fingers, plain.raw_alpha) == (None, None)
    assert clipped.xmax == pytest.approx(law.max())
    assert clipped.lambda_max == pytest.approx(1e6)


def randomized(w: torch.Tensor):
    metrics = analyze_kernel(w[None], make_method(randomize=True)).metrics
    return metrics.num_rand_spikes, metrics.num_traps


def gaussian(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_structure_that_shuffling_destroys_is_counted_as_spikes():
    u, v = torch.linalg.qr(gaussian(200, 3)).Q, torch.linalg.qr(gaussian(100, 3, seed=1)).Q
    w = gaussian(200, 100, seed=2) + 100 * u @ v.T
    assert randomized(w) == (3, 0)


def test_a_few_huge_entries_survive_shuffling_as_traps():
    w = gaussian(200, 100)
    w[3, 5], w[40, 70], w[120, 20] = 300.0, -400.0, 500.0
    _, traps = randomized(w)
    assert traps == 3


@pytest.mark.parametrize("seed", range(10))
def test_noise_has_no_traps(seed):
    spikes, traps = randomized(gaussian(200, 100, seed=seed))
    assert traps == 0
    assert spikes <= 3  # its largest beside another draw's largest


def test_a_trap_has_the_size_of_the_entry_that_makes_it():
    w = gaussian(200, 100)
    w[3, 5] = 300.0
    metrics = analyze_kernel(w[None], make_method(randomize=True)).metrics
    edge = (np.sqrt(200) + np.sqrt(100)) ** 2
    # a single entry beyond the bulk is a singular value by itself (Benaych-Georges & Nadakuditi)
    assert metrics.trap_size == pytest.approx(300**2 / edge, rel=0.03)
    assert metrics.trap_share == pytest.approx(300**2 / float((w**2).sum()), rel=0.03)
    quiet = analyze_kernel(gaussian(200, 100)[None], make_method(randomize=True)).metrics
    assert quiet.trap_size == pytest.approx(1, abs=0.05)
    assert quiet.trap_share == 0


def test_distances_to_the_shuffled_spectrum_are_weightwatcher_s():
    w = gaussian(60, 40) * torch.linspace(1, 5, 40)
    how = make_method(randomize=True)
    metrics, shuffled = analyze_kernel(w[None], how).metrics, shuffled_spectrum(w[None], how)[0]
    evals = np.sort(np.linalg.svd(w.numpy(), compute_uv=False) ** 2)
    distance = jensen_shannon_distance(evals, shuffled)
    assert metrics.rand_distance == pytest.approx(distance, rel=1e-9)
    assert metrics.rand_distance == pytest.approx(jensenshannon(evals, shuffled), rel=1e-9)
    assert metrics.ww_softrank == pytest.approx(shuffled.max() / evals.max())
    assert metrics.ww_maxdist == pytest.approx(evals.max() - shuffled.max())
    assert analyze_kernel(w[None]).metrics.rand_distance is None


def test_shuffling_keeps_every_entry_and_depends_on_its_seed_alone():
    kernel, how = gaussian(2, 20, 15, 3, 3), make_method()
    before = kernel.clone()
    first = shuffled_spectrum(kernel, how)
    assert torch.equal(kernel, before)
    np.testing.assert_array_equal(first, shuffled_spectrum(kernel, how))
    assert not np.allclose(first, shuffled_spectrum(kernel, how, seed=1))
    assert first.sum() == pytest.approx(float((kernel**2).sum()) * 9 / 2)
    # the same kernel behind another layout in memory
    view = kernel.permute(4, 3, 2, 1, 0).contiguous().permute(4, 3, 2, 1, 0)
    np.testing.assert_allclose(first, shuffled_spectrum(view, how), atol=1e-9)


def test_a_spectrum_beside_itself_has_no_spikes():
    evals = np.linalg.eigvalsh(np.cov(np.random.default_rng(0).normal(size=(30, 90))))
    assert compare_randomized(evals, evals, 90, 30).num_rand_spikes == 0
    assert compare_randomized(evals, evals / 2, 90, 30).num_rand_spikes == (
        (evals > evals.max() / 2).sum()
    )
