"""Many pairs of models at once: the scores that each has alone."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from tests.pairwise.test_by_activations import IMAGES, seen
from zoo_analysis.activations import LayerActivations
from zoo_analysis.pairwise import by_products
from zoo_analysis.pairwise.by_activations import ModelActivations, compare_activations
from zoo_analysis.pairwise.by_products import compare_at_once
from zoo_analysis.pairwise.scores import Scores
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity.all_pairs.layer_products import AT_ONCE
from zoo_analysis.similarity.registry import get_measure

MEASURES = [get_measure(name) for name in AT_ONCE]
#: Layers of four networks: channels and the side of the grid.
NETS = [[(5, 4), (7, 2), (60, 1)], [(4, 4), (8, 1)], [(6, 2)], [(50, 1), (3, 4), (9, 4)]]


def models(nets: Sequence[list[tuple[int, int]]] = NETS) -> list[ModelActivations]:
    return [seen(f"net{i}", layers, seed=i) for i, layers in enumerate(nets)]


def with_layer(model: ModelActivations, number: int, values: np.ndarray) -> ModelActivations:
    layers = list(model.captured.layers)
    layers[number] = replace(layers[number], values=values)
    return replace(model, captured=replace(model.captured, layers=tuple(layers)))


def words(name: str, widths: Sequence[int], seed: int) -> ModelActivations:
    model, generator = seen(name, []), np.random.default_rng(seed)
    layers = tuple(
        LayerActivations(f"h{i}", i, generator.normal(size=(IMAGES, d)).astype(np.float32))
        for i, d in enumerate(widths)
    )
    return replace(model, captured=replace(model.captured, layers=layers))


def unshaped(reason: str) -> str:
    """A reason names one of the layers that it holds for."""
    return re.sub(r"\(.*?\)", "", reason)


def agree(found: Scores, alone: Scores) -> None:
    assert unshaped(found.reason) == unshaped(alone.reason)
    assert [each[:2] for each in found.scores] == [each[:2] for each in alone.scores]
    for mine, theirs in zip(found.scores, alone.scores, strict=True):
        assert mine.n_samples == theirs.n_samples
        assert mine[2:] == pytest.approx(theirs[2:], abs=2e-6)


def all_agree(
    pairs: list[tuple[ModelActivations, ModelActivations]],
    settings: ComparisonSettings | None = None,
    **options: int,
) -> list[dict[str, Scores]]:
    found = compare_at_once(pairs, MEASURES, settings, **options)
    for (a, b), scores in zip(pairs, found, strict=True):
        for measure in MEASURES:
            agree(scores[measure.name], compare_activations(a, b, measure, settings))
    return found


@pytest.mark.parametrize("mode", ["full", "partial"])
@pytest.mark.parametrize("neurons", ["channel", "unit", "published"])
def test_each_pair_has_the_scores_that_it_has_alone(mode, neurons) -> None:
    all_agree(list(combinations(models(), 2)), ComparisonSettings(mode, neurons))


def test_pairs_that_are_known_already_are_holes_in_the_tile() -> None:
    a, b, c, d = models()
    all_agree([(a, c), (a, d), (b, d), (d, d)])


@pytest.mark.parametrize(("block", "together"), [(1, 1), (6 * 16 * 4 * IMAGES, 2), (10**9, 3)])
def test_no_side_of_a_product_is_larger_than_a_block(block, together, monkeypatch) -> None:
    """But a layer that is larger alone. Layers of one grid: 5, 3 and 9 channels, then 4."""
    sides: list[tuple[int, ...]] = []
    whole = by_products.layer_products

    def watched(a, b, *options):
        sides.extend((a.sizes, b.sizes))
        return whole(a, b, *options)

    monkeypatch.setattr(by_products, "layer_products", watched)
    nets = [[(5, 4), (3, 4), (9, 4)], [(4, 4), (2, 4)]]
    pairs = list(combinations(models(nets), 2))
    all_agree([*pairs, *pairs[:1]], block=block)
    assert max(map(len, sides)) == together
    nbytes = [[4 * d * 16 * IMAGES for d in sizes] for sizes in sides]
    assert all(sum(each) <= block or len(each) == 1 for each in nbytes)


def test_words_are_samples_too() -> None:
    pairs = list(combinations([words(f"lm{i}", (8, 30, 70), i) for i in range(3)], 2))
    found = all_agree(pairs)
    assert found[0]["cka"].scores[0].n_samples == IMAGES
    image, text = models()[0], pairs[0][0]
    (nothing,) = compare_at_once([(image, text)], MEASURES)
    assert all(scores.scores[0].value is None for scores in nothing.values())


def test_a_layer_that_does_not_vary_is_left_out_and_said() -> None:
    a, b, c, _ = models()
    a = with_layer(a, 1, np.full_like(a.captured.layers[1].values, 0.7))
    found = all_agree([(a, b), (b, c), (a, c)])
    assert "constant neurons only" in found[0]["neuronal"].reason
    c = with_layer(c, 0, np.zeros_like(c.captured.layers[0].values))
    (dead,) = all_agree([(a, c)])
    assert [score.value for score in dead["cka"].scores] == [None]


def test_a_sample_that_outweighs_the_others_has_its_debiased_number() -> None:
    a, b, *_ = models()
    values = a.captured.layers[0].values.copy()
    values[3] *= 3e3
    all_agree([(with_layer(a, 0, values), b)])


def test_three_samples_have_no_unbiased_kernel_and_the_reason_says_so() -> None:
    few = [
        replace(
            model,
            captured=replace(
                model.captured,
                layers=tuple(
                    replace(layer, values=layer.values[:3]) for layer in model.captured.layers
                ),
            ),
        )
        for model in models([[(5, 1)], [(4, 1)]])
    ]
    (found,) = all_agree([(few[0], few[1])])
    assert "at least 4" in found["cka_debiased"].reason
