"""NF4 and FP4 as bitsandbytes writes them, and as it reads them."""

from pathlib import Path

import pytest
import torch
from transformers import BitsAndBytesConfig, GPT2Config, GPT2LMHeadModel, LlamaForCausalLM

from tests.support.quantised import (
    assert_same_network,
    only_layer,
    save,
    tiny_llama,
    weight_of,
)
from zoo_analysis.weights import list_layers, load_kernel, open_checkpoint

functional = pytest.importorskip("bitsandbytes.functional")
P = "model.layers.0.mlp.down_proj.weight"


def quantised(weight: torch.Tensor, kind: str, nested: bool) -> dict[str, torch.Tensor]:
    codes, state = functional.quantize_4bit(
        weight, quant_type=kind, compress_statistics=nested, blocksize=64
    )
    return {P: codes, **{f"{P}.{key}": value for key, value in state.as_dict(packed=True).items()}}


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("nested", [False, True])
def test_the_matrix_is_what_bitsandbytes_makes_of_it(
    tmp_path: Path, kind: str, nested: bool
) -> None:
    weight = torch.randn(96, 128)
    state = quantised(weight, kind, nested)
    checkpoint = save(tmp_path, state, {"quant_method": "bitsandbytes"})
    assert only_layer(checkpoint).precision == kind
    parts = {name.removeprefix(f"{P}."): tensor for name, tensor in state.items() if name != P}
    described = functional.QuantState.from_dict(parts, device=torch.device("cpu"))
    assert weight_of(checkpoint).equal(functional.dequantize_4bit(state[P], described))


def test_blocks_run_on_from_row_to_row(tmp_path: Path) -> None:
    weight = torch.randn(33, 47)  # the last block is not full
    checkpoint = save(tmp_path, quantised(weight, "nf4", True), None)
    largest = torch.nn.functional.pad(weight.flatten(), (0, -weight.numel() % 64))
    largest = largest.view(-1, 64).abs().amax(1).repeat_interleave(64)[: weight.numel()]
    error = (weight_of(checkpoint) - weight).abs() / largest.view_as(weight)
    assert error.max() < 0.16  # half of the widest gap in the table, and the scale's own rounding


def test_a_stack_is_decoded_one_matrix_after_the_other(tmp_path: Path) -> None:
    stack, name = torch.randn(3, 24, 64), "model.layers.0.mlp.experts.down_proj"
    state = quantised(stack, "nf4", True)
    state = {key.replace(P, name): value for key, value in state.items()}
    checkpoint = save(tmp_path, state, None)
    experts = list_layers(checkpoint)
    assert [spec.layer for spec in experts] == [f"{name}[{number}]" for number in range(3)]
    parts = {key.removeprefix(f"{name}."): value for key, value in state.items() if key != name}
    described = functional.QuantState.from_dict(parts, device=torch.device("cpu"))
    whole = functional.dequantize_4bit(state[name].view(-1, 1), described)
    for spec, expected in zip(experts, whole.view(3, 24, 64), strict=True):
        assert load_kernel(checkpoint, spec)[0].equal(expected)


def test_a_saved_model_has_the_layers_of_the_floating_one(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "plain")
    how = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True
    )
    model = LlamaForCausalLM.from_pretrained(tmp_path / "plain", quantization_config=how)
    model.save_pretrained(tmp_path / "coded")
    assert_same_network(tmp_path / "plain", tmp_path / "coded", {"nf4", "float32"}, within=0.01)


def test_the_matrices_of_gpt2_lie_the_other_way_round_when_they_are_coded(tmp_path: Path) -> None:
    sizes = {"n_embd": 64, "n_layer": 1, "n_head": 4, "vocab_size": 96, "n_positions": 80}
    model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))
    model.save_pretrained(tmp_path / "plain")
    how = BitsAndBytesConfig(load_in_4bit=True)
    coded = GPT2LMHeadModel.from_pretrained(tmp_path / "plain", quantization_config=how)
    coded.save_pretrained(tmp_path / "coded")
    assert_same_network(tmp_path / "plain", tmp_path / "coded", {"fp4", "float32"}, within=0.02)
    with open_checkpoint(tmp_path / "coded") as checkpoint:
        spec = next(spec for spec in list_layers(checkpoint) if spec.layer.endswith("c_attn"))
        assert spec.shape == (192, 64)
        plain = model.transformer.h[0].attn.c_attn.weight.T
        assert (load_kernel(checkpoint, spec)[0] - plain).abs().max() < 0.02


@pytest.mark.parametrize(
    "claim",
    [
        b'{"shape": [1000000000, 1000000000], "blocksize": 64}',
        b'{"shape": [96, 128], "blocksize": 0}',
        b'{"shape": [96, 128]}',
        b'{"shape": [96.0, 128], "blocksize": 64}',
        b'["shape"]',
        b"\xff\xfe",
        b"[" * 5000,
        b'{"shape": [1e999, 128], "blocksize": 64}',
    ],
)
def test_a_description_that_does_not_fit_the_bytes_is_not_believed(
    tmp_path: Path, claim: bytes
) -> None:
    state = quantised(torch.randn(96, 128), "nf4", nested=False)
    name = f"{P}.quant_state.bitsandbytes__nf4"
    state[name] = torch.frombuffer(bytearray(claim), dtype=torch.uint8)
    spec = only_layer(save(tmp_path, state, None))
    assert (spec.layer, spec.status) == (P.removesuffix(".weight"), "quantized")
