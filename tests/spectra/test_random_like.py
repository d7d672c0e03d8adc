"""Spectra that a random initialisation has, and those that it has not."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from zoo_analysis.spectra import LayerMetrics, analyze_kernel, method

torch.set_num_threads(1)

INITIALISERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "normal": torch.nn.init.normal_,
    "Kaiming uniform": torch.nn.init.kaiming_uniform_,
    "Xavier normal": torch.nn.init.xavier_normal_,
    "truncated normal": lambda w: torch.nn.init.trunc_normal_(w, std=1, a=-2, b=2),
    "orthogonal": torch.nn.init.orthogonal_,
    "signs": lambda w: w.normal_().sign_(),
}
SHAPES = [(64, 64), (96, 24), (10, 300), (48, 32, 3, 3), (20, 64, 3, 3), (24, 16, 7)]


def measured(w: torch.Tensor, **changes: str) -> LayerMetrics:
    return analyze_kernel(w[None], method(**changes)).metrics


@pytest.mark.parametrize("name", INITIALISERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_initialised_weights_are_random_like(name: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(len(name) + sum(shape))
    alike = [measured(INITIALISERS[name](torch.empty(shape))).random_like for _ in range(20)]
    assert sum(alike) >= 19  # one in a thousand is expected to fail


@pytest.mark.parametrize("preset", ["default", "weightwatcher", "nature2021"])
def test_whatever_the_method_and_the_scale(preset: str) -> None:
    torch.manual_seed(0)
    for shape in ((64, 48), (48, 32, 3, 3)):
        w = torch.randn(shape)[None]
        for scale in (1e-9, 1.0, 1e6):
            assert analyze_kernel(w * scale, method(preset)).metrics.random_like == 1


def test_dirac_and_identity_are_initialisations_too() -> None:
    assert measured(torch.eye(64)).random_like == 1
    assert measured(torch.nn.init.dirac_(torch.empty(64, 64, 3, 3))).random_like == 1


def test_rows_and_columns_of_zeros_hide_no_initialisation() -> None:
    torch.manual_seed(3)
    stray = torch.randn(64, 48)
    stray[3, 5] = 100.0
    for w in (torch.nn.init.orthogonal_(torch.empty(40, 30)), torch.eye(64), stray):
        for padding in ((0, 90, 0, 0), (0, 0, 0, 200), (9, 9, 9, 9)):
            padded = torch.nn.functional.pad(w, padding)
            assert measured(w).random_like == measured(padded).random_like == 1
    assert measured(torch.nn.init.dirac_(torch.empty(80, 64, 3, 3))).random_like == 1


def test_zeros_and_constants_tell_nothing() -> None:
    assert measured(torch.zeros(64, 64)).random_like is None
    assert measured(torch.full((64, 64), 1e-5)).random_like is None
    assert measured(torch.randn(9, 300)).random_like is None, "below the fewest eigenvalues"


def test_a_single_stray_entry_makes_a_spike_and_no_structure() -> None:
    """timm's truncated normal of deviation 0.02 is cut off at ±2, and now and then ends there."""
    torch.manual_seed(1)
    w = 0.02 * torch.randn(160, 640)
    w[7, 300] = -2.0
    metrics = measured(w)
    assert (metrics.num_spikes, metrics.random_like) == (1, 1)
    entries = w.flatten()[torch.randperm(w.numel())].reshape(w.shape)
    assert measured(entries).num_spikes == 1, "shuffled it has the spike as well"


@pytest.mark.parametrize("strength", [1.5, 3.0])
def test_one_direction_above_the_transition_is_structure(strength: float) -> None:
    rng = np.random.default_rng(2)
    u, v = rng.normal(size=(300, 1)), rng.normal(size=(1, 150))
    planted = strength * (300 * 150) ** 0.25 * (u / np.linalg.norm(u)) @ (v / np.linalg.norm(v))
    w = torch.from_numpy(rng.normal(size=(300, 150)) + planted)
    assert measured(w).random_like == 0


def test_spectra_of_other_laws_are_not_random_like() -> None:
    rng = np.random.default_rng(3)
    heavy = rng.standard_t(1.5, size=(128, 128))
    product = rng.normal(size=(128, 128)) @ rng.normal(size=(128, 128))
    low_rank = rng.normal(size=(200, 30)) @ rng.normal(size=(30, 100))
    decaying = rng.normal(size=(128, 128)) * np.geomspace(1, 30, 128)
    for w in (heavy, product, low_rank, decaying):
        assert measured(torch.from_numpy(w)).random_like == 0


def test_a_trained_matrix_beside_the_one_that_it_began_as() -> None:
    """The first layer of a network that has learned digits has left the bulk that it began as."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = torch.from_numpy(digits.data[:500] / 16).float()
    y = torch.from_numpy(digits.target[:500])
    torch.manual_seed(4)
    first = torch.nn.Linear(64, 128)
    network = torch.nn.Sequential(first, torch.nn.ReLU(), torch.nn.Linear(128, 10))
    assert measured(first.weight).random_like == 1
    for _ in range(200):  # plain descent: torch's optimisers take seconds to import
        loss = torch.nn.functional.cross_entropy(network(x), y)
        with torch.no_grad():
            weights = list(network.parameters())
            for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                weight -= 0.5 * slope
    assert measured(first.weight).random_like == 0
