"""Likeness from weights alone, against products formed in full."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import cka, get_measure, wcka, weight_cka
from zoo_analysis.similarity.weights_only import chain_factors

#: Narrowing, widening, both, square, one layer.
WIDTHS = [(30, 20, 10), (8, 20, 40, 5), (30, 6, 50, 50, 7), (12, 12, 12), (9, 40), (40, 9)]


def stack(widths: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((a, b)) / np.sqrt(a) for a, b in pairwise(widths)]


def products(weights: list[np.ndarray]) -> list[np.ndarray]:
    chains = [weights[0]]
    for w in weights[1:]:
        chains.append(chains[-1] @ w)
    return chains


def permuted(weights: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """The same network with its hidden neurons in another order."""
    weights = [w.copy() for w in weights]
    for k in range(len(weights) - 1):
        order = rng.permutation(weights[k].shape[1])
        weights[k], weights[k + 1] = weights[k][:, order], weights[k + 1][order]
    return weights


@pytest.mark.parametrize("a", WIDTHS)
@pytest.mark.parametrize("b", WIDTHS)
def test_wcka_is_cka_of_all_pairs_of_chained_products(a, b):
    first, second = stack(a), stack((a[0], *b[1:]), seed=1)
    expected = [[cka(p, q) for q in products(second)] for p in products(first)]
    likeness = wcka(first, second)
    assert likeness.layer_values == pytest.approx(np.array(expected), abs=1e-12)
    assert likeness.value == likeness.layer_values[-1, -1]


@pytest.mark.parametrize("widths", WIDTHS)
def test_factors_have_the_gram_matrix_of_the_product_and_the_width_of_the_bottleneck(widths):
    weights = stack(widths)
    for layer, (f, p) in enumerate(zip(chain_factors(weights), products(weights), strict=True)):
        assert f.shape == (widths[0], min(widths[: layer + 2]))
        gram, expected = (f @ f.T).numpy(), p @ p.T
        assert gram / np.trace(gram) == pytest.approx(expected / np.trace(expected), abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(WIDTHS), st.integers(0, 10**6), st.floats(-5, 5))
def test_the_order_of_hidden_neurons_and_the_scale_of_layers_cancel(widths, seed, exponent):
    rng = np.random.default_rng(seed)
    weights, other = stack(widths, seed), stack(widths, seed + 1)
    same = permuted(weights, rng)
    same[0] = same[0] * 10**exponent
    before = wcka(weights, other).layer_values
    assert wcka(same, other).layer_values == pytest.approx(before, abs=1e-9)
    assert np.diag(wcka(weights, same).layer_values) == pytest.approx(1, abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_rescaled_hidden_neurons_cancel_from_the_next_layer_on(seed):
    rng = np.random.default_rng(seed)
    weights = stack((20, 15, 15, 6), seed)
    scales = np.exp(rng.normal(size=15))
    same = [weights[0] * scales, weights[1] / scales[:, None], weights[2]]
    values = wcka(weights, same).layer_values
    assert np.diag(values)[1:] == pytest.approx(1, abs=1e-9)
    assert values[0, 0] < 1 - 1e-6


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_weights_whose_hidden_neurons_no_longer_fit_are_another_network(seed):
    rng = np.random.default_rng(seed)
    weights = stack((20, 15, 15, 6), seed)
    broken = [weights[0], weights[1][rng.permutation(15)], weights[2]]
    values = np.diag(wcka(weights, broken).layer_values)
    assert values[0] == pytest.approx(1, abs=1e-9)
    assert values[1:].max() < 0.99


def test_networks_of_any_depth_and_width_compare_on_the_same_inputs():
    likeness = wcka(stack((30, 100, 10)), stack((30, 20, 20, 20, 12), 1))
    assert likeness.layer_values.shape == (2, 4)
    assert 0 < likeness.value < 1


def test_deep_chains_neither_vanish_nor_overflow():
    weights = [w * 1e-20 for w in stack((20,) * 40)]
    assert wcka(weights, weights).value == pytest.approx(1, abs=1e-9)
    assert wcka([w * 1e30 for w in weights], weights).value == pytest.approx(1, abs=1e-9)


def test_classifier_heads_are_stacks_of_one_matrix():
    a, b = stack((50, 10))[0], stack((50, 7), 1)[0]
    assert wcka([a], [b]).value == pytest.approx(cka(a, b), abs=1e-12)


def test_the_measures_take_factors_and_single_matrices():
    first, second = stack((30, 60, 10)), stack((30, 45, 8), 1)
    values = wcka(first, second).layer_values
    measure = get_measure("wcka")
    for i, f in enumerate(chain_factors(first)):
        for j, g in enumerate(chain_factors(second)):
            assert measure(f, g) == pytest.approx(values[i, j], abs=1e-12)
    layers = get_measure("weight_cka")
    assert layers(first[0], second[0]) == pytest.approx(cka(first[0], second[0]), abs=1e-12)


def test_weight_cka_compares_checkpoints_layer_by_layer():
    early = stack((30, 60, 60, 10))
    rng = np.random.default_rng(3)
    late = [w + 0.05 * k * rng.standard_normal(w.shape) for k, w in enumerate(early)]
    values = weight_cka(early, late)
    assert values == pytest.approx([cka(a, b) for a, b in zip(early, late, strict=True)])
    assert values[0] == pytest.approx(1)
    assert 1 > values[1] > values[2]


def test_weight_cka_sees_the_order_of_a_layers_inputs_but_not_of_its_outputs():
    first = stack((30, 60, 10))
    same = permuted(first, np.random.default_rng(0))
    values = weight_cka(first, same)
    assert values[0] == pytest.approx(1)
    assert values[1] < 0.9


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([], "without weights"),
        ([np.ones((4, 3)), np.ones((4, 2))], r"\(4, 2\) \(layer 1\).*3 outputs"),
        ([np.eye(4), np.zeros((4, 2))], "up to layer 1 is zero"),
        ([np.eye(4), np.full((4, 2), np.nan)], "NaN"),
    ],
)
def test_what_is_no_stack_is_refused(weights, message):
    with pytest.raises(SimilarityError, match=message) as error:
        wcka(stack((4, 3)), weights)
    assert "\n" not in str(error.value)


def test_different_inputs_are_refused_naming_both_shapes():
    with pytest.raises(SimilarityError, match=r"\(30, 10\) and \(20, 10\).*same inputs"):
        wcka(stack((30, 10)), stack((20, 10)))
    with pytest.raises(SimilarityError, match=r"\(60, 10\) and \(50, 10\)"):
        weight_cka(stack((30, 60, 10)), stack((30, 50, 10)))
    with pytest.raises(SimilarityError, match="2 layers cannot be compared with 1"):
        weight_cka(stack((30, 60, 10)), stack((30, 60)))
