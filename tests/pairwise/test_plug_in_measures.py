"""A measure of another package can do what one of this package can."""

from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.support.plug_ins import install
from zoo_analysis.activations import Captured, LayerActivations
from zoo_analysis.pairwise.by_activations import ModelActivations, compare_activations
from zoo_analysis.pairwise.by_weights import compare_weights
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity import (
    LayerPairs,
    Measure,
    Similarity,
    best_match,
    by_last_layers,
    cka,
    dcka_measure,
    get_measure,
)
from zoo_analysis.sources import ModelRef

IMAGES, CLASSES = 30, 3


def model(name: str, layers: list[tuple[int, int]], seed: int) -> ModelActivations:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    captured = Captured(
        tuple(
            LayerActivations(f"l{i}", i, normal(IMAGES, d, side, side), (side, side))
            for i, (d, side) in enumerate(layers)
        ),
        normal(IMAGES, CLASSES),
        np.arange(IMAGES) % CLASSES,
        normal(IMAGES, 4),
        "probe",
        IMAGES,
    )
    return ModelActivations(name, captured)


A, B = model("a", [(5, 2), (7, 1)], 1), model("b", [(4, 2), (6, 1)], 2)


def rows(layer: LayerActivations) -> np.ndarray:
    return layer.values.transpose(0, 2, 3, 1).reshape(-1, layer.values.shape[1])


def residual(arrays: tuple[Any, Any]) -> Any:
    """CKA's kernel of what linear regression on the inputs leaves of activations."""
    x, inputs = (torch.as_tensor(array).double() for array in arrays)
    inputs = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
    return cka.prepare(x - inputs @ torch.linalg.lstsq(inputs, x).solution)


def scatter(arrays: tuple[Any, Any]) -> float:
    """Share of the variance of activations that lies between classes."""
    x, labels = np.asarray(arrays[0]), np.asarray(arrays[1])
    means = np.stack([x[labels == label].mean(0) for label in labels])
    return float(means.var(0).sum() / x.var(0).sum())


def gap(p: float, q: float) -> float:
    return abs(p - q)


RESIDUAL = Measure(
    *("residual_cka", residual, cka.compare, "activations", (0.0, 1.0), "more alike"),
    needs=frozenset({"inputs"}),
)
SCATTER = Measure(
    *("scatter_gap", scatter, gap, "activations", (0.0, 1.0), "less alike"),
    needs=frozenset({"labels"}),
)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, residual_cka=RESIDUAL, scatter_gap=SCATTER)


def test_one_that_needs_the_inputs_gets_those_of_the_first_model_row_by_row() -> None:
    found = compare_activations(A, B, get_measure("residual_cka")).scores
    layers = A.captured.layers[0], B.captured.layers[0]
    inputs = np.repeat(A.captured.inputs, 4, axis=0)  # an image has four positions
    x, y = ((rows(layer), inputs) for layer in layers)
    assert found[0].value == pytest.approx(RESIDUAL(x, y), abs=1e-6)
    assert found[0].value != pytest.approx(cka(x[0], y[0]), abs=1e-3)


def test_one_that_needs_the_labels_gets_them_row_by_row() -> None:
    *layers, whole = compare_activations(A, B, get_measure("scatter_gap")).scores
    first, second = A.captured.layers[0], B.captured.layers[0]
    labels = np.repeat(np.arange(IMAGES) % CLASSES, 4)
    expected = abs(scatter((rows(first), labels)) - scatter((rows(second), labels)))
    assert layers[0].value == pytest.approx(expected, abs=1e-6)
    values = np.reshape([score.value for score in layers], (2, 2))
    assert whole.value == pytest.approx(best_match(values, "less alike")[0])


def test_where_the_probe_has_no_labels_there_is_no_number_and_a_reason() -> None:
    a, b = (replace(m, captured=replace(m.captured, labels=None)) for m in (A, B))
    found = compare_activations(a, b, get_measure("scatter_gap"))
    assert [score.value for score in found.scores] == [None]
    assert "scatter_gap needs labels" in found.reason


def test_the_rows_that_stand_for_all_keep_their_labels_and_inputs() -> None:
    seen: list[tuple[Any, ...]] = []

    def prepare(arrays: tuple[Any, ...]) -> int:
        seen.append(arrays)
        return 0

    both = replace(
        SCATTER,
        prepare=prepare,
        compare=lambda p, q: 0.0,
        needs=frozenset({"inputs", "labels"}),
        max_samples=50,
    )
    compare_activations(A, A, both)
    of_image = {tuple(values): i for i, values in enumerate(A.captured.inputs.tolist())}
    for x, inputs, labels in seen:
        images = [of_image[tuple(values)] for values in inputs.tolist()]
        assert len(x) == len(images) == len(labels) <= 50
        assert [image % CLASSES for image in images] == labels.tolist()
        assert images == sorted(images)


def test_the_published_comparison_takes_the_inputs_of_its_ten_images() -> None:
    published = ComparisonSettings("partial", "published", positions=None)
    found = compare_activations(A, B, dcka_measure, published).scores
    x, y = (m.captured.layers[0].values[:10, 0].reshape(10, -1) for m in (A, B))
    inputs = A.captured.inputs[:10]
    assert found[0].value == pytest.approx(dcka_measure((x, inputs), (y, inputs)), abs=1e-6)


def test_outputs_may_need_inputs_and_labels() -> None:
    def prepare(arrays: tuple[Any, Any, Any]) -> float:
        logits, inputs, labels = arrays
        return float(logits.sum()) + 10 * float(inputs.sum()) + 100 * float(labels.sum())

    both = replace(SCATTER, prepare=prepare, of="outputs", needs=frozenset({"labels", "inputs"}))
    (score,) = compare_activations(A, B, both).scores
    logits = [float(m.captured.outputs.sum()) for m in (A, B)]  # type: ignore[union-attr]
    assert score.value == pytest.approx(abs(logits[0] - logits[1]), abs=1e-3)


def test_it_may_compare_networks_in_its_own_way() -> None:
    def farthest(pairs: LayerPairs) -> tuple[Similarity, Any]:
        layers = pairs.similarities()
        return max(layers.values()), layers

    own = replace(SCATTER, whole=farthest)
    *layers, whole = compare_activations(A, B, own).scores
    assert whole.value == max(score.value for score in layers)


def test_it_may_compare_stacks_by_what_their_layers_make_together(tmp_path: Path) -> None:
    def checkpoint(name: str, *widths: int) -> ModelRef:
        generator = torch.Generator().manual_seed(len(widths))
        shapes = zip(widths[1:], widths[:-1], strict=True)
        weights = {
            f"l{i}.weight": torch.randn(shape, generator=generator)
            for i, shape in enumerate(shapes)
        }
        save_file(weights, tmp_path / name)
        return ModelRef(name, "r", str(tmp_path / name), "local", 0)

    def products(weights: Any) -> list[torch.Tensor]:
        return [*accumulate(weights, torch.matmul)]

    chained = replace(cka, name="chained", of="weights", chain=products, whole=by_last_layers)
    models = checkpoint("a.safetensors", 12, 9, 4), checkpoint("b.safetensors", 12, 9, 7, 4)
    wcka = get_measure("wcka")
    own, built_in = (compare_weights(*models, measure).scores for measure in (chained, wcka))
    assert [score.value for score in own] == pytest.approx([s.value for s in built_in], abs=1e-5)
    assert len(own) == 2 * 3 + 1
