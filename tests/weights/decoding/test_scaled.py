"""Numbers of 8 bits times scales, for all arrangements of the scales that are written."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM, TorchAoConfig
from transformers.integrations import finegrained_fp8

from tests.support.quantised import (
    assert_same_network,
    only_layer,
    save,
    tiny_llama,
    weight_of,
)
from zoo_analysis import analyze
from zoo_analysis.weights import list_layers, load_kernel, open_checkpoint

P = "model.layers.0.mlp.down_proj"
FP8 = {"quant_method": "fp8"}
CT = {"quant_method": "compressed-tensors"}


@pytest.mark.parametrize("block", [(128, 128), (64, 64), (32, 128), (100, 48)])
@pytest.mark.parametrize("end", ["_scale", "_scale_inv"])
def test_blocks_are_those_of_the_configuration(
    tmp_path: Path, block: tuple[int, int], end: str
) -> None:
    codes = torch.randn(200, 300).to(torch.float8_e4m3fn)
    scales = torch.rand(-(-200 // block[0]), -(-300 // block[1])) + 0.5
    state = {f"{P}.weight": codes, f"{P}.weight{end}": scales}
    checkpoint = save(tmp_path, state, {**FP8, "weight_block_size": list(block)})
    expected = finegrained_fp8._dequantize_fp8_weight(codes, scales, list(block), torch.float32)
    assert weight_of(checkpoint).equal(expected)
    assert only_layer(checkpoint).precision == "float8_e4m3fn"


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((), (1, 1)),
        ((1,), (1, 1)),
        ((12,), (12, 1)),
        ((12, 1), (12, 1)),
        ((40,), (1, 40)),
        ((1, 40), (1, 40)),
    ],
)
def test_one_scale_is_for_all_or_for_a_row_or_for_a_column(
    tmp_path: Path, shape: tuple[int, ...], axes: tuple[int, int]
) -> None:
    codes, scales = torch.randn(12, 40).to(torch.float8_e5m2), torch.rand(shape) + 0.5
    checkpoint = save(tmp_path, {f"{P}.weight": codes, f"{P}.weight_scale": scales}, None)
    assert weight_of(checkpoint).equal(codes.float() * scales.reshape(axes))


def test_a_matrix_in_float8_has_the_spectrum_of_the_scaled_one(tmp_path: Path) -> None:
    codes, scale = torch.randn(64, 96).to(torch.float8_e4m3fn), torch.tensor([0.02])
    save(tmp_path, {f"{P}.weight": codes, f"{P}.weight_scale": scale}, None)
    (row,) = analyze(tmp_path).to_pylist()
    values = torch.linalg.svdvals(codes.double() * scale)
    assert row["log_norm"] == pytest.approx(values.square().sum().log10())
    assert row["log_spectral_norm"] == pytest.approx(values[0].square().log10())
    assert (row["status"], row["dtype"]) == ("success", "float8_e4m3fn")


@pytest.mark.parametrize("typed", [True, False], ids=["float8_e8m0fnu", "uint8"])
def test_scales_may_be_powers_of_two(tmp_path: Path, typed: bool) -> None:
    codes = torch.randn(16, 96).to(torch.float8_e4m3fn)
    exponents = torch.randint(120, 132, (16, 3), dtype=torch.uint8)
    scales = exponents.view(torch.float8_e8m0fnu) if typed else exponents
    checkpoint = save(tmp_path, {f"{P}.weight": codes, f"{P}.weight_scale": scales}, None)
    expected = codes.float().view(16, 3, 32) * 2.0 ** (exponents.double() - 127)[..., None]
    assert weight_of(checkpoint).equal(expected.view(16, 96).float())


def test_the_scales_of_a_convolution_are_those_of_its_outputs(tmp_path: Path) -> None:
    for kernel in ((5,), (3, 3)):
        codes = torch.randn(8, 4, *kernel).to(torch.float8_e4m3fn)
        scales = torch.rand(8) + 0.5
        state = {"conv.weight": codes, "conv.weight_scale": scales}
        checkpoint = save(tmp_path / str(len(kernel)), state, None)
        expected = codes.float() * scales.reshape(8, *(1,) * (codes.ndim - 1))
        assert weight_of(checkpoint).equal(expected)


@pytest.mark.parametrize("shape", [(7, 16), (3, 3), (2, 256, 1)])
def test_scales_of_no_known_arrangement_are_not_applied(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    codes = torch.ones(256, 256).to(torch.float8_e4m3fn)
    state = {f"{P}.weight": codes, f"{P}.weight_scale": torch.ones(shape)}
    spec = only_layer(save(tmp_path, state, None))
    assert (spec.status, spec.precision) == ("quantized", "float8_e4m3fn")


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("zeros", [False, True])
def test_int8_is_centred_and_scaled(tmp_path: Path, groups: int, zeros: bool) -> None:
    codes = torch.randint(-128, 128, (24, 64), dtype=torch.int8)
    scales, zero = torch.rand(24, groups), torch.randint(-9, 9, (24, groups), dtype=torch.int8)
    state = {f"{P}.weight": codes, f"{P}.weight_scale": scales}
    state |= {f"{P}.weight_zero_point": zero} if zeros else {}
    checkpoint = save(tmp_path, state, CT)
    grouped = codes.float().view(24, groups, -1) - (zero.float()[..., None] if zeros else 0)
    assert weight_of(checkpoint).equal((grouped * scales[..., None]).view(24, 64))
    assert only_layer(checkpoint).precision == "int8"


@pytest.mark.parametrize(
    ("names", "quantization"),
    [
        ((), CT),
        (("weight_scales",), {"quant_method": "eetq"}),
        (("weight_scale",), {"quant_method": "eetq"}),
        (("weight_scale",), {"quant_method": "quark"}),
    ],
    ids=["no-scale", "eetq", "eetq-named-so", "quark"],
)
def test_int8_of_another_order_is_not_measured(
    tmp_path: Path, names: tuple[str, ...], quantization: dict[str, Any]
) -> None:
    state = {f"{P}.weight": torch.randint(-128, 128, (24, 64), dtype=torch.int8)}
    state |= {f"{P}.{name}": torch.ones(24) for name in names}
    spec = only_layer(save(tmp_path, state, quantization))
    assert (spec.layer, spec.status) == (P, "quantized")
    assert set(spec.tensors) == set(state)
    assert spec.precision == quantization["quant_method"]


def test_llm_int8_has_the_largest_entry_of_each_row(tmp_path: Path) -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    weight = torch.randn(48, 80)
    codes, row_maxima, _ = functional.int8_vectorwise_quant(weight.half())
    state = {f"{P}.weight": codes, f"{P}.SCB": row_maxima.flatten()}
    state |= {f"{P}.weight_format": torch.tensor(0, dtype=torch.uint8)}
    checkpoint = save(tmp_path, state, {"quant_method": "bitsandbytes"})
    expected = functional.int8_vectorwise_dequant(codes, row_maxima)
    torch.testing.assert_close(weight_of(checkpoint), expected, rtol=1e-6, atol=0)
    assert only_layer(checkpoint).precision == "llm-int8"
    state[f"{P}.weight_format"] += 1  # the order of a GPU's kernel
    assert only_layer(save(tmp_path / "tiled", state, None)).status == "quantized"


@pytest.mark.parametrize("precision", ["int8", "float8_e4m3fn"])
def test_a_model_saved_by_torchao_has_the_layers_of_the_floating_one(
    tmp_path: Path, precision: str
) -> None:
    ways = pytest.importorskip("torchao.quantization")
    name = "Int8WeightOnlyConfig" if precision == "int8" else "Float8WeightOnlyConfig"
    tiny_llama(tmp_path / "plain")
    model = LlamaForCausalLM.from_pretrained(
        tmp_path / "plain", quantization_config=TorchAoConfig(getattr(ways, name)())
    )
    model.save_pretrained(tmp_path / "coded")
    assert_same_network(tmp_path / "plain", tmp_path / "coded", {precision, "float32"}, 0.003)
    coded = dict(model.named_parameters())
    with open_checkpoint(tmp_path / "coded") as checkpoint:
        for spec in list_layers(checkpoint):
            if spec.coding:
                expected = coded[f"{spec.layer}.weight"].dequantize()
                torch.testing.assert_close(load_kernel(checkpoint, spec)[0], expected)


@pytest.mark.parametrize("kind", ["qint8", "qfloat8"])
def test_quanto_keeps_a_scale_a_row(tmp_path: Path, kind: str) -> None:
    quanto = pytest.importorskip("optimum.quanto")
    model = torch.nn.Sequential(torch.nn.Linear(64, 48, bias=False))
    quanto.quantize(model, weights=getattr(quanto, kind))
    quanto.freeze(model)
    checkpoint = save(tmp_path, model.state_dict(), {"quant_method": "quanto"})
    assert only_layer(checkpoint).layer == "0"
    assert weight_of(checkpoint).equal(model[0].weight.dequantize())


def test_experts_have_scales_of_their_own(tmp_path: Path) -> None:
    name = "model.layers.0.mlp.experts.down_proj"
    stack = torch.randn(3, 96, 64).to(torch.float8_e4m3fn)
    for scales in (torch.rand(3), torch.rand(3, 1, 1), torch.rand(3, 96, 1), torch.rand(3, 3, 2)):
        state = {name: stack, f"{name}_scale_inv": scales}
        folder = tmp_path / "x".join(map(str, scales.shape))
        checkpoint = save(folder, state, {**FP8, "weight_block_size": [32, 32]})
        layers = list_layers(checkpoint)
        assert [spec.layer for spec in layers] == [f"{name}[{i}]" for i in range(3)]
        for index, spec in enumerate(layers):
            own = scales[index].reshape(1, 1) if scales[index].ndim < 2 else scales[index]
            down, across = 96 // own.shape[0], 64 // own.shape[1]
            grid = own.repeat_interleave(down, 0).repeat_interleave(across, 1)
            assert load_kernel(checkpoint, spec)[0].equal(stack[index].float() * grid)


def test_the_scales_of_a_fused_matrix_are_cut_with_it(tmp_path: Path) -> None:
    name = "blocks.0.attn.qkv.weight"
    state = {name: torch.randn(3 * 80, 80).to(torch.float8_e4m3fn)}
    state[f"{name}_scale_inv"] = torch.rand(2, 1)  # blocks of 128 do not begin where k does
    checkpoint = save(tmp_path, state, None)
    whole, *parts = list_layers(checkpoint, split_qkv=True)
    kernels = [load_kernel(checkpoint, part)[0] for part in parts]
    assert len(kernels) == 3
    assert torch.cat(kernels).equal(load_kernel(checkpoint, whole)[0])
    assert load_file(tmp_path / "model.safetensors").keys() == set(whole.tensors)
