"""The power law on a bounded range, against samples of known exponent and a plain maximisation."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from zoo_analysis.spectra import fit_power_law


def sample(alpha, low, high, n, seed=0):
    u = np.random.default_rng(seed).random(n)
    if alpha == 1:
        return low * (high / low) ** u
    a, b = low ** (1 - alpha), high ** (1 - alpha)
    return (a + u * (b - a)) ** (1 / (1 - alpha))


@pytest.mark.parametrize("alpha", [-0.5, 0.5, 1.0, 1.5, 2.5, 6.0])
def test_the_exponent_is_found_and_its_error_bar_is_honest(alpha):
    fits = [
        fit_power_law(sample(alpha, 0.1, 10, 500, seed), xmin=0.1, xmax=10) for seed in range(200)
    ]
    z = np.array([(fit.alpha - alpha) / fit.sigma for fit in fits])
    assert abs(z.mean()) < 0.3
    assert 0.85 < z.std() < 1.15


def test_the_published_example():
    fit = fit_power_law(sample(1.5, 0.1, 10, 20_000), xmax=10)
    assert abs(fit.alpha - 1.5) < 4 * fit.sigma
    assert fit.sigma < 0.02 or fit.num_pl_spikes < 10_000


def test_it_is_the_maximum_of_the_likelihood():
    x = sample(1.8, 1, 50, 60)
    fit = fit_power_law(x, xmin=1, xmax=50)

    def loss(alpha):
        return alpha * np.log(x).mean() + np.log((1 - 50 ** (1 - alpha)) / (alpha - 1))

    assert fit.alpha == pytest.approx(minimize_scalar(loss, (1.2, 2.5)).x, rel=1e-5)


def test_far_above_the_data_it_is_the_law_without_an_end():
    x = sample(2.5, 1, 1e9, 300)
    bounded, free = fit_power_law(x, xmin=1, xmax=1e30), fit_power_law(x, xmin=1)
    for name in ("alpha", "D", "sigma", "num_pl_spikes"):
        assert getattr(bounded, name) == pytest.approx(getattr(free, name), rel=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1e200])
def test_scale_changes_nothing(scale):
    x = sample(1.5, 0.1, 10, 300)
    one, other = fit_power_law(x, xmax=10), fit_power_law(x * scale, xmax=10 * scale)
    assert other.alpha == pytest.approx(one.alpha, rel=1e-6)
    assert other.num_pl_spikes == one.num_pl_spikes
