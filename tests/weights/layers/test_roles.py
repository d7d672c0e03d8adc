"""What layers are for, on networks whose layers everybody knows."""

from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from tests.support.routes import HeaderOnly, layers_by
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import list_layers, open_checkpoint


def roles(model: torch.nn.Module) -> dict[str, str]:
    return {spec.layer: spec.role for spec in layers_by(None, HeaderOnly(model), {})}


def timm_roles(name: str) -> dict[str, str]:
    with torch.device("meta"):
        return roles(timm.create_model(name, pretrained=False))


def test_a_resnet_has_a_stem_convolutions_and_a_head() -> None:
    found = timm_roles("resnet18")
    assert found["conv1"] == "stem"
    assert found["fc"] == "head"
    assert set(found.values()) == {"stem", "conv", "head"}


def test_a_vision_transformer_has_fused_attention_and_mlps() -> None:
    found = timm_roles("vit_tiny_patch16_224")
    assert found["patch_embed.proj"] == "stem"
    assert found["blocks.3.attn.qkv"] == "qkv"
    assert found["blocks.3.attn.proj"] == "attention"
    assert found["blocks.3.mlp.fc1"] == found["blocks.3.mlp.fc2"] == "mlp"
    assert found["head"] == "head"


def test_only_the_last_of_vggs_classifiers_is_the_head() -> None:
    with torch.device("meta"):
        found = roles(torchvision.models.vgg11())
    assert [layer for layer, role in found.items() if role == "head"] == ["classifier.6"]
    assert found["classifier.0"] == "mlp"


@pytest.mark.parametrize(
    ("layer", "role"),
    [
        ("model.embed_tokens", "embedding"),
        ("model.layers.0.self_attn.q_proj", "q"),
        ("model.layers.0.self_attn.k_proj", "k"),
        ("model.layers.0.self_attn.v_proj", "v"),
        ("model.layers.0.self_attn.o_proj", "attention"),
        ("model.layers.0.mlp.gate_proj", "mlp"),
        ("model.layers.0.mlp.gate", "router"),
        ("model.layers.0.mlp.experts.3.down_proj", "expert"),
        ("model.layers.0.mlp.shared_expert.up_proj", "expert"),
        ("bert.encoder.layer.0.attention.self.query", "q"),
        ("bert.encoder.layer.0.attention.output.dense", "attention"),
        ("bert.encoder.layer.0.output.dense", "mlp"),
        ("backbone.layers.0.mixer.in_proj", "other"),
        ("lm_head", "head"),
    ],
)
def test_language_models_use_known_names(tmp_path: Path, layer: str, role: str) -> None:
    save_file({f"{layer}.weight": torch.ones(2, 2)}, tmp_path / "m.safetensors")
    (spec,) = list_layers(open_checkpoint(tmp_path / "m.safetensors"), config={})
    assert (spec.layer, spec.role) == (layer, role)


def test_the_config_beside_the_weights_is_used(tmp_path: Path) -> None:
    """By name and shape alone this would be a linear layer; the architecture knows better."""
    with torch.device("meta"):
        state = timm.create_model("resnet18", pretrained=False, num_classes=3).state_dict()
    save_file({k: torch.zeros(v.shape, dtype=v.dtype) for k, v in state.items()},
              tmp_path / "model.safetensors")  # fmt: skip
    sorted_only = [spec.layer for spec in list_layers(open_checkpoint(tmp_path), config={})]
    (tmp_path / "config.json").write_text('{"architecture": "resnet18", "num_classes": 3}')
    told = [spec.layer for spec in list_layers(open_checkpoint(tmp_path))]
    assert sorted(told) == sorted(sorted_only)
    assert told.index("layer2.0.conv2") < told.index("layer2.0.downsample.0")
    named = list_layers(open_checkpoint(tmp_path), config={}, architecture="timm:resnet18")
    assert [spec.layer for spec in named] == told


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_a_broken_config_costs_what_it_would_have_said(tmp_path: Path, text: str) -> None:
    save_file({"a.weight": torch.ones(2, 2)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(text)
    assert [spec.layer for spec in list_layers(open_checkpoint(tmp_path))] == ["a"]


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_a_broken_adapter_config_is_named(tmp_path: Path, text: str) -> None:
    """It says the scale of every update."""
    save_file({"a.weight": torch.ones(2, 2)}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"adapter_config\.json"):
        list_layers(open_checkpoint(tmp_path))


def test_nothing_is_printed_while_an_architecture_is_built(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save_file({"fc.weight": torch.ones(2, 2)}, tmp_path / "model.safetensors")
    config = {"model_type": "gpt2", "n_embd": 8, "n_head": 2, "n_layer": 1, "vocab_size": 5}
    list_layers(open_checkpoint(tmp_path), config=config)
    list_layers(open_checkpoint(tmp_path), config={"architecture": "vit_tiny_patch16_224"})
    assert capfd.readouterr() == ("", "")
