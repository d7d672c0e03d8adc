"""Layers with hidden units of their own, in networks whose structure is known."""

from itertools import pairwise

import pytest
import timm
import torch
from torch import nn
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM

from zoo_analysis.pairwise.lineage.own_units import unit_layers, unit_rows
from zoo_analysis.weights import load_kernel
from zoo_analysis.weights.layers.architecture import describe
from zoo_analysis.weights.layers.listing import inventory_by
from zoo_analysis.weights.readers.memory import MemoryCheckpoint

_SMALL = {
    "hidden_size": 32,
    "intermediate_size": 88,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 64,
}


def _own(model: nn.Module) -> dict[str, int]:
    checkpoint = MemoryCheckpoint(model.state_dict())
    specs = inventory_by(describe(model), checkpoint, {}, False).layers
    return {each.spec.layer: each.units for each in unit_layers(specs)}


@pytest.mark.filterwarnings("ignore")
def test_of_a_transformer_they_are_what_widens_each_mlp() -> None:
    llama = LlamaForCausalLM(LlamaConfig(**_SMALL, bos_token_id=1, eos_token_id=2))
    assert _own(llama) == {f"model.layers.{i}.mlp.up_proj": 88 for i in range(2)}
    bert = BertModel(BertConfig(**_SMALL))
    assert _own(bert) == {f"encoder.layer.{i}.intermediate.dense": 88 for i in range(2)}


def test_of_a_residual_network_none_writes_into_the_stream() -> None:
    found = _own(timm.create_model("resnet50"))
    assert found
    assert {name.rpartition(".")[2] for name in found} == {"conv1"}
    assert "conv1" not in found  # the stem's outputs are those of the first stream


def test_of_a_plain_stack_square_layers_are_none() -> None:
    widths = (64, 96, 96, 48, 10)
    stack = nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(widths)))
    assert _own(stack) == {"0": 96, "2": 48}


def test_layers_of_one_block_that_may_write_one_sum_count_once() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for i in range(2):
                setattr(self, f"down{i}", nn.Conv2d(32, 8, 1))
                setattr(self, f"up{i}", nn.Conv2d(8, 32, 1))

    assert len(_own(Flat())) <= 2


def test_a_gated_unit_takes_its_gate_along() -> None:
    class GatedMLP(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mlp_gate_up = nn.Linear(6, 20, bias=False)
            self.mlp_down = nn.Linear(10, 6, bias=False)

    model = GatedMLP()
    checkpoint = MemoryCheckpoint(model.state_dict())
    specs = inventory_by(describe(model), checkpoint, {}, False).layers
    (layer,) = unit_layers(specs)
    assert layer.units == 10
    rows = unit_rows(load_kernel(checkpoint, layer.spec), layer, 4)
    weight = model.mlp_gate_up.weight.detach()
    assert torch.equal(rows, torch.cat([weight[:4], weight[10:14]], dim=1))
