"""The similarity measure that docs/extending.md adds is a measure like any other."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.plug_ins import install
from zoo_analysis.activations import Captured, LayerActivations
from zoo_analysis.pairwise.by_activations import ModelActivations, compare_activations
from zoo_analysis.similarity import Measure, best_match, get_measure, measures

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Measure:
    _, section = PAGE.read_text(encoding="utf-8").split("\n## A similarity measure\n")
    (code,) = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    defined: dict[str, object] = {}
    exec(code, defined)
    install(monkeypatch, class_geometry=defined["class_geometry"])
    return get_measure("class_geometry")


def model(name: str, seed: int, labels: np.ndarray) -> ModelActivations:
    rng = np.random.default_rng(seed)
    layers = tuple(
        LayerActivations(f"l{i}", i, rng.normal(size=(40, d, 1, 1)).astype(np.float32), (1, 1))
        for i, d in enumerate((5, 7))
    )
    return ModelActivations(name, Captured(layers, None, labels, np.zeros((40, 3)), "probe", 40))


def test_it_is_listed_and_computed_from_the_labels(measure: Measure) -> None:
    assert "class_geometry" in measures()
    labels = np.arange(40) % 5
    a, b = model("a", 0, labels), model("b", 1, labels)
    x, y = ([layer.values[:, :, 0, 0] for layer in m.captured.layers] for m in (a, b))
    values = [[measure((p, labels), (q, labels)) for q in y] for p in x]
    assert np.ptp(values) > 0.1
    *layers, whole = compare_activations(a, b, measure).scores
    assert [score.value for score in layers] == pytest.approx(np.ravel(values))
    assert whole.value == pytest.approx(best_match(values, "more alike")[0])
    assert compare_activations(a, a, measure).scores[-1].value == pytest.approx(1)
