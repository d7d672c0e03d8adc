"""Quantised weights are reported and never guessed at; scaled float8 is had exactly."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import LayerSpec, list_layers, load_kernel, open_checkpoint

P = "model.layers.0.mlp.down_proj"


def integers(*shape: int, dtype: torch.dtype = torch.int32) -> torch.Tensor:
    return torch.ones(shape, dtype=dtype)


PACKED = {
    "gptq": {
        f"{P}.qweight": integers(8, 16),
        f"{P}.qzeros": integers(1, 2),
        f"{P}.scales": torch.ones(1, 16, dtype=torch.float16),
        f"{P}.g_idx": integers(64),
    },
    "bitsandbytes-4bit": {
        f"{P}.weight": integers(512, 1, dtype=torch.uint8),
        f"{P}.weight.absmax": integers(16, dtype=torch.uint8),
        f"{P}.weight.quant_map": torch.ones(16),
        f"{P}.weight.nested_absmax": torch.ones(1),
        f"{P}.weight.quant_state.bitsandbytes__nf4": integers(80, dtype=torch.uint8),
    },
    "bitsandbytes-8bit": {
        f"{P}.weight": integers(16, 64, dtype=torch.int8),
        f"{P}.SCB": torch.ones(16),
    },
    "compressed-tensors": {
        f"{P}.weight_packed": integers(16, 8),
        f"{P}.weight_scale": torch.ones(16, 1),
        f"{P}.weight_shape": integers(2, dtype=torch.int64),
    },
    "mxfp4": {
        "model.layers.0.mlp.experts.down_proj_blocks": integers(2, 16, 2, 16, dtype=torch.uint8),
        "model.layers.0.mlp.experts.down_proj_scales": integers(2, 16, 2, dtype=torch.uint8),
    },
    "torchao": {
        f"{P}.weight:qdata": integers(16, 64, dtype=torch.int8),
        f"{P}.weight:scale": torch.ones(16, 1),
    },
    "float8-odd-blocks": {
        f"{P}.weight": torch.ones(256, 256).to(torch.float8_e4m3fn),
        f"{P}.weight_scale": torch.ones(8, 16),
    },
}


@pytest.mark.parametrize("scheme", PACKED)
def test_a_packed_matrix_is_one_layer_with_a_status(tmp_path: Path, scheme: str) -> None:
    save_file({"lm_head.weight": torch.randn(5, 4), **PACKED[scheme]}, tmp_path / "m.safetensors")
    checkpoint = open_checkpoint(tmp_path / "m.safetensors")
    layers = list_layers(checkpoint)
    packed = [spec for spec in layers if spec.status == "quantized"]
    assert len(packed) == 1
    assert {spec.layer for spec in layers} - {packed[0].layer} == {"lm_head"}
    assert "down_proj" in packed[0].layer
    with pytest.raises(CheckpointError, match="quantized"):
        load_kernel(checkpoint, packed[0])


def float8(folder: Path, shape: tuple[int, ...], scales: torch.Tensor, end: str) -> tuple[
    torch.Tensor, LayerSpec, torch.Tensor
]:  # fmt: skip
    quantised = torch.randn(shape).to(torch.float8_e4m3fn)
    save_file({f"{P}.weight": quantised, f"{P}.weight{end}": scales}, folder / "m.safetensors")
    checkpoint = open_checkpoint(folder / "m.safetensors")
    (spec,) = list_layers(checkpoint)
    return quantised.float(), spec, load_kernel(checkpoint, spec)[0]


@pytest.mark.parametrize("end", ["_scale", "_scale_inv"])
def test_block_scales_of_float8_are_applied(tmp_path: Path, end: str) -> None:
    scales = torch.rand(2, 3) + 0.5
    plain, spec, loaded = float8(tmp_path, (200, 300), scales, end)
    assert spec.status is None
    for i in range(200):
        row = torch.cat([plain[i, j : j + 128] * scales[i // 128, j // 128] for j in (0, 128, 256)])
        assert loaded[i].equal(row)


@pytest.mark.parametrize("shape", [(), (1,), (12,), (12, 1)])
def test_one_scale_for_all_or_for_a_row_is_applied(tmp_path: Path, shape: tuple[int, ...]) -> None:
    scales = torch.rand(shape) + 0.5
    plain, _, loaded = float8(tmp_path, (12, 7), scales, "_scale")
    assert loaded.equal(plain * scales.reshape(-1, 1))


def test_experts_have_scales_of_their_own(tmp_path: Path) -> None:
    name = "model.layers.0.mlp.experts.down_proj"
    stack = torch.randn(3, 130, 64).to(torch.float8_e4m3fn)
    scales = torch.rand(3, 2, 1)
    save_file({name: stack, f"{name}_scale_inv": scales}, tmp_path / "m.safetensors")
    checkpoint = open_checkpoint(tmp_path / "m.safetensors")
    layers = list_layers(checkpoint)
    assert [spec.layer for spec in layers] == [f"{name}[{i}]" for i in range(3)]
    for index, spec in enumerate(layers):
        expected = stack[index].float()
        expected[:128] *= scales[index, 0]
        expected[128:] *= scales[index, 1]
        assert load_kernel(checkpoint, spec)[0].equal(expected)


@pytest.mark.parametrize("name", ["scale_weight", "weight_scale", "weight_scale_inv", "scale"])
def test_scales_are_found_beside_the_weight(tmp_path: Path, name: str) -> None:
    weight = torch.randn(64, 48) * 0.02
    scale = weight.abs().max() / 448
    state = {
        "fc.weight": (weight / scale).to(torch.float8_e4m3fn),
        f"fc.{name}": scale.reshape(1),
        "fc.input_scale": torch.ones(1),
    }
    save_file(state, tmp_path / "m.safetensors")
    checkpoint = open_checkpoint(tmp_path / "m.safetensors")
    (spec,) = list_layers(checkpoint, config={})
    assert spec.tensors == ("fc.weight", f"fc.{name}")
    assert load_kernel(checkpoint, spec)[0].equal(state["fc.weight"].float() * scale)
