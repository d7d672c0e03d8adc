"""A network that is brought to life opens no file but its own, asks nobody, and has bounds."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from tests.attacks.limits import within
from tests.attacks.test_configurations import HUGE, REACHING, bait, seen
from tests.support import loadable_models
from zoo_analysis.activations.networks.load import load_network
from zoo_analysis.activations.probes.named import load_probe
from zoo_analysis.errors import ActivationError
from zoo_analysis.weights.layers.building import UnbuildableError, timm_preprocessing

__all__ = ["bait", "seen"]

NET = "test_efficientnet"
Seen = list[tuple[str, Any]]


def innocent(seen: Seen, outside: Path) -> bool:
    """Nothing of a folder was opened, nobody was asked and nothing was started."""
    asked = [e for e, _ in seen if e.startswith(("socket.connect", "socket.get", "subprocess"))]
    return not asked and not [p for e, p in seen if e == "open" and str(outside) in str(p)]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    timm.models.save_for_hf(timm.create_model(NET, num_classes=7), folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    loadable_models.written(folder, loadable_models.gpt2)
    return folder


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pixels")
    loadable_models.written(folder, loadable_models.vit)
    return folder


def changed(model: Path, folder: Path, file: str = "config.json", **values: Any) -> Path:
    """A copy of a model in which a file says something else."""
    shutil.copytree(model, folder)
    known = json.loads((folder / file).read_text()) if (folder / file).exists() else {}
    (folder / file).write_text(json.dumps(known | values))
    return folder


@pytest.mark.parametrize("config", REACHING, ids=json.dumps)
def test_nothing_outside_is_opened_or_asked(
    config: dict[str, Any],
    bait: Path,
    seen: Seen,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    save_file({"fc.weight": torch.randn(20, 30)}, model / "model.safetensors")
    text = json.dumps(config).replace("{bait}", str(bait)).replace("{folder}", str(bait.parent))
    (model / "config.json").write_text(text)
    with within(30), pytest.raises(ActivationError):
        load_network(str(model))
    assert innocent(seen, bait.parent)
    assert "ran" not in capfd.readouterr().out


@pytest.mark.parametrize("config", HUGE, ids=lambda config: json.dumps(config)[:60])
def test_a_network_beyond_its_weights_is_not_built(config: dict[str, Any], tmp_path: Path) -> None:
    save_file({"fc.weight": torch.randn(20, 30)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    with within(30), pytest.raises(ActivationError):
        load_network(str(tmp_path))


@pytest.mark.parametrize(
    "values",
    [
        {"architecture": "vit_tiny_patch16_224", "model_args": {"img_size": 10**5}},
        {"architecture": "vit_tiny_patch16_224", "model_args": {"embed_dim": 10**5}},
        {"architecture": NET, "pretrained_cfg": {"input_size": [3, 10**6, 10**6]}},
        {"architecture": NET, "pretrained_cfg": {"mean": "http://127.0.0.1:9"}},
    ],
)
def test_sizes_of_a_timm_model_have_bounds(
    values: dict[str, Any], images: Path, tmp_path: Path
) -> None:
    with within(30), pytest.raises(ActivationError):
        load_network(str(changed(images, tmp_path / "model", **values)))


def test_a_timm_configuration_loads_no_weights_but_its_own(
    images: Path,
    tmp_path: Path,
    bait: Path,
    seen: Seen,
) -> None:
    told = {"file": str(bait), "url": "http://127.0.0.1:9/x", "hf_hub_id": "x/y", "custom_load": 1}
    known = json.loads((images / "config.json").read_text())["pretrained_cfg"]
    network = load_network(
        str(changed(images, tmp_path / "model", pretrained_cfg={**known, **told}))
    )
    assert innocent(seen, bait.parent)
    (batch,) = network.batches(load_probe("noise", 1), 1)
    logits = network.forward(batch)
    assert logits is not None
    assert logits.shape == (1, 7)


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("adapter_config.json", {"base_model_name_or_path": "x/y", "peft_type": "LORA"}),
        ("config.json", {"auto_map": {"AutoModel": "x/y--evil.Evil"}, "_name_or_path": "x/y"}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["x/y--e.E", None]}}),
        ("tokenizer_config.json", {"tokenizer_file": "{bait}", "vocab_file": "{bait}"}),
        ("tokenizer_config.json", {"chat_template": "{% for i in range(10**9) %}{% endfor %}"}),
        ("generation_config.json", {"_from_model_config": True, "transformers_version": "x/y"}),
        ("model.safetensors.index.json", {"weight_map": {"a": "{bait}"}}),
    ],
)
def test_files_beside_a_language_model_lead_nowhere(
    file: str,
    values: dict[str, Any],
    words: Path,
    tmp_path: Path,
    bait: Path,
    seen: Seen,
) -> None:
    said = json.loads(json.dumps(values).replace("{bait}", str(bait)))
    network = load_network(str(changed(words, tmp_path / "model", file, **said)))
    next(iter(network.batches(load_probe("text", 20), 1)))
    assert innocent(seen, bait.parent)


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("preprocessor_config.json", {"size": {"height": 10**6, "width": 10**6}}),
        ("preprocessor_config.json", {"size": 10**6}),
        ("preprocessor_config.json", {"crop_size": {"shortest_edge": 10**6}}),
        ("preprocessor_config.json", {"do_pad": True, "pad_size": {"height": 10**6, "width": 9}}),
        ("preprocessor_config.json", {"auto_map": {"AutoImageProcessor": "x/y--e.E"},
                                      "image_processor_type": "Evil"}),
        ("preprocessor_config.json", {"crop_pct": 1e-9}),
        ("preprocessor_config.json", {"size": {"min_pixels": 10**12, "max_pixels": 10**13}}),
        ("preprocessor_config.json", {"image_grid_pinpoints": [[10**6, 10**6]]}),
        ("preprocessor_config.json", {"ensure_multiple_of": 10**6}),
        ("config.json", {"image_size": 10**6}),
        ("config.json", {"hidden_size": 10**6}),
    ],
)  # fmt: skip
def test_sizes_of_a_model_of_images_have_bounds(
    file: str, values: dict[str, Any], pixels: Path, tmp_path: Path
) -> None:
    with within(30), pytest.raises(ActivationError):
        load_network(str(changed(pixels, tmp_path / "model", file, **values)))


@pytest.mark.parametrize("crop", [1e-9, 0, -1.0, float("nan"), 5e-324])
def test_a_crop_does_not_enlarge_images_without_end(crop: float) -> None:
    config = {"pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": crop}}
    with pytest.raises(UnbuildableError, match="crop_pct"):
        timm_preprocessing(config, 50)


def test_no_crop_of_timms_is_refused() -> None:
    import timm.models

    for cfg in timm.models.list_pretrained():
        config = timm.models.get_pretrained_cfg(cfg).to_dict()
        timm_preprocessing(json.loads(json.dumps(config)), 50)


@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json", "model.safetensors"])
def test_a_link_out_of_the_folder_is_not_followed(file: str, words: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(words, model)
    shutil.move(model / file, tmp_path / file)
    (model / file).symlink_to(tmp_path / file)
    with pytest.raises(ActivationError, match=r"out of the model's folder"):
        load_network(str(model))


def test_a_vocabulary_without_end_is_not_read(words: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(words, model)
    with (model / "tokenizer.json").open("ab") as file:
        file.truncate(1 << 33)
    with within(10), pytest.raises(ActivationError, match="MiB"):
        load_network(str(model))
