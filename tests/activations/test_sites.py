"""Which modules are layers, how they are chosen, and how their outputs become grids."""

import re
from collections.abc import Callable

import pytest
import timm
import torch
from numpy.testing import assert_allclose
from torch import nn

from tests.support.small_networks import as_input, noise_images, seeing
from zoo_analysis.activations import capture
from zoo_analysis.digits import digits_zoo
from zoo_analysis.errors import ActivationError

SPECS = {spec.name: spec for spec in digits_zoo()}


def _digits_model(name: str) -> nn.Module:
    spec = SPECS[name]
    torch.manual_seed(0)
    return timm.create_model(spec.architecture, in_chans=1, num_classes=10, **spec.model_args)


@pytest.mark.parametrize("name", ["vgg-base", "resnet-base", "vit-base"])
def test_every_weight_layer_but_the_classifier_is_a_layer(name: str) -> None:
    model = _digits_model(name)
    kinds = nn.Conv2d | nn.Linear
    heads = model.get_classifier()
    weighted = [n for n, m in model.named_modules() if isinstance(m, kinds) and m is not heads]
    probe = noise_images(3, side=SPECS[name].image_size, channels=1)
    classifier = [n for n, m in model.named_modules() if m is heads]
    layers = capture(seeing(model, classifier), probe).layers
    assert sorted(layer.name for layer in layers) == sorted(weighted)
    assert [layer.depth for layer in layers] == list(range(len(layers)))


def test_a_resnet_layer_is_the_grid_that_timm_returns() -> None:
    model = _digits_model("resnet-base")
    probe = noise_images(4, side=32, channels=1)
    seen = capture(seeing(model), probe, layers=r"layer\d", positions=None)
    with torch.no_grad():
        maps = model.forward_intermediates(as_input(probe), intermediates_only=True)
    for layer, expected in zip(seen.layers, maps[1:], strict=True):
        assert_allclose(layer.values, expected, atol=1e-5)
        assert layer.size == tuple(expected.shape[2:])


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("vit_tiny_patch16_224", {"class_token": False, "global_pool": "avg"}),
        ("vit_tiny_patch16_224", {}),
        ("vit_tiny_patch16_224", {"reg_tokens": 4}),
        ("deit_tiny_distilled_patch16_224", {}),
    ],
)
@pytest.mark.parametrize("size", [(8, 8), (4, 10)])
def test_patch_tokens_form_the_grid_of_the_patches(
    name: str, args: dict[str, object], size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    model = timm.create_model(
        name, img_size=size, patch_size=2, embed_dim=32, depth=2, num_heads=2, in_chans=1, **args
    )
    probe = noise_images(3, *size, channels=1)
    seen = capture(seeing(model), probe, layers=r"blocks\.\d", positions=None)
    with torch.no_grad():
        maps = model.forward_intermediates(as_input(probe), norm=False, intermediates_only=True)
    for layer, expected in zip(seen.layers, maps, strict=True):
        assert layer.size == (size[0] // 2, size[1] // 2)
        assert_allclose(layer.values, expected, atol=1e-5)


def test_a_transformers_vit_layer_is_the_grid_of_its_hidden_states() -> None:
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    config = ViTConfig(
        image_size=12, patch_size=2, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=24,
    )  # fmt: skip
    model = ViTModel(config, add_pooling_layer=False)
    probe = noise_images(3, side=12)
    (found,) = (
        layer
        for layer in capture(seeing(model), probe, positions=None).layers
        if "patch_embeddings" in layer.name
    )
    with torch.no_grad():
        states = model.embeddings.patch_embeddings(as_input(probe))
    assert_allclose(found.values, states.transpose(1, 2).reshape(3, 16, 6, 6), atol=1e-5)
    assert {layer.size for layer in capture(seeing(model), probe).layers} == {(6, 6)}


def _swin() -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(
        "swin_tiny_patch4_window7_224", img_size=32, patch_size=2, window_size=4, embed_dim=8,
        depths=(2, 2), num_heads=(2, 2), num_classes=10,
    )  # fmt: skip


def _convnext() -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model("convnext_tiny", depths=(1,) * 4, dims=(8,) * 4)


@pytest.mark.parametrize(
    ("model", "name", "grid"),
    [
        (_convnext, "stages.0.blocks.0.mlp.fc1", 8),  # (n, h, w, channels)
        (_swin, "layers.0.blocks.0", 16),  # the same, and no weight tells so
        (_swin, "layers.0.blocks.0.mlp.fc1", 16),  # (n, h · w, channels)
    ],
)
def test_channels_may_come_last(model: Callable[[], nn.Module], name: str, grid: int) -> None:
    network, probe = model(), noise_images(3, side=32)
    given: list[torch.Tensor] = []
    module = network.get_submodule(name)
    handle = module.register_forward_hook(lambda _, __, output: given.append(output))
    with torch.no_grad():
        network(as_input(probe))
    handle.remove()
    (layer,) = capture(seeing(network), probe, layers=re.escape(name), positions=None).layers
    expected = given[0].reshape(3, grid, grid, -1).movedim(-1, 1)
    assert layer.size == (grid, grid)
    assert_allclose(layer.values, expected, atol=1e-5)


def test_windows_folded_into_the_batch_are_averaged_image_by_image() -> None:
    model, probe = _swin(), noise_images(3, side=32)
    (layer,) = capture(seeing(model), probe, layers=r"layers\.0\.blocks\.0\.attn\.qkv").layers
    block = model.layers[0].blocks[0]
    with torch.no_grad():
        embedded = block.norm1(model.layers[0].downsample(model.patch_embed(as_input(probe))))
        expected = block.attn.qkv(embedded).mean((1, 2))
    assert layer.size == (256,)  # positions, in sixteen windows
    assert_allclose(layer.values[:, :, 0, 0], expected, atol=1e-5)


def test_windows_beside_their_positions_are_no_grid() -> None:
    class Windows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Linear(12, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.mix(x.reshape(len(x), 2, 8, 12))

    network, probe = Windows(), noise_images(3)
    (layer,) = capture(seeing(network), probe).layers
    with torch.no_grad():
        expected = network(as_input(probe)).mean((1, 2))
    assert layer.size == (16,)
    assert_allclose(layer.values[:, :, 0, 0], expected, atol=1e-6)


def test_a_table_that_depends_on_no_image_is_not_a_layer() -> None:
    torch.manual_seed(0)
    model = timm.create_model(
        "swinv2_tiny_window8_256", img_size=32, patch_size=2, window_size=4, embed_dim=8,
        depths=(1, 1), num_heads=(2, 2), num_classes=10,
    )  # fmt: skip
    names = [
        layer.name for layer in capture(seeing(model, ["head.fc"]), noise_images(3, 32)).layers
    ]
    assert any(name.endswith("attn.qkv") or name.endswith("attn.proj") for name in names)
    assert not any("cpb_mlp" in name for name in names)


class _Tower(nn.Module):
    """Ten weight layers, run in the reverse of the order they are defined in."""

    def __init__(self) -> None:
        super().__init__()
        self.floors = nn.ModuleList(nn.Linear(192, 192) for _ in range(10))
        self.head = nn.Linear(192, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1)
        for floor in reversed(self.floors):
            x = floor(x).relu()
        return self.head(x)


@pytest.mark.parametrize(
    ("asked", "floors"),
    [
        ("all", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ("last", [0]),
        ("4", [9, 6, 3, 0]),
        ("2", [9, 0]),
        ("99", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (r"floors\.[13]", [3, 1]),
    ],
)
def test_layers_are_chosen_along_the_order_of_execution(asked: str, floors: list[int]) -> None:
    layers = capture(seeing(_Tower(), ["head"]), noise_images(2), layers=asked).layers
    assert [layer.name for layer in layers] == [f"floors.{floor}" for floor in floors]
    assert [layer.depth for layer in layers] == [9 - floor for floor in floors]  # in the network


def test_an_expression_reaches_any_module_and_matches_whole_names() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3))
    layers = capture(seeing(model), noise_images(2), layers="[0-2]").layers
    assert [(layer.name, layer.depth) for layer in layers] == [("0", 0), ("1", 0), ("2", 0)]
    with pytest.raises(ActivationError):
        capture(seeing(_Tower(), ["head"]), noise_images(2), layers="floors")
    (head,) = capture(seeing(_Tower(), ["head"]), noise_images(2), layers="head").layers
    assert head.depth == 9


@pytest.mark.parametrize("asked", ["0", "nothing", "floors.("])
def test_layers_that_do_not_exist_are_refused_with_some_that_do(asked: str) -> None:
    with pytest.raises(ActivationError, match="`layers`") as caught:
        capture(seeing(_Tower(), ["head"]), noise_images(2), layers=asked)
    assert asked in str(caught.value)
    assert "\n" not in str(caught.value)
