"""Two checkpoints side by side: each number is the measure itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from zoo_analysis.pairwise.by_weights import compare_weights
from zoo_analysis.pairwise.scores import Scores
from zoo_analysis.similarity import wcka
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.sources import ModelRef


def by_layer(scores: Scores) -> dict[tuple[Any, Any], Any]:
    return {(score.layer_a, score.layer_b): score for score in scores.scores}


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
