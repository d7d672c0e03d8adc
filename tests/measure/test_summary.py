"""A model's averages in one call."""

import numpy as np
import pyarrow.compute as pc
import pytest
import torch

import zoo_analysis
from zoo_analysis.errors import ZooError


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(64, 96), torch.nn.ReLU(), torch.nn.Linear(96, 48))


def test_a_summary_is_the_mean_over_the_fitted_layers(network: torch.nn.Module) -> None:
    layers, means = zoo_analysis.analyze(network), zoo_analysis.summary(network)
    assert set(layers["status"].to_pylist()) == {"success"}
    for name in ("alpha", "log_norm", "stable_rank"):
        assert means[name] == pytest.approx(pc.mean(layers[name]).as_py(), rel=1e-12)
    assert means["method"] == zoo_analysis.method().id


def test_a_network_without_a_spectrum_has_no_averages() -> None:
    means = zoo_analysis.summary(torch.nn.Linear(1, 1))
    assert means["alpha"] is None


def test_a_preset_is_named(network: torch.nn.Module) -> None:
    by_name = zoo_analysis.analyze(network, "weightwatcher")
    made = zoo_analysis.analyze(network, zoo_analysis.method("weightwatcher"))
    assert by_name["alpha"].equals(made["alpha"])
    means = zoo_analysis.summary(network, "nature2021")
    assert means["method"].startswith("nature2021-")
    with pytest.raises(ZooError, match="no method 'weightwacher': use one of default"):
        zoo_analysis.analyze(network, "weightwacher")  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 60, 80), (60, 80)])
def test_a_kernel_may_be_an_array_of_numpy(shape: tuple[int, ...]) -> None:
    weight = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    weight.flags.writeable = False
    found = zoo_analysis.spectra.analyze_kernel(weight)
    singular = np.linalg.svd(weight.reshape(60, 80), compute_uv=False)
    assert found.metrics.lambda_max == pytest.approx(float(singular[0]) ** 2, rel=1e-5)
    assert found.evals is not None
    assert len(found.evals) == 60
