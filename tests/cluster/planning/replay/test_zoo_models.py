"""Models of replays have the sizes that are published of them."""

import pytest

from zoo_analysis.cluster.planning.replay.hub_population import MODELS, hub_population
from zoo_analysis.cluster.planning.replay.language_models import language_models
from zoo_analysis.cluster.planning.replay.timm_zoo import _built

#: Parameters in billions, as the models' cards and papers state them.
PUBLISHED = {
    "gpt2-xl": 1.56,
    "opt-66b": 65.7,
    "bloom": 176.2,
    "llama-7b": 6.74,
    "llama-3.1-8b": 8.03,
    "llama-3.1-405b": 405.9,
    "mixtral-8x7b": 46.7,
    "mixtral-8x22b": 140.6,
    "qwen2.5-72b": 72.7,
    "gemma-2-27b": 27.2,
    "mistral-large-123b": 122.6,
    "falcon-180b": 179.0,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_matrices_hold_nearly_all_of_the_published_parameters(name: str) -> None:
    model = next(each for each in language_models() if each.name == name)
    assert model.nbytes / 2e9 == pytest.approx(PUBLISHED[name], rel=0.01)


def test_there_are_three_hundred_language_models_of_a_tenth_to_405_billion() -> None:
    models = language_models()
    assert sum(model.copies for model in models) == 305
    sizes = [model.nbytes / 2e9 for model in models]
    assert min(sizes) < 0.13
    assert max(sizes) == pytest.approx(406, rel=0.01)


def test_the_hub_has_two_million_models_of_a_few_gigabytes_each() -> None:
    zoo = hub_population()
    assert sum(model.copies for model in zoo) == MODELS == 2_000_000
    mean = sum(model.copies * model.nbytes for model in zoo) / MODELS
    assert 1e9 < mean < 10e9


def test_an_architecture_of_timm_has_its_layers_without_any_weights() -> None:
    timm = pytest.importorskip("timm")
    built = _built("resnet18")
    weights = [
        tuple(value.shape)
        for name, value in timm.create_model("resnet18").state_dict().items()
        if value.ndim >= 2
    ]
    shapes = [
        (groups * rows, cols, *spatial)
        for (groups, rows, cols, spatial), count in built["kernels"]
        for _ in range(count)
    ]
    assert sorted(shapes) == sorted(weights)
