"""All layers in one product: the numbers of two layers alone, and of other packages."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from cka_pytorch.hsic import hsic1

from tests.support.representations import related
from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import cka, cka_debiased, neuronal
from zoo_analysis.similarity.all_pairs import kernel_products as kernels
from zoo_analysis.similarity.all_pairs.layer_products import AT_ONCE, LayerProducts, layer_products
from zoo_analysis.similarity.all_pairs.stacked_layers import StackedLayers, beside, stack
from zoo_analysis.similarity.neurons import neuron_maxima

#: Fewer neurons than samples, as many, and more.
WIDTHS_A, WIDTHS_B = (5, 30, 70), (3, 8, 90, 30)


def layers(n: int = 30, dtype: type = np.float32) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Layers of two networks that share some of their variation."""
    x, y = related(n, n, sum(WIDTHS_A), sum(WIDTHS_B))
    return (
        np.split(x.astype(dtype), np.cumsum(WIDTHS_A)[:-1], 1),
        np.split(y.astype(dtype), np.cumsum(WIDTHS_B)[:-1], 1),
    )


def scores(found: LayerProducts, a: StackedLayers, b: StackedLayers) -> np.ndarray:
    """Layers × layers: the mean over both sides' neurons of their maxima."""
    assert found.maxima is not None
    of_a, of_b = (
        torch.stack([part.mean(1) for part in maxima.value.split(list(stacked.sizes), 1)])
        for maxima, stacked in zip(found.maxima, (a, b), strict=True)
    )
    return ((of_a + of_b.T) / 2).numpy()


def one_by_one(measure, a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([[measure(x, y) for y in b] for x in a])


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 2e-6), (np.float64, 1e-12)])
def test_all_layers_at_once_are_each_two_alone(dtype: type, error: float) -> None:
    x, y = layers(dtype=dtype)
    a, b = stack(x), stack(y)
    found = layer_products(a, b)
    assert scores(found, a, b) == pytest.approx(one_by_one(neuronal, x, y), abs=error)
    for measure in (cka, cka_debiased):
        alone = one_by_one(measure, x, y)
        assert found.kernels[measure.name].numpy() == pytest.approx(alone, abs=error)
        only = layer_products(a, b, [measure.name])
        assert only.maxima is None
        assert list(only.kernels) == [measure.name]
        assert only.kernels[measure.name].numpy() == pytest.approx(alone, abs=error)


def test_they_agree_with_numpy_and_cka_pytorch() -> None:
    x, y = layers(dtype=np.float64)
    a, b = stack(x), stack(y)
    found = layer_products(a, b)
    for i, p in enumerate(x):
        for j, q in enumerate(y):
            r = abs(np.corrcoef(p.T, q.T)[: p.shape[1], p.shape[1] :])
            expected = (r.max(0).mean() + r.max(1).mean()) / 2
            assert scores(found, a, b)[i, j] == pytest.approx(expected, abs=1e-12)
            k, l = (torch.from_numpy(z @ z.T)[None] for z in (p, q))  # noqa: E741
            unbiased = float(hsic1(k, l) / (hsic1(k, k) * hsic1(l, l)).sqrt())
            assert float(found.kernels["cka_debiased"][i, j]) == pytest.approx(unbiased, abs=1e-10)


def test_kernels_are_the_same_from_samples_as_from_neurons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_STRIP", 30 * 7 * 4)  # strips of seven rows, and one of two
    x, y = layers()
    a, b = stack(x), stack(y)
    for measure in (cka, cka_debiased):
        found = kernels.kernel_products(a, b, debiased=measure is cka_debiased)
        assert found.numpy() == pytest.approx(one_by_one(measure, x, y), abs=2e-6)
        own = kernels.kernel_products(a, a, debiased=measure is cka_debiased)
        assert own.diagonal().numpy() == pytest.approx(1, abs=1e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = layers()
    a, b = stack(x), stack(y)
    whole = layer_products(a, b)
    monkeypatch.setitem(neuron_maxima._BLOCK, "cpu", 7)
    parts = layer_products(a, b)
    assert scores(parts, a, b) == pytest.approx(scores(whole, a, b), abs=1e-6)
    for name in AT_ONCE[1:]:
        assert parts.kernels[name].numpy() == pytest.approx(whole.kernels[name].numpy(), abs=1e-6)


def test_stacks_side_by_side_are_one_and_parts_of_it_are_theirs() -> None:
    x, y = layers()
    b = beside([stack(y[:1]), stack(y[1:])])
    assert b.sizes == WIDTHS_B
    found = layer_products(stack(x), b)
    part = found.of(slice(1, 3), slice(3, 101))
    again = layer_products(stack(x), b.among(1, 3))
    assert part.maxima is not None
    assert again.maxima is not None
    for mine, theirs in zip(part.maxima, again.maxima, strict=True):
        assert mine.value.numpy() == pytest.approx(theirs.value.numpy(), abs=1e-6)
    for name, values in again.kernels.items():
        assert part.kernels[name].numpy() == pytest.approx(values.numpy(), abs=1e-6)


def test_constant_neurons_count_as_they_do_alone() -> None:
    x, y = layers()
    x[1][:, 4] = 0.7
    y[0][:, 0] = -3
    a, b = stack(x), stack(y)
    found = layer_products(a, b)
    assert scores(found, a, b) == pytest.approx(one_by_one(neuronal, x, y), abs=2e-6)
    assert found.kernels["cka"].numpy() == pytest.approx(one_by_one(cka, x, y), abs=2e-6)
    x[1][:] = 0.7
    with pytest.raises(SimilarityError, match="constant neurons only"):
        stack(x)


@pytest.mark.parametrize("measures", [AT_ONCE, AT_ONCE[2:]])
def test_what_float32_does_not_do_is_no_number(measures: Sequence[str]) -> None:
    """One sample outweighs all others: what debiasing takes off is nearly all there is."""
    x, y = related(9, 200, 6, 6)
    x[0] *= 3e3
    odd, even = x.astype(np.float32), y.astype(np.float32)
    found = layer_products(stack([odd, even]), stack([even, odd]), measures)
    values = found.kernels["cka_debiased"].numpy()
    assert np.isnan(values).tolist() == [[True, True], [False, True]]
    assert values[1, 0] == pytest.approx(1, abs=1e-6)


def test_three_samples_have_no_unbiased_kernel() -> None:
    x, y = layers(3)
    found = layer_products(stack(x), stack(y))
    assert found.kernels["cka_debiased"].isnan().all()
    assert found.kernels["cka"].numpy() == pytest.approx(one_by_one(cka, x, y), abs=2e-6)
