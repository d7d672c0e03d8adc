"""Two models side by side, without Ray: each number is the measure itself."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.representations import pair_values
from zoo_analysis.activations import Captured, LayerActivations
from zoo_analysis.errors import SimilarityError
from zoo_analysis.pairwise.by_activations import ModelActivations, compare_activations
from zoo_analysis.pairwise.scores import Scores
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity import best_match, dcka, neuronal_between
from zoo_analysis.similarity.registry import get_measure

IMAGES = 40
#: Channels and grid of each layer.
NET_A, NET_B = [(5, 4), (7, 2), (6, 1)], [(4, 4), (8, 1)]


def seen(
    name: str, layers: list[tuple[int, int]], classes: int = 3, seed: int = 0
) -> ModelActivations:
    generator = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return generator.normal(size=shape).astype(np.float32)

    return ModelActivations(
        name,
        Captured(
            tuple(
                LayerActivations(f"l{i}", i, normal(IMAGES, d, side, side), (side, side))
                for i, (d, side) in enumerate(layers)
            ),
            normal(IMAGES, classes),
            generator.integers(0, classes, IMAGES),
            normal(IMAGES, 9),
            "probe",
            IMAGES,
        ),
    )


A, B = seen("a", NET_A, seed=1), seen("b", NET_B, seed=2)


def compared(
    measure: str,
    how: ComparisonSettings | None = None,
    a: ModelActivations = A,
    b: ModelActivations = B,
) -> Scores:
    return compare_activations(a, b, get_measure(measure), how)


def by_layer(scores: Scores) -> dict[tuple[Any, Any], Any]:
    return {(score.layer_a, score.layer_b): score for score in scores.scores}


@pytest.mark.parametrize("measure", ["cka", "procrustes", "neuronal_one_to_one", "svcca", "rsa"])
def test_a_layers_score_is_the_measure_and_a_models_the_best_match(measure: str) -> None:
    found = by_layer(compared(measure))
    whole = found.pop((None, None))
    values = np.empty((len(NET_A), len(NET_B)))
    for i, first in enumerate(A.captured.layers):
        for j, second in enumerate(B.captured.layers):
            arrays = pair_values(first, second, "channel")
            assert arrays is not None
            values[i, j] = get_measure(measure)(*arrays)
            score = found.pop((first.name, second.name))
            assert score.value == pytest.approx(values[i, j], abs=1e-6)
            assert (score.n_samples, score.value_ab) == (len(arrays[0]), None)
    assert not found
    expected = best_match(values, get_measure(measure).higher)
    assert (whole.value, whole.value_ab, whole.value_ba) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("mode", ["full", "partial"])
def test_neuronal_correlation_is_that_of_whole_networks(mode: Any) -> None:
    units = ComparisonSettings(mode, "unit")
    arrays = [[x.values.reshape(IMAGES, -1) for x in m.captured.layers] for m in (A, B)]
    sizes = [[x.size for x in m.captured.layers] for m in (A, B)]
    expected = neuronal_between(
        *arrays,
        distance=mode == "full",
        comparable=None if mode == "full" else lambda i, j: sizes[0][i] == sizes[1][j],
    )
    scores = compared("neuronal", units).scores
    whole = scores[-1]
    told = (expected.value, expected.value_ab, expected.value_ba)
    assert (whole.value, whole.value_ab, whole.value_ba) == pytest.approx(told)
    assert (
        len(scores) - 1 == np.isfinite(expected.layer_values).sum() == (6 if mode == "full" else 2)
    )
    for score in scores[:-1]:
        i, j = int(str(score.layer_a)[1:]), int(str(score.layer_b)[1:])
        assert score.value == pytest.approx(expected.layer_values[i, j])
        assert score.value_ab == pytest.approx(expected.layer_ab[i, j])
        assert score.n_samples == IMAGES


def test_what_is_seen_from_two_sides_has_both_and_their_mean() -> None:
    c = seen("c", [(5, 4)], seed=3)
    first, second = A.captured.layers[0], c.captured.layers[0]
    measure = get_measure("pwcca")
    x, y = (measure.prepare(each) for each in pair_values(first, second, "channel") or ())
    score = by_layer(compared("pwcca", b=c))["l0", "l0"]
    sides = measure.compare(x, y), measure.compare(y, x)
    assert (score.value_ab, score.value_ba) == pytest.approx(sides)
    assert score.value == pytest.approx(sum(sides) / 2)
    assert sides[0] != pytest.approx(sides[1])


def test_exchanging_the_models_exchanges_the_sides() -> None:
    for measure in ("neuronal", "cka", "pwcca"):
        there, back = compared(measure).scores[-1], compared(measure, a=B, b=A).scores[-1]
        assert there.value == pytest.approx(back.value)
        assert there.value_ab == pytest.approx(back.value_ba)


def test_of_many_samples_both_models_keep_the_same_ones() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(700, 5, 2, 2)).astype(np.float32)
    layer = LayerActivations("l", 0, values, (2, 2))
    turned = LayerActivations("l", 0, values[:, [3, 1, 4, 0, 2]], (2, 2))
    models = [
        ModelActivations(i, replace(A.captured, layers=(each,), n=700))
        for i, each in enumerate((layer, turned))
    ]
    (score, _) = compared("knn", a=models[0], b=models[1]).scores
    assert (score.value, score.n_samples) == (1.0, 1024)


def test_deconfounding_takes_each_image_once_a_position() -> None:
    first, second = A.captured.layers[1], B.captured.layers[0]
    x, y = pair_values(first, second, "channel") or (None, None)
    expected = dcka(x, y, np.repeat(A.captured.inputs, 4, axis=0))
    assert by_layer(compared("dcka"))["l1", "l0"].value == pytest.approx(expected)


def test_the_published_comparison_is_of_ten_images_and_one_channel() -> None:
    how = ComparisonSettings("partial", "published", positions=None)
    score = by_layer(compared("neuronal", how))["l0", "l0"]
    first, second = (m.captured.layers[0].values[:10, 0].reshape(10, 16) for m in (A, B))
    r = np.abs(np.corrcoef(first.T, second.T)[:16, 16:])
    assert score.value == pytest.approx((r.max(1).mean() + r.max(0).mean()) / 2, abs=1e-5)
    assert score.n_samples == 10


def test_what_cannot_be_compared_has_no_value_and_a_reason() -> None:
    apart = compared("cka", ComparisonSettings("partial"), b=seen("c", [(4, 3)]))
    assert [score.value for score in apart.scores] == [None]
    assert "none of 3 layers can be compared" in apart.reason
    (score,) = compared("agreement", b=seen("c", NET_B, classes=4)).scores
    assert score.value is None
    mute = ModelActivations("mute", replace(B.captured, outputs=None))
    assert "no outputs" in compared("js_divergence", b=mute).reason
    unlabelled = [ModelActivations(m.key, replace(m.captured, labels=None)) for m in (A, B)]
    assert "needs labels" in compared("accuracy_gap", a=unlabelled[0], b=unlabelled[1]).reason
    with pytest.raises(SimilarityError, match="one model saw probe, the other else"):
        compared("cka", b=ModelActivations("b", replace(B.captured, probe="else")))


def test_a_layer_that_is_not_finite_is_left_out_with_a_reason() -> None:
    values = A.captured.layers[0].values.copy()
    values[3, 2] = np.nan
    layers = (replace(A.captured.layers[0], values=values), *A.captured.layers[1:])
    for measure in ("cka", "neuronal"):
        found = compared(measure, a=ModelActivations("odd", replace(A.captured, layers=layers)))
        assert {score.layer_a for score in found.scores} == {"l1", "l2", None}
        assert "NaN" in found.reason


def test_outputs_are_compared_once() -> None:
    (score,) = compared("agreement").scores
    assert A.captured.outputs is not None
    assert B.captured.outputs is not None
    assert score.value == pytest.approx(
        np.mean(A.captured.outputs.argmax(1) == B.captured.outputs.argmax(1))
    )
    right = [100 * np.mean(m.captured.outputs.argmax(1) == m.captured.labels) for m in (A, B)]  # type: ignore[union-attr]
    same = ModelActivations("b", replace(B.captured, labels=A.captured.labels))
    right[1] = 100 * np.mean(B.captured.outputs.argmax(1) == A.captured.labels)
    (gap,) = compared("accuracy_gap", b=same).scores
    assert gap.value == pytest.approx(abs(right[0] - right[1]))
