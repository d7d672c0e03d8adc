"""Two models side by side, without Ray: each number is the measure itself."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from zoo_analysis.activations import Captured, LayerActivations, pair_values
from zoo_analysis.errors import SimilarityError
from zoo_analysis.pairwise.by_activations import Bench, Shown, compare
from zoo_analysis.pairwise.by_weights import compare_weights
from zoo_analysis.pairwise.prepared import PreparedCache
from zoo_analysis.pairwise.scores import Scores
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity import best_match, dcka, neuronal_between, wcka
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.sources import ModelRef

IMAGES = 40
#: Channels and grid of each layer.
NET_A, NET_B = [(5, 4), (7, 2), (6, 1)], [(4, 4), (8, 1)]


def seen(name: str, layers: list[tuple[int, int]], classes: int = 3, seed: int = 0) -> Shown:
    generator = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return generator.normal(size=shape).astype(np.float32)

    return Shown(
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
    measure: str, how: ComparisonSettings | None = None, a: Shown = A, b: Shown = B
) -> Scores:
    return compare(Bench(a, b, get_measure(measure), how or ComparisonSettings()))


def by_layer(scores: Scores) -> dict[tuple[Any, Any], Any]:
    return {(score.layer_a, score.layer_b): score for score in scores.scores}


@pytest.mark.parametrize("measure", ["cka", "procrustes", "neuronal_one_to_one", "svcca", "rsa"])
def test_a_layers_score_is_the_measure_and_a_models_the_best_match(measure: str) -> None:
    found = by_layer(compared(measure))
    whole = found.pop((None, None))
    values = np.empty((len(NET_A), len(NET_B)))
    for i, first in enumerate(A.seen.layers):
        for j, second in enumerate(B.seen.layers):
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
    arrays = [[x.values.reshape(IMAGES, -1) for x in m.seen.layers] for m in (A, B)]
    sizes = [[x.size for x in m.seen.layers] for m in (A, B)]
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
    first, second = A.seen.layers[0], c.seen.layers[0]
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
        Shown(i, replace(A.seen, layers=(each,), n=700)) for i, each in enumerate((layer, turned))
    ]
    (score, _) = compared("knn", a=models[0], b=models[1]).scores
    assert (score.value, score.n_samples) == (1.0, 1024)


def test_deconfounding_takes_each_image_once_a_position() -> None:
    first, second = A.seen.layers[1], B.seen.layers[0]
    x, y = pair_values(first, second, "channel") or (None, None)
    expected = dcka(x, y, np.repeat(A.seen.inputs, 4, axis=0))
    assert by_layer(compared("dcka"))["l1", "l0"].value == pytest.approx(expected)


def test_the_published_comparison_is_of_ten_images_and_one_channel() -> None:
    how = ComparisonSettings("partial", "published", positions=None)
    score = by_layer(compared("neuronal", how))["l0", "l0"]
    first, second = (m.seen.layers[0].values[:10, 0].reshape(10, 16) for m in (A, B))
    r = np.abs(np.corrcoef(first.T, second.T)[:16, 16:])
    assert score.value == pytest.approx((r.max(1).mean() + r.max(0).mean()) / 2, abs=1e-5)
    assert score.n_samples == 10


def test_what_cannot_be_compared_has_no_value_and_a_reason() -> None:
    apart = compared("cka", ComparisonSettings("partial"), b=seen("c", [(4, 3)]))
    assert [score.value for score in apart.scores] == [None]
    assert "none of 3 layers can be compared" in apart.reason
    (score,) = compared("agreement", b=seen("c", NET_B, classes=4)).scores
    assert score.value is None
    mute = Shown("mute", replace(B.seen, outputs=None))
    assert "no outputs" in compared("js_divergence", b=mute).reason
    unlabelled = [Shown(m.name, replace(m.seen, labels=None)) for m in (A, B)]
    assert "needs labels" in compared("accuracy_gap", a=unlabelled[0], b=unlabelled[1]).reason
    with pytest.raises(SimilarityError, match="one model saw probe, the other else"):
        compared("cka", b=Shown("b", replace(B.seen, probe="else")))


def test_a_layer_that_is_not_finite_is_left_out_with_a_reason() -> None:
    values = A.seen.layers[0].values.copy()
    values[3, 2] = np.nan
    layers = (replace(A.seen.layers[0], values=values), *A.seen.layers[1:])
    for measure in ("cka", "neuronal"):
        found = compared(measure, a=Shown("odd", replace(A.seen, layers=layers)))
        assert {score.layer_a for score in found.scores} == {"l1", "l2", None}
        assert "NaN" in found.reason


def test_outputs_are_compared_once() -> None:
    (score,) = compared("agreement").scores
    assert A.seen.outputs is not None
    assert B.seen.outputs is not None
    assert score.value == pytest.approx(
        np.mean(A.seen.outputs.argmax(1) == B.seen.outputs.argmax(1))
    )
    right = [100 * np.mean(m.seen.outputs.argmax(1) == m.seen.labels) for m in (A, B)]  # type: ignore[union-attr]
    same = Shown("b", replace(B.seen, labels=A.seen.labels))
    right[1] = 100 * np.mean(B.seen.outputs.argmax(1) == A.seen.labels)
    (gap,) = compared("accuracy_gap", b=same).scores
    assert gap.value == pytest.approx(abs(right[0] - right[1]))


def test_prepared_arrays_are_kept_within_a_limit() -> None:
    kept, made = PreparedCache(limit=100), []

    def make(key: str) -> tuple[torch.Tensor, np.ndarray]:
        made.append(key)
        return torch.zeros(5), np.zeros(30, np.int8)  # 20 + 30 bytes

    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, partial(make, key))
    assert made == ["a", "b", "c", "b"]
    assert kept.size == 100


@pytest.fixture
def checkpoint(tmp_path: Path) -> Any:
    """Writes weights (outputs × inputs) and returns the model."""

    def write(name: str, **weights: torch.Tensor) -> ModelRef:
        path = tmp_path / f"{name}.safetensors"
        save_file({f"{key}.weight": value for key, value in weights.items()}, path)
        return ModelRef(name, "r", str(path), "local", 0)

    return write


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_stacks_are_compared_by_their_chained_products(checkpoint: Any) -> None:
    a = [normal(0, 9, 12), normal(1, 7, 9), normal(2, 4, 7)]
    b = [normal(3, 20, 12), normal(4, 4, 20)]
    models = (
        checkpoint(name, **{f"l{i}": w for i, w in enumerate(each)})
        for name, each in (("a", a), ("b", b))
    )
    scores = compare_weights(*models, get_measure("wcka")).scores
    expected = wcka([w.T for w in a], [w.T for w in b])
    assert scores[-1].value == pytest.approx(expected.value)
    assert [s.value for s in scores[:-1]] == pytest.approx(expected.layer_values.ravel().tolist())
    assert [(s.layer_a, s.layer_b) for s in scores[:3]] == [
        ("l0", "l0"),
        ("l0", "l1"),
        ("l1", "l0"),
    ]


def test_heads_are_compared_on_one_frozen_extractor_only(checkpoint: Any) -> None:
    conv, other = normal(0, 8, 3, 3, 3), normal(9, 8, 3, 3, 3)
    heads = [normal(i, 5, 8) for i in (1, 2)]
    first, second = (checkpoint(f"m{i}", conv=conv, head=w) for i, w in enumerate(heads))
    measure = get_measure("wcka")
    (layer, whole) = compare_weights(first, second, measure).scores
    assert whole.value == layer.value == pytest.approx(wcka([heads[0].T], [heads[1].T]).value)
    stranger = checkpoint("stranger", conv=other, head=heads[1])
    found = compare_weights(first, stranger, measure)
    assert found.scores[-1].value is None
    assert "one frozen extractor" in found.reason


def test_checkpoints_of_one_architecture_are_compared_layer_by_layer(checkpoint: Any) -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        return {
            "conv": normal(seed, 8, 3, 3, 3),
            "depthwise": normal(seed + 1, 8, 1, 3, 3),
            "head": normal(seed + 2, 5, 8),
        }

    measure = get_measure("weight_cka")
    a, b = weights(0), weights(10)
    found = by_layer(compare_weights(checkpoint("a", **a), checkpoint("b", **b), measure))
    assert found["head", "head"].value == pytest.approx(measure(a["head"].T, b["head"].T))
    rows = [w["conv"].permute(1, 2, 3, 0).reshape(27, 8) for w in (a, b)]
    assert found["conv", "conv"].value == pytest.approx(measure(*rows))
    layers = [score.value for key, score in found.items() if key[0]]
    assert found[None, None].value == pytest.approx(np.mean(layers))
    other = compare_weights(checkpoint("a", **a), checkpoint("c", fc=normal(5, 4, 6)), measure)
    assert other.scores[-1].value is None
    assert "0 of 3 and 1 layers have one name and shape" in other.reason


def test_a_model_is_itself(checkpoint: Any) -> None:
    model = checkpoint("a", l0=normal(0, 9, 12), l1=normal(1, 7, 9))
    for name in ("wcka", "weight_cka"):
        assert compare_weights(model, model, get_measure(name)).scores[-1].value == pytest.approx(1)
