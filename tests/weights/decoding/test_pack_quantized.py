"""What compressed-tensors compresses, in all its formats, is what it decompresses."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.quantised import (
    assert_same_network,
    only_layer,
    save,
    tiny_llama,
    weight_of,
)

compressors = pytest.importorskip("compressed_tensors.compressors")
quantization = pytest.importorskip("compressed_tensors.quantization")
qparams = pytest.importorskip("compressed_tensors.quantization.utils")

P = "model.layers.0.mlp.down_proj"
FLOAT = {"type": "float", "num_bits": 8}
MXFP4 = {
    "type": "float",
    "num_bits": 4,
    "strategy": "group",
    "group_size": 32,
    "scale_dtype": "torch.uint8",
}
NVFP4 = MXFP4 | {"strategy": "tensor_group", "group_size": 16, "scale_dtype": "torch.float8_e4m3fn"}
#: format, precision, arguments, error relative to the distance of neighbouring numbers.
FORMATS = {
    **{
        f"int{bits}-{strategy}-{'symmetric' if symmetric else 'asymmetric'}": (
            form,
            f"pack-quantized-{bits}bit" if form == "pack-quantized" else "int8",
            {
                "type": "int",
                "num_bits": bits,
                "symmetric": symmetric,
                "strategy": strategy,
                **({"group_size": 32} if strategy == "group" else {}),
            },
        )
        for bits, form in ((3, "pack-quantized"), (4, "pack-quantized"), (8, "int-quantized"))
        for strategy in ("group", "channel")
        for symmetric in (True, False)
    },
    **{
        f"float8-{strategy}": (
            "float-quantized",
            "float8_e4m3fn",
            FLOAT
            | {"strategy": strategy}
            | ({"block_structure": [32, 64]} if strategy == "block" else {}),
        )
        for strategy in ("tensor", "channel", "block")
    },
    "mxfp4": ("mxfp4-pack-quantized", "mxfp4", MXFP4),
    "nvfp4": ("nvfp4-pack-quantized", "nvfp4", NVFP4),
}


def extremes(weight: torch.Tensor, how: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """The least and the largest entry of each part that has a scale of its own."""
    strategy = how["strategy"]
    if strategy == "tensor":
        parts = weight.reshape(1, -1)
    elif strategy == "block":
        down, across = how["block_structure"]
        parts = weight.unflatten(1, (-1, across)).unflatten(0, (-1, down))
        parts = parts.transpose(1, 2).flatten(2)
    elif strategy == "channel":
        parts = weight[:, None]
    else:
        parts = weight.unflatten(1, (-1, how["group_size"]))
    return parts.aminmax(dim=-1)


def with_scales(weight: torch.Tensor, args: Any, how: dict[str, Any]) -> dict[str, torch.Tensor]:
    state = {"weight": weight}
    if how["strategy"] == "tensor_group":
        state["weight_global_scale"] = qparams.generate_gparam(weight.min(), weight.max())
    scale, zero = qparams.calculate_qparams(
        *extremes(weight, how), args, global_scale=state.get("weight_global_scale")
    )
    return state | {"weight_scale": scale, "weight_zero_point": zero}


@pytest.mark.parametrize("name", FORMATS)
def test_a_compressed_matrix_is_what_the_package_decompresses(tmp_path: Path, name: str) -> None:
    form, precision, how = FORMATS[name]
    args = quantization.QuantizationArgs(**how)
    scheme = quantization.QuantizationScheme(targets=["Linear"], weights=args)
    compressor = compressors.BaseCompressor.get_value_from_registry(form)
    weight = torch.randn(64, 192)
    state = compressor.compress(with_scales(weight, args, how), scheme)
    theirs = compressor.decompress(dict(state), scheme)["weight"].float()
    group = {"weights": how}
    checkpoint = save(
        tmp_path,
        {f"{P}.{key}": value for key, value in state.items()},
        {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}},
    )
    spec = only_layer(checkpoint)
    assert (spec.layer, spec.shape, spec.precision) == (P, (64, 192), precision)
    assert set(spec.tensors) == {f"{P}.{key}" for key in state}
    decoded = weight_of(checkpoint)
    # The package multiplies float4 with a factor in bfloat16.
    rtol = 2**-7 if name == "nvfp4" else 0
    torch.testing.assert_close(decoded, theirs, rtol=rtol, atol=0)
    assert (decoded - weight).norm() / weight.norm() < (0.25 if "3" in name else 0.13)


def test_the_order_of_groups_by_activation_is_followed(tmp_path: Path) -> None:
    _, _, how = FORMATS["int4-group-symmetric"]
    args = quantization.QuantizationArgs(**how)
    scheme = quantization.QuantizationScheme(targets=["Linear"], weights=args)
    order = torch.randperm(192)
    weight = torch.randn(64, 192)
    compressor = compressors.BaseCompressor.get_value_from_registry("pack-quantized")
    state = compressor.compress(with_scales(weight, args, how), scheme)
    sorted_weight = compressor.decompress(dict(state), scheme)["weight"]
    # Columns that lie where `order` says, and the group that each of them is of.
    whole = compressor.compress(
        {"weight": sorted_weight, "weight_scale": state["weight_scale"]}, scheme
    )
    assert whole["weight_packed"].equal(state["weight_packed"])
    codes = qparams_codes(sorted_weight, state["weight_scale"])[:, order]
    packed = compressors.pack_quantized.helpers.pack_to_int32(codes, 4)
    groups = (torch.arange(192) // 32)[order].int()
    tensors = {**state, "weight_packed": packed, "weight_g_idx": groups}
    checkpoint = save(tmp_path, {f"{P}.{key}": value for key, value in tensors.items()}, None)
    assert weight_of(checkpoint).equal(sorted_weight[:, order])


def qparams_codes(weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    steps = scale.repeat_interleave(32, dim=1)
    return (weight / steps).round().to(torch.int8)


def test_a_saved_model_has_the_layers_of_the_floating_one(tmp_path: Path) -> None:
    _, precision, how = FORMATS["int4-group-asymmetric"]
    args = quantization.QuantizationArgs(**how)
    model = tiny_llama(tmp_path / "plain")
    scheme = quantization.QuantizationScheme(targets=["Linear"], weights=args)
    config = quantization.QuantizationConfig(config_groups={"all": scheme}, ignore=["lm_head"])
    quantization.apply_quantization_config(model, config)
    for module in model.modules():
        if hasattr(module, "quantization_scheme"):
            state = with_scales(module.weight.detach(), args, how)
            module.weight_scale.data = state["weight_scale"]
            module.weight_zero_point.data = state["weight_zero_point"].to(torch.int8)
    compressor = compressors.ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    save(tmp_path / "coded", model.state_dict(), None)
    model.config.save_pretrained(tmp_path / "coded")
    compressor.update_config(tmp_path / "coded")
    said = json.loads((tmp_path / "coded" / "config.json").read_text())
    assert said["quantization_config"]["quant_method"] == "compressed-tensors"
    assert_same_network(tmp_path / "plain", tmp_path / "coded", {precision, "float32"}, 0.02)
