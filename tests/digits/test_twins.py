"""A twin has the architecture of its model, tensor for tensor, and weights that nobody trained."""

import json
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file, save_model
from transformers import BertConfig, BertModel

from zoo_analysis.digits.twins import make_twin, twin_of
from zoo_analysis.measure.analyze import analyze
from zoo_analysis.sources import resolve_sources
from zoo_analysis.sources.ref import ModelRef


def shapes(folder: Path) -> dict[str, torch.Size]:
    tensors = load_file(folder / "model.safetensors")
    return {name: tensor.shape for name, tensor in tensors.items()}


def test_of_a_transformers_model_by_its_configuration(tmp_path: Path) -> None:
    config = BertConfig(
        vocab_size=50,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
    )
    model = BertModel(config)
    with torch.no_grad():  # a trained matrix, for what that is here: one direction stands out
        for layer in model.encoder.layer:
            layer.intermediate.dense.weight += 0.1
    place = tmp_path / "lab" / "small-bert"
    model.save_pretrained(place)
    ref = ModelRef("lab/small-bert", None, str(place), "local", 0, series="bert")
    twin = make_twin(ref, tmp_path / "random")
    assert twin == twin_of(ref, tmp_path / "random")
    assert shapes(twin) == shapes(place)
    (resolved,) = resolve_sources(str(twin)).refs
    assert (resolved.repo_id, resolved.series, resolved.accuracies) == (
        "random/small-bert",
        "bert",
        (),
    )

    def spikes(folder: Path) -> list[float]:
        rows = analyze(folder).to_pylist()
        return [row["num_spikes"] for row in rows if "intermediate" in row["layer"]]

    assert spikes(place) == [1, 1]
    assert spikes(twin) == [0, 0]


def test_of_a_file_by_the_architecture_that_a_catalogue_names_once_and_the_same(
    tmp_path: Path,
) -> None:
    file = tmp_path / "net.safetensors"
    save_model(timm.create_model("mobilenetv3_small_050"), str(file))
    ref = ModelRef(
        "lab/net", None, str(file), "packaged", 0, architecture="timm:mobilenetv3_small_050"
    )
    first, second = (make_twin(ref, tmp_path / name) for name in ("one", "two"))
    assert shapes(first) == {name: tensor.shape for name, tensor in load_file(file).items()}
    assert json.loads((first / "config.json").read_text()) == {
        "architecture": "mobilenetv3_small_050"
    }
    weights = [
        load_file(place / "model.safetensors")["conv_stem.weight"] for place in (first, second)
    ]
    assert torch.equal(*weights)
    before = (first / "model.safetensors").stat().st_mtime_ns
    assert make_twin(ref, tmp_path / "one") == first
    assert (first / "model.safetensors").stat().st_mtime_ns == before
