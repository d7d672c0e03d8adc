"""Two layers become two arrays of the same samples."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch.nn.functional import adaptive_avg_pool2d

from tests.support.representations import pair_values
from zoo_analysis.activations import (
    LayerActivations,
    common_grid,
    comparable,
    neuron_values,
)
from zoo_analysis.activations.pooling import pool

sides = st.integers(1, 9)


def layer(*shape: int, size: tuple[int, ...] = (), seed: int = 0) -> LayerActivations:
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return LayerActivations("layer", 0, values, size or shape[2:])


@given(sides, sides, sides, sides)
def test_a_cell_is_the_mean_of_its_pixels(h: int, w: int, high: int, wide: int) -> None:
    values = torch.tensor(layer(2, 3, h, w).values)
    pooled = pool(values, (high, wide))
    high, wide = min(h, high), min(w, wide)  # never finer than it was
    assert pooled.shape == (2, 3, high, wide)
    for i in range(high):
        for j in range(wide):
            rows = slice(i * h // high, -(-(i + 1) * h // high))
            columns = slice(j * w // wide, -(-(j + 1) * w // wide))
            expected = values[:, :, rows, columns].mean((2, 3))
            assert_allclose(pooled[:, :, i, j], expected, atol=1e-6)


@given(sides, sides, sides, sides)
def test_channels_are_compared_on_the_finest_grid_both_have(
    h_a: int, w_a: int, h_b: int, w_b: int
) -> None:
    a, b = layer(5, 3, h_a, w_a), layer(5, 4, h_b, w_b, seed=1)
    grid = min(h_a, h_b), min(w_a, w_b)
    assert common_grid(a, b) == grid
    pair = pair_values(a, b, "channel")
    assert pair is not None
    for found, whole in zip(pair, (a, b), strict=True):
        pooled = adaptive_avg_pool2d(torch.tensor(whole.values), grid)
        assert_allclose(found, pooled.movedim(1, -1).flatten(0, 2), atol=1e-6)


def test_a_unit_is_a_position_of_a_channel() -> None:
    a, b = layer(5, 3, 2, 4), layer(5, 2, 1, 1, seed=1)
    pair = pair_values(a, b, "unit")
    assert pair is not None
    x, y = pair
    assert x.shape == (5, 24)
    assert y.shape == (5, 2)
    assert_allclose(x[:, 1 * 8 + 1 * 4 + 3], a.values[:, 1, 1, 3])


@pytest.mark.parametrize(("n", "images"), [(25, 10), (10, 10), (6, 6)])
def test_the_published_neurons_are_positions_of_the_first_channel(n: int, images: int) -> None:
    a, b = layer(n, 3, 4, 5), layer(n, 2, 4, 5, seed=1)
    pair = pair_values(a, b, "published")
    assert pair is not None
    for found, whole in zip(pair, (a, b), strict=True):
        assert found.shape == (images, 20)
        for image in range(images):
            assert_allclose(found[image], whole.values[image, 0].ravel())


@pytest.mark.parametrize("neurons", ["channel", "unit", "published"])
def test_hidden_dimensions_are_the_neurons_of_text(neurons: str) -> None:
    a, b = layer(30, 7), layer(30, 5, seed=1)
    pair = pair_values(a, b, neurons)  # type: ignore[arg-type]
    assert pair is not None
    assert_allclose(pair[0], a.values)
    assert_allclose(pair[1], b.values)


@pytest.mark.parametrize("neurons", ["channel", "unit", "published"])
def test_text_and_images_have_no_samples_in_common(neurons: str) -> None:
    assert pair_values(layer(30, 7), layer(30, 7, 1, 1), neurons) is None  # type: ignore[arg-type]
    assert not comparable(layer(30, 7), layer(30, 7, 1, 1))


def test_layers_are_comparable_by_their_size_before_pooling() -> None:
    pooled = (6, 3, 4, 4)
    assert comparable(layer(*pooled, size=(14, 14)), layer(6, 9, 4, 4, size=(14, 14)))
    assert not comparable(layer(*pooled, size=(14, 14)), layer(*pooled, size=(7, 7)))
    assert not comparable(layer(6, 3, 1, 1), layer(6, 3, 1, 1, size=(49,)))
    assert comparable(layer(30, 7), layer(30, 5))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(6, 3, 4, 4), (6, 3, 1, 1)])
def test_arrays_that_are_shared_read_only_make_no_noise(shape: tuple[int, ...]) -> None:
    shared = layer(*shape)
    shared.values.flags.writeable = False
    before = shared.values.copy()
    for grid in ((4, 4), (2, 2), (1, 1)):
        found = neuron_values(shared, grid, "channel")
        assert torch.as_tensor(found).is_contiguous()
        found[:] = 0
    assert_allclose(shared.values, before)
