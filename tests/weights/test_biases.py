"""The bias of each layer, in files that keep it in their own ways."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from zoo_analysis.measure.analyze import analyze
from zoo_analysis.weights import list_layers, open_checkpoint
from zoo_analysis.weights.biases import load_bias
from zoo_analysis.weights.layers.architecture import describe
from zoo_analysis.weights.layers.listing import inventory_by
from zoo_analysis.weights.readers.memory import MemoryCheckpoint


def biases(
    tensors: dict[str, torch.Tensor], net: torch.nn.Module | None = None, split_qkv: bool = False
) -> dict[str, torch.Tensor | None]:
    checkpoint = MemoryCheckpoint(tensors)
    plan = None if net is None else describe(net)
    found = inventory_by(plan, checkpoint, {}, split_qkv).layers
    return {spec.layer: load_bias(checkpoint, spec) for spec in found}


def test_a_network_s_biases_are_those_of_its_modules():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3),
        torch.nn.ConvTranspose2d(8, 6, 3, groups=2),
        torch.nn.Linear(6, 5, bias=False),
        torch.nn.LSTM(5, 4),
    )
    state = net.state_dict()
    found = biases(state, net)
    assert torch.equal(found["0"], state["0.bias"])
    assert torch.equal(found["1"], state["1.bias"])
    assert found["2"] is None
    assert torch.equal(found["3.weight_ih_l0"], state["3.bias_ih_l0"])
    assert torch.equal(found["3.weight_hh_l0"], state["3.bias_hh_l0"])


def test_parts_of_a_fused_projection_have_their_part():
    state = torch.nn.MultiheadAttention(12, 3).state_dict()
    state["in_proj_bias"] = torch.arange(36.0)
    found = biases({f"attn.{name}": tensor for name, tensor in state.items()}, split_qkv=True)
    assert torch.equal(found["attn.in_proj"], torch.arange(36.0))
    assert torch.equal(found["attn.in_proj[k]"], torch.arange(12.0, 24.0))


def test_each_matrix_of_a_stack_has_its_row():
    stack = {"mlp.experts.down_proj": torch.randn(4, 16, 12)}
    stack["mlp.experts.down_proj_bias"] = torch.arange(64.0).reshape(4, 16)
    found = biases(stack | {"mlp.router.weight": torch.randn(4, 12)})
    assert torch.equal(found["mlp.experts.down_proj[2]"], torch.arange(32.0, 48.0))


def test_reparametrised_weights_keep_their_module_s_bias():
    layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(6, 5))
    state = {f"fc.{name}": tensor for name, tensor in layer.state_dict().items()}
    assert torch.equal(biases(state)["fc"], state["fc.bias"])


def test_a_vector_of_another_length_is_no_bias():
    tensors = {"fc.weight": torch.randn(5, 6), "fc.bias": torch.randn(4)}
    assert biases(tensors)["fc"] is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_have_the_statistics_of_what_the_file_holds(tmp_path: Path, dtype: torch.dtype):
    torch.manual_seed(0)
    tensors = {"fc.weight": torch.randn(40, 30).to(dtype), "fc.bias": torch.randn(40).to(dtype)}
    save_file(tensors, tmp_path / "model.safetensors")
    (row,) = analyze(tmp_path).to_pylist()
    assert row["bias_mean"] == pytest.approx(float(tensors["fc.bias"].double().mean()), rel=1e-5)
    assert row["weight_max"] == float(tensors["fc.weight"].max())
    with open_checkpoint(tmp_path) as checkpoint:
        assert list_layers(checkpoint)[0].bias == "fc.bias"
