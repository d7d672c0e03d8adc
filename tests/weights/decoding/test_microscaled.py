"""MXFP4 and NVFP4: what transformers and compressed-tensors make of the same bytes."""

import json
from pathlib import Path

import pytest
import torch
from transformers import GptOssConfig, GptOssForCausalLM
from transformers.integrations.mxfp4 import FP4_VALUES, convert_moe_packed_tensors

from tests.support.quantised import assert_same_network, only_layer, save, weight_of
from zoo_analysis.weights import list_layers, load_kernel, open_checkpoint

P = "model.layers.0.mlp.down_proj.weight"
EXPERTS = "model.layers.0.mlp.experts"


def nearest(values: torch.Tensor) -> torch.Tensor:
    """Codes of the nearest E2M1 numbers, two a byte, the first in the lower half."""
    codes = (values[..., None] - torch.tensor(FP4_VALUES)).abs().argmin(-1).to(torch.uint8)
    return codes[..., ::2] | codes[..., 1::2] << 4


def mxfp4(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(blocks, scales) of the OCP's standard: the largest of 32 below 2·4, of which 6 is coded."""
    groups = weight.unflatten(-1, (-1, 32))
    exponents = groups.abs().amax(-1).log2().floor() - 2
    return nearest(groups / exponents.exp2()[..., None]), (exponents + 127).to(torch.uint8)


def test_experts_of_gpt_oss_are_those_of_the_floating_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 96, "vocab_size": 96, "head_dim": 16}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 3}
    config = GptOssConfig(num_hidden_layers=1, max_position_embeddings=64, **sizes, **heads)
    model = GptOssForCausalLM(config)
    model.save_pretrained(tmp_path / "plain")
    state = {}
    for name, tensor in model.state_dict().items():
        if name.endswith(("gate_up_proj", "down_proj")):
            blocks, scales = mxfp4(tensor.mT.contiguous())
            state |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
        else:
            state[name] = tensor
    save(tmp_path / "coded", state, None)
    described = json.loads((tmp_path / "plain" / "config.json").read_text())
    described["quantization_config"] = {"quant_method": "mxfp4"}
    (tmp_path / "coded" / "config.json").write_text(json.dumps(described))
    assert_same_network(tmp_path / "plain", tmp_path / "coded", {"mxfp4", "float32"}, within=0.03)
    with open_checkpoint(tmp_path / "coded") as checkpoint:
        coded = [spec for spec in list_layers(checkpoint) if spec.coding]
        assert len(coded) == 6
        for spec in coded:
            parts = [state[name] for name in spec.tensors]
            theirs = convert_moe_packed_tensors(*parts, dtype=torch.float32)
            assert load_kernel(checkpoint, spec)[0].equal(theirs[spec.index].T)


@pytest.mark.parametrize("form", ["modelopt", "compressed-tensors"])
def test_the_factor_of_nvfp4_multiplies_or_divides(tmp_path: Path, form: str) -> None:
    weight = torch.randn(48, 80)
    groups = weight.unflatten(-1, (-1, 16))
    factor = weight.abs().max() / (6 * 448)
    scales = (groups.abs().amax(-1) / 6 / factor).to(torch.float8_e4m3fn)
    steps = scales.float() * factor
    codes = nearest(groups / steps[..., None]).flatten(1)
    if form == "modelopt":
        state = {P: codes, f"{P}_scale": scales, f"{P}_scale_2": factor}
    else:
        inverse = (1 / factor).reshape(1)
        state = {f"{P}_packed": codes, f"{P}_scale": scales, f"{P}_global_scale": inverse}
    state["model.layers.0.mlp.down_proj.input_scale"] = torch.ones(())
    checkpoint = save(tmp_path, state, {"quant_method": form})
    decoded, spec = weight_of(checkpoint), only_layer(checkpoint)
    assert (spec.precision, spec.shape) == ("nvfp4", (48, 80))
    assert set(spec.tensors) == set(state)
    # Half of the widest gap (4 to 6), and the rounding of the scale.
    error = (decoded - weight).abs().unflatten(-1, (-1, 16)) / steps[..., None]
    assert error.max() < 1.4
    values = torch.tensor(FP4_VALUES)
    apart = (decoded.unflatten(-1, (-1, 16)) / steps[..., None])[..., None] - values
    assert apart.abs().amin(-1).max() < 1e-5


def test_float4_in_bytes_is_told_by_its_scales(tmp_path: Path) -> None:
    weight = torch.randn(32, 64)
    blocks, scales = mxfp4(weight)
    codes = blocks.flatten(1).view(torch.int8)  # as DeepSeek keeps its experts
    state = {P: codes, f"{P}_scale_inv": scales.view(torch.float8_e8m0fnu)}
    decoded = weight_of(save(tmp_path, state, {"quant_method": "fp8"}))
    theirs = convert_moe_packed_tensors(blocks[None], scales[None], dtype=torch.float32)
    assert decoded.equal(theirs[0].T)


def test_bytes_of_other_groups_are_not_decoded(tmp_path: Path) -> None:
    codes = torch.randint(0, 256, (32, 40), dtype=torch.uint8)
    state = {P: codes, f"{P}_scale": torch.ones(32, 4), f"{P}_scale_2": torch.ones(())}
    spec = only_layer(save(tmp_path, state, {"quant_method": "modelopt"}))
    assert (spec.status, spec.precision) == ("quantized", "modelopt")
