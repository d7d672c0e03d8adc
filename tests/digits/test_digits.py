"""The digits zoo: real training, reproducible, saved as the hub would hold it."""

import json
from dataclasses import replace

import pytest
from huggingface_hub import ModelCard

from zoo_analysis.activations.probes.digits import TEST_IMAGES, split_indices
from zoo_analysis.digits import digits_dir, digits_zoo, train
from zoo_analysis.digits.data import load_split
from zoo_analysis.digits.training import accuracy
from zoo_analysis.sources import resolve_sources

SPECS = {spec.name: spec for spec in digits_zoo()}
QUICK = [
    replace(SPECS["vgg-narrow"], epochs=1),
    replace(SPECS["resnet-narrow"], epochs=1),
    replace(SPECS["vit-narrow"], epochs=2),
]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    root = tmp_path_factory.mktemp("zoo") / "digits"
    return {spec.name: train(spec, root) for spec in QUICK}


def test_the_zoo_has_at_least_24_models_in_three_series_differing_in_everything():
    specs = digits_zoo()
    assert len({spec.name for spec in specs}) == len(specs) >= 24
    for series in {spec.series for spec in specs}:
        members = [spec for spec in specs if spec.series == series]
        assert len(members) >= 8
        for circumstance in ("epochs", "weight_decay", "label_noise"):
            assert len({getattr(spec, circumstance) for spec in members}) > 1
        assert len({json.dumps(spec.model_args, sort_keys=True) for spec in members}) >= 4
    assert len({spec.series for spec in specs}) == 3


def test_held_out_images_are_never_trained_on():
    from sklearn.datasets import load_digits

    digits = load_digits()
    train_on, held_out = split_indices(digits.target)
    assert not set(train_on) & set(held_out)
    assert len(train_on) + len(held_out) == len(digits.target)
    assert len(held_out) == TEST_IMAGES >= 500


def test_the_split_is_stratified():
    train_on, held_out = load_split(8)
    share = [split.labels.bincount() / len(split.labels) for split in (train_on, held_out)]
    assert float((share[0] - share[1]).abs().max()) < 0.002
    assert float(train_on.images.min()) == -1.0
    assert float(train_on.images.max()) == 1.0


@pytest.mark.parametrize("name", [spec.name for spec in QUICK])
def test_timm_loads_a_model_and_it_is_as_accurate_as_its_card_says(zoo, name):
    import timm

    path = zoo[name]
    model = timm.create_model(f"local-dir:{path}", pretrained=True).eval()
    size = json.loads((path / "config.json").read_text())["pretrained_cfg"]["input_size"][-1]
    assert size == SPECS[name].image_size
    [result] = ModelCard.load(path / "README.md").data.eval_results
    assert accuracy(model, load_split(size)[1]) == result.metric_value


def test_the_zoo_resolves_with_series_and_accuracies(zoo):
    root = next(iter(zoo.values())).parent
    resolved = resolve_sources([str(root)])
    assert resolved.problems == ()
    refs = {ref.repo_id: ref for ref in resolved.refs}
    assert set(refs) == {"digits/vgg-narrow", "digits/resnet-narrow", "digits/vit-narrow"}
    vit = refs["digits/vit-narrow"]
    assert (vit.series, vit.architecture) == ("digits-vit", "timm:vit_tiny_patch16_224")
    assert (vit.library, vit.pipeline_tag) == ("timm", "image-classification")
    [reported] = vit.accuracies
    assert (reported.dataset, reported.metric, reported.split) == ("digits", "accuracy", "test")
    [result] = ModelCard.load(zoo["vit-narrow"] / "README.md").data.eval_results
    assert reported.value == pytest.approx(100 * result.metric_value)
    assert 10 < reported.value <= 100


@pytest.mark.parametrize("spec", [QUICK[0], QUICK[2]], ids=lambda spec: spec.name)
def test_a_seed_gives_the_same_bits(zoo, spec, tmp_path):
    again = train(spec, tmp_path)
    for file in ("model.safetensors", "config.json", "README.md"):
        assert (again / file).read_bytes() == (zoo[spec.name] / file).read_bytes()


def test_another_seed_gives_another_model(zoo, tmp_path):
    other = train(replace(QUICK[2], seed=1), tmp_path)
    weights = (other / "model.safetensors").read_bytes()
    assert weights != (zoo["vit-narrow"] / "model.safetensors").read_bytes()


def test_a_finished_model_is_not_trained_again(zoo):
    path = zoo["vit-narrow"]
    before = (path / "model.safetensors").stat().st_mtime_ns
    assert train(QUICK[2], path.parent) == path
    assert (path / "model.safetensors").stat().st_mtime_ns == before


def test_an_interrupted_training_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo_analysis.digits.model_card.write_card", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(QUICK[2], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_training_leaves_the_callers_random_numbers_alone(tmp_path):
    import torch

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(replace(QUICK[2], epochs=1), tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_the_zoo_is_kept_in_the_users_cache_and_called_digits(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert digits_dir().name == "digits"
    assert digits_dir().is_relative_to(tmp_path / "zoo-analysis")


@pytest.mark.exhaustive
def test_held_out_accuracies_span_at_least_fifteen_points_over_the_zoo():
    for spec in digits_zoo():
        train(spec, digits_dir())
    values = [ref.accuracies[0].value for ref in resolve_sources([str(digits_dir())]).refs]
    assert len(values) == len(digits_zoo())
    assert max(values) - min(values) >= 15
