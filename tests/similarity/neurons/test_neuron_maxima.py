"""Neuronal correlation of two layers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import (
    neuronal,
    neuronal_matches,
    neuronal_maxima,
    standardise,
)
from zoo_analysis.similarity.neurons import neuron_maxima
from zoo_analysis.similarity.registry import get_measure


def noise(n: int, d: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def loop(x: torch.Tensor, y: torch.Tensor) -> list[float]:
    """Each neuron's greatest |correlation|, as in the published notebooks."""
    scores = []
    for i in range(x.shape[1]):
        best = 0.0
        for j in range(y.shape[1]):
            r = torch.corrcoef(torch.stack([x[:, i], y[:, j]]))[0, 1].abs()
            best = max(best, float(torch.nan_to_num(r)))
        scores.append(best)
    return scores


def with_faults(x: torch.Tensor) -> torch.Tensor:
    """With a constant neuron, a dead one, and two that are tied but for scale and sign."""
    x = x.clone()
    x[:, 0], x[:, 1], x[:, 3] = 0.5, 0.0, -3 * x[:, 2]  # 0.5: a mean without rounding
    return x


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(4, 9), st.integers(4, 9))
def test_it_is_what_a_double_loop_over_neurons_gives(seed: int, n: int, d1: int, d2: int) -> None:
    x, y = with_faults(noise(n, d1, seed)), with_faults(noise(n, d2, seed + 1))
    of_x, of_y = neuronal_maxima(standardise(x), standardise(y))
    np.testing.assert_allclose(of_x, loop(x, y), atol=1e-9)
    np.testing.assert_allclose(of_y, loop(y, x), atol=1e-9)
    mean = (np.mean(loop(x, y)) + np.mean(loop(y, x))) / 2
    assert neuronal(x, y) == pytest.approx(mean, abs=1e-9)
    assert neuronal(x.float(), y.float().numpy()) == pytest.approx(mean, abs=1e-5)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    p, q = standardise(noise(40, 17)), standardise(noise(40, 23, 1))
    sizes_p, sizes_q = [5, 0, 1, 11], [20, 3]
    whole = neuron_maxima.maxima_by_layer(p, q, sizes_p, sizes_q, neurons=True)
    monkeypatch.setattr(neuron_maxima, "_BLOCK", {"cpu": 4})
    monkeypatch.setattr(neuron_maxima, "_CHUNK", 40)
    blocks = neuron_maxima.maxima_by_layer(p, q, sizes_p, sizes_q, neurons=True)
    for a, b in zip(whole, blocks, strict=True):
        torch.testing.assert_close(a.value, b.value, rtol=0, atol=1e-12)
        assert torch.equal(a.neuron, b.neuron)
    torch.testing.assert_close(standardise(noise(40, 23, 1)), q, rtol=0, atol=1e-12)


def test_matches_name_the_neuron_and_the_constant_have_none() -> None:
    x = with_faults(noise(50, 8))
    order = torch.tensor([7, 6, 5, 4, 2, 1, 0])  # without 3, the tied one
    of_x, of_y = neuronal_matches(standardise(x), standardise(-2 * x[:, order]))
    assert of_x.neuron is not None
    assert of_y.neuron is not None
    assert of_x.neuron[0].tolist() == [-1, -1, 4, 4, 3, 2, 1, 0]
    assert of_y.neuron[0, :4].tolist() == [7, 6, 5, 4]
    assert of_y.neuron[0, 4].item() in (2, 3)
    assert of_x.value[0].tolist() == pytest.approx([0, 0, 1, 1, 1, 1, 1, 1])


def test_the_angle_between_two_neurons_is_the_correlation() -> None:
    u, v = torch.tensor([1.0, -1, 1, -1]), torch.tensor([1.0, 1, -1, -1])
    for angle in (0.0, 0.3, 1.2, 2.0):
        mixed = np.cos(angle) * u + np.sin(angle) * v + 5
        assert neuronal(u[:, None], mixed[:, None]) == pytest.approx(abs(np.cos(angle)), abs=1e-6)


def test_many_neurons_may_find_the_same_one() -> None:
    x = noise(60, 1)
    alike = x * torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64)
    assert neuronal(alike, torch.cat([x, noise(60, 1, 9)], 1)) > 0.5
    of_alike, _ = neuronal_maxima(standardise(alike), standardise(x))
    torch.testing.assert_close(of_alike, torch.ones(3, dtype=torch.float64))


def test_float32_activations_far_from_zero_keep_their_correlation() -> None:
    x = (1e4 + noise(300, 6)).float()
    y = (x.double() - 1e4 + noise(300, 6, 1)).float()
    exact = neuronal(x.double(), y.double())
    assert neuronal(x, y) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e30, 3e38])
def test_float32_of_any_magnitude_is_taken(scale: float) -> None:
    x, y = noise(30, 4).clamp(-1, 1), noise(30, 5, 1)
    assert neuronal((scale * x).float(), y.float()) == pytest.approx(neuronal(x, y), abs=1e-5)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_float64_of_any_magnitude_is_taken(scale: float) -> None:
    x, y = noise(30, 4), noise(30, 5, 1)
    assert neuronal(scale * x, y) == pytest.approx(neuronal(x, y), abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_varies_by_rounding_only_is_constant(dtype: torch.dtype) -> None:
    wobble = torch.tensor([1.0, -1.0], dtype=dtype).repeat(50)
    epsilon = torch.finfo(dtype).eps
    rounding, signal = 7 * (1 + epsilon * wobble), 7 * (1 + 1000 * epsilon * wobble)
    z = standardise(torch.stack([rounding, signal], 1))
    assert z[:, 0].abs().max() == 0
    assert z[:, 1].norm().item() == pytest.approx(1, abs=1e-5)


def test_integers_and_lists_of_numbers_are_taken() -> None:
    x = np.arange(12).reshape(6, 2) ** 2
    assert neuronal(x, x) == pytest.approx(1)


def test_prepared_arrays_of_two_types_meet_in_the_wider() -> None:
    x, y = noise(30, 4), noise(30, 5, 1)
    mixed = neuronal.compare(neuronal.prepare(x.float()), neuronal.prepare(y))
    assert mixed == pytest.approx(neuronal(x, y), abs=1e-6)


def test_different_samples_are_refused_with_both_shapes() -> None:
    x, y = noise(5, 2), noise(6, 3)
    prepared = neuronal.prepare(x), neuronal.prepare(y)
    with pytest.raises(SimilarityError, match=r"\(5, 2\) and \(6, 3\)"):
        neuronal(x, y)
    with pytest.raises(SimilarityError, match=r"\(5, 2\) and \(6, 3\)"):
        neuronal.compare(*prepared)


def test_one_sample_is_refused() -> None:
    with pytest.raises(SimilarityError, match=r"\(1, 3\) has one sample"):
        neuronal(noise(1, 3), noise(1, 2))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    x = noise(5, 2)
    x[3, 1] = bad
    with pytest.raises(SimilarityError, match=r"\(5, 2\) has NaN or infinite"):
        neuronal(x, noise(5, 2))


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["neuronal", "neuronal_one_to_one", "rsa", "knn"])
def test_a_gpu_gives_what_a_processor_gives(name: str) -> None:
    measure = get_measure(name)
    x, y = noise(100, 30), noise(100, 40, 1)
    x[:, :20] += y[:, :20]
    assert measure(x.cuda(), y.cuda()) == pytest.approx(measure(x, y), abs=1e-9)
