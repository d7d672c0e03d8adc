"""Pairs of models against chance: one permutation for all layers, and the stated level."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from tests.pairwise.test_by_activations import IMAGES, A, B, seen
from tests.support.representations import pair_values
from zoo_analysis.activations import Captured, LayerActivations
from zoo_analysis.pairwise.by_activations import ModelActivations, compare_activations
from zoo_analysis.pairwise.by_products import compare_at_once
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity import best_match, calibrated
from zoo_analysis.similarity.null_calibration import LEVEL, orders
from zoo_analysis.similarity.registry import get_measure

K = 19


def moved(model: ModelActivations, order: np.ndarray) -> ModelActivations:
    """The model shown the same images in another order; the labels stay where they are."""
    captured = model.captured
    layers = tuple(replace(layer, values=layer.values[order]) for layer in captured.layers)
    assert captured.outputs is not None
    return ModelActivations(
        f"{model.key} {order}", replace(captured, layers=layers, outputs=captured.outputs[order])
    )


@pytest.mark.parametrize(
    "name", ["cka", "neuronal", "rsa", "cka_minibatch", "pwcca", "scatter", "agreement"]
)
def test_each_number_is_calibrated_by_those_of_the_images_permuted(name, monkeypatch) -> None:
    from tests.pairwise.test_plug_in_measures import SCATTER, install

    install(monkeypatch, scatter=replace(SCATTER, name="scatter"))
    measure = get_measure(name)
    found = compare_activations(A, B, measure, permutations=K).scores
    plain = compare_activations(A, B, measure).scores
    assert [score[:6] for score in found] == [score[:6] for score in plain]
    null = []
    for order in orders(len(A.captured.inputs), K):
        scores = compare_activations(moved(A, order), B, measure).scores
        null.append([score.value for score in scores])
    expected = calibrated([score.value for score in plain], null, measure)
    assert [score.p_value for score in found] == pytest.approx(expected.p_value)
    assert [score.calibrated for score in found] == pytest.approx(expected.score, abs=1e-5)
    assert {score.permutations for score in found} == {K}


def test_inputs_go_with_the_samples_that_they_are_of() -> None:
    """What is permuted is what the regression on the inputs leaves."""
    measure = get_measure("dcka")
    found = compare_activations(A, B, measure, permutations=K).scores[0]
    x, y = pair_values(A.captured.layers[0], B.captured.layers[0], "channel") or ()
    inputs = np.repeat(A.captured.inputs, 16, axis=0)
    null = []
    for order in orders(IMAGES, K):
        rows = (order[:, None] * 16 + np.arange(16)).ravel()
        null.append(measure((x[rows], inputs[rows]), (y, inputs)))
    expected = calibrated(found.value or 0.0, null, measure)
    assert (found.p_value, found.calibrated) == pytest.approx(
        (float(expected.p_value), float(expected.score)), abs=1e-6
    )


@pytest.mark.parametrize("neurons", ["channel", "published"])
def test_at_once_as_pair_by_pair(neurons) -> None:
    how = ComparisonSettings(neurons=neurons)
    c = seen("c", [(6, 2), (50, 1)], seed=7)
    measures = [get_measure(name) for name in ("neuronal", "cka", "cka_debiased")]
    pairs = [(A, B), (A, c), (B, c)]
    found = compare_at_once(pairs, measures, how, permutations=K)
    for (a, b), scores in zip(pairs, found, strict=True):
        for measure in measures:
            alone = compare_activations(a, b, measure, how, permutations=K).scores
            for mine, theirs in zip(scores[measure.name].scores, alone, strict=True):
                assert mine[:2] == theirs[:2]
                assert mine[2:] == pytest.approx(theirs[2:], abs=5e-6)


def test_rows_that_stand_for_all_are_drawn_after_the_images_are_permuted() -> None:
    measure = replace(get_measure("rsa"), max_samples=50)
    found = compare_activations(A, B, measure, permutations=K).scores
    null = [
        [score.value for score in compare_activations(moved(A, order), B, measure).scores]
        for order in orders(A.captured.n, K)
    ]
    expected = calibrated([score.value for score in found], null, measure)
    assert [score.p_value for score in found] == pytest.approx(expected.p_value)


def test_the_best_of_many_layers_is_beside_the_best_of_many() -> None:
    """A model's own null is of its best matches, not of any layer's values."""
    measure = get_measure("cka")
    *_, whole = compare_activations(A, B, measure, permutations=99).scores
    shape = len(A.captured.layers), len(B.captured.layers)
    null = []
    for order in orders(A.captured.n, 99):
        scores = compare_activations(moved(A, order), B, measure).scores
        values = np.reshape([score.value for score in scores[:-1]], shape)
        null.append(best_match(values, measure.higher)[0])
    assert whole.p_value == calibrated(whole.value or 0.0, null, measure).p_value


def test_what_has_no_number_has_no_calibration() -> None:
    few = replace(A.captured, layers=())
    found = compare_activations(replace(A, captured=few), B, get_measure("cka"), permutations=K)
    (score,) = found.scores
    assert (score.value, score.p_value, score.permutations) == (None, None, None)


def random_network(generator: np.random.Generator, n: int, width: int, depth: int) -> Any:
    """Activations of a random ReLU network shown n images of noise of its own."""
    x, layers = generator.normal(size=(n, 12)), []
    for number in range(depth):
        weights = generator.normal(size=(x.shape[1], width)) * np.sqrt(2 / x.shape[1])
        x = np.maximum(x @ weights, 0)
        values = x.astype(np.float32)[:, :, None, None]
        layers.append(LayerActivations(f"l{number}", number, values, (1, 1)))
    inputs = np.zeros((n, 1), np.float32)
    return ModelActivations(
        generator.random(), Captured(tuple(layers), None, None, inputs, "probe", n)
    )


def drawn(count: int, seed: int) -> Iterator[tuple[ModelActivations, ModelActivations]]:
    """Pairs of independent networks, of all widths, depths and numbers of samples in turn."""
    generator = np.random.default_rng(seed)
    shapes = list(product((20, 60), (4, 40), (1, 3)))
    for number in range(count):
        n, width, depth = shapes[number % len(shapes)]
        yield (
            random_network(generator, n, width, depth),
            random_network(generator, n, 2 * width, depth),
        )


def above_chance(count: int, names: tuple[str, ...], seed: int = 0) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in names}
    measures = [get_measure(name) for name in names]
    for pair in drawn(count, seed):
        (scores,) = compare_at_once([pair], measures, permutations=K)
        for name in names:
            found[name].append(scores[name].scores[-1])
    return found


def test_networks_that_saw_different_images_are_alike_by_chance_alone() -> None:
    count = 80
    for name, scores in above_chance(count, ("cka", "neuronal")).items():
        seen_alike = sum(score.calibrated > 0 for score in scores)
        assert seen_alike <= binom.ppf(0.999, count, LEVEL), name
        assert seen_alike == sum(score.p_value <= LEVEL for score in scores)
        raw = np.array([score.value for score in scores])
        assert raw.max() - raw.min() > 0.2, "what is not calibrated goes with width and samples"


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["cka", "cka_debiased", "neuronal"])
def test_the_level_is_kept_over_thousands_of_pairs(name) -> None:
    count = 2000
    (scores,) = above_chance(count, (name,), seed=1).values()
    seen_alike = sum(score.calibrated > 0 for score in scores)
    low, high = binom.ppf([0.0005, 0.9995], count, LEVEL)
    assert low <= seen_alike <= high


def test_networks_that_saw_the_same_images_are_above_chance() -> None:
    """What they have of the images in common is no chance, however random the weights."""
    a, b = seen("a", [(30, 1)], seed=1), seen("b", [(30, 1)], seed=2)
    shared = a.captured.layers[0].values @ np.ones((1, 1), np.float32)
    noisy = (replace(b.captured.layers[0], values=shared + b.captured.layers[0].values),)
    b = replace(b, captured=replace(b.captured, layers=noisy))
    whole = compare_activations(a, b, get_measure("cka"), permutations=K).scores[-1]
    assert whole.p_value == 1 / (K + 1)
    assert 0 < (whole.calibrated or 0) < (whole.value or 0)
