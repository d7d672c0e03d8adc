"""Neuronal correlation of whole networks."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import best_match, between, neuronal, neuronal_between, standardise

Layers = list[torch.Tensor]


def network(sizes: Sequence[int], seed: int, n: int = 25) -> Layers:
    """Activations with a constant neuron and a tied one in each layer that is wide enough."""
    generator = torch.Generator().manual_seed(seed)
    layers = [torch.randn(n, d, generator=generator, dtype=torch.float64) for d in sizes]
    for layer in layers:
        if layer.shape[1] > 3:
            layer[:, 0], layer[:, 2] = 0.5, 1 - layer[:, 1]  # 0.5: a mean without rounding
    return layers


def loop(a: Layers, b: Layers, distance: bool) -> tuple[float, list[list[tuple[float, int]]]]:
    """corr(A→B) and each neuron's score with its layer: four loops and `torch.corrcoef`."""
    scores: list[list[tuple[float, int]]] = []
    for i, mine in enumerate(a):
        scores.append([])
        for neuron in mine.T:
            best = (0.0, -1)
            for j, theirs in enumerate(b):
                for other in theirs.T:
                    r = torch.corrcoef(torch.stack([neuron, other]))[0, 1].abs()
                    r = torch.nan_to_num(r) / (1 + (abs(i - j) if distance else 0))
                    if r > best[0] + 1e-12:
                        best = (float(r), j)
            scores[-1].append(best)
    return float(np.mean([r for layer in scores for r, _ in layer])), scores


SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), SIZES, SIZES, st.booleans())
def test_it_is_what_loops_over_layers_and_neurons_give(
    seed: int, sizes_a: list[int], sizes_b: list[int], distance: bool
) -> None:
    a, b = network(sizes_a, seed, 12), network(sizes_b, seed + 1, 12)
    ab, scores = loop(a, b, distance)
    ba, _ = loop(b, a, distance)
    found = neuronal_between(a, b, distance=distance, matches=True)
    assert found.value_ab == pytest.approx(ab, abs=1e-9)
    assert found.value_ba == pytest.approx(ba, abs=1e-9)
    assert found.value == pytest.approx((ab + ba) / 2, abs=1e-9)
    assert found.matches_a is not None
    for matches, layer in zip(found.matches_a, scores, strict=True):
        np.testing.assert_allclose(matches.value, [r for r, _ in layer], atol=1e-9)
        for at, of, (r, _) in zip(matches.layer, matches.neuron, layer, strict=True):
            assert (at == -1) == (of == -1) == (r == 0)
    single = neuronal_between([x.float() for x in a], [x.float().numpy() for x in b])
    assert single.value == pytest.approx(neuronal_between(a, b).value, abs=1e-5)


def test_layer_values_are_the_measure_of_each_pair_without_the_distance() -> None:
    a, b = network([5, 8, 3], 0), network([6, 4], 1)
    found = neuronal_between(a, b)
    expected = [[neuronal(x, y) for y in b] for x in a]
    np.testing.assert_allclose(found.layer_values, expected, atol=1e-12)
    turned = neuronal_between(b, a)
    np.testing.assert_allclose(found.layer_ab, turned.layer_ba.T, atol=1e-12)
    assert found.value == pytest.approx(turned.value)
    assert found.value_ab == pytest.approx(turned.value_ba)


def test_a_neuron_found_n_layers_away_scores_one_over_one_plus_n() -> None:
    generator = torch.Generator().manual_seed(3)
    basis = torch.linalg.qr(torch.randn(20, 9, generator=generator, dtype=torch.float64))[0]
    basis = torch.linalg.qr(basis - basis.mean(0))[0]  # uncorrelated neurons
    a, b = [basis[:, :1]], [basis[:, 1:3], basis[:, 3:5], basis[:, :1] * -4 + 2]
    found = neuronal_between(a, b, matches=True)
    assert found.value_ab == pytest.approx(1 / 3)
    assert found.value_ba == pytest.approx(1 / 3 / 5)
    assert found.matches_a is not None
    assert found.matches_a[0].layer.tolist() == [2]
    assert neuronal_between(a, b, distance=False).value_ab == pytest.approx(1)


def test_a_network_is_wholly_like_itself_but_for_constant_neurons() -> None:
    a = network([6, 7], 0)
    assert neuronal_between(a, a).value == pytest.approx(11 / 13)
    assert neuronal_between([x[:, 1:] for x in a], [x[:, 1:] for x in a]).value == pytest.approx(1)


def test_a_layer_of_constant_neurons_only_is_left_out() -> None:
    a, b = network([4, 5], 0), network([6], 1)
    dead = np.zeros((len(a[0]), 3))
    found, without = neuronal_between([*a, dead], b, matches=True), neuronal_between(a, b)
    assert (found.value_ab, found.value_ba) == pytest.approx((without.value_ab, without.value_ba))
    assert np.isnan(found.layer_values).tolist() == [[False], [False], [True]]
    with pytest.raises(SimilarityError, match="none of 1 layers can be compared"):
        neuronal_between([dead], b)


def test_partial_takes_comparable_layers_only_and_leaves_out_the_others() -> None:
    a = [*network([4, 5], 0), *network([3], 1, n=9)]
    b = [*network([6], 2), *network([2], 3, n=9)]
    found = neuronal_between(
        a, b, distance=False, comparable=lambda i, j: len(a[i]) == len(b[j]), matches=True
    )
    first, last = loop(a[:2], b[:1], False)[0], loop(a[2:], b[1:], False)[0]
    assert found.value_ab == pytest.approx((9 * first + 3 * last) / 12)
    assert np.isnan(found.layer_values).tolist() == [[False, True]] * 2 + [[True, False]]
    without = neuronal_between(a, b, distance=False, comparable=lambda i, j: i == 0 == j)
    assert without.value_ab == pytest.approx(loop(a[:1], b[:1], False)[0])
    assert found.matches_a is not None
    assert found.matches_a[2].layer.tolist() == [1, 1, 1]


def test_samples_may_depend_on_the_pair() -> None:
    a, b = network([4, 3], 0, n=40), network([5], 1, n=40)
    rows = {(0, 0): slice(0, 40), (1, 0): slice(0, 10)}
    found = between(
        2, 1, lambda i, j: (standardise(a[i][rows[i, j]]), standardise(b[j][rows[i, j]]))
    )
    assert found.layer_values[1, 0] == pytest.approx(neuronal(a[1][:10], b[0][:10]))
    whole = between(2, 1, lambda i, j: (standardise(a[i]), standardise(b[j])), matches=True)
    listed = neuronal_between(a, b, matches=True)
    assert whole.value == pytest.approx(listed.value)
    assert whole.matches_b is not None
    assert listed.matches_b is not None
    assert whole.matches_b[0].neuron.tolist() == listed.matches_b[0].neuron.tolist()


def test_where_nothing_is_comparable_there_is_no_number() -> None:
    a = network([4, 3], 0)
    with pytest.raises(SimilarityError, match=r"none of 2 layers .* other model's 2"):
        neuronal_between(a, a, comparable=lambda i, j: False)
    with pytest.raises(SimilarityError, match=r"none of 0 layers .* other model's 2"):
        neuronal_between([], a)
    with pytest.raises(SimilarityError, match=r"none of 1 layers .* other model's 3"):
        best_match([[np.nan] * 3], "more alike")


def test_different_samples_are_refused_with_both_shapes() -> None:
    with pytest.raises(SimilarityError, match=r"\(25, 4\) and \(9, 3\)"):
        neuronal_between(network([4], 0), network([3], 1, n=9))
    with pytest.raises(SimilarityError, match=r"\(25, 4\) and \(9, 3\)"):
        neuronal_between([*network([4], 0), *network([3], 1, n=9)], network([3], 1))


def test_a_layer_keeps_its_neurons_in_every_pair() -> None:
    b = network([5, 5], 0)
    with pytest.raises(SimilarityError, match="layer 0 has 3 neurons in one pair and 4"):
        between(1, 2, lambda i, j: (standardise(b[j][:, : 3 + j]), standardise(b[j])))


def test_the_best_match_of_a_similarity_is_its_greatest_and_of_a_distance_its_least() -> None:
    values = [[0.9, 0.2, np.nan], [0.4, 0.8, np.nan], [np.nan, np.nan, np.nan], [0.5, 0.1, np.nan]]
    ab, ba = (0.9 + 0.8 + 0.5) / 3, (0.9 + 0.8) / 2
    assert best_match(values, "more alike") == pytest.approx(((ab + ba) / 2, ab, ba))
    ab, ba = (0.2 + 0.4 + 0.1) / 3, (0.4 + 0.1) / 2
    assert best_match(values, "less alike") == pytest.approx(((ab + ba) / 2, ab, ba))
