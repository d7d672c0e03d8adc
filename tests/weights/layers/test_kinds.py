"""Matrices under other names than ``weight``, and stacks of them."""

import pytest
import torch
import transformers

from zoo_analysis.weights import LayerSpec, list_layers, load_kernel
from zoo_analysis.weights.layers.listing import take_inventory
from zoo_analysis.weights.readers.memory import MemoryCheckpoint


def layers(**shapes: tuple[int, ...]) -> list[LayerSpec]:
    state = {name.replace("__", "."): torch.ones(shape) for name, shape in shapes.items()}
    return list_layers(MemoryCheckpoint(state), config={})


@pytest.mark.parametrize(
    "name",
    ["mm_input_projection_weight", "W1", "W_in", "fc1_w", "dense.kernel", "visual.proj", "attn.wq",
     "weights.0", "cell.weight_ih", "qkv_weight"],
)  # fmt: skip
def test_a_parameter_called_as_matrices_are_is_one(name: str) -> None:
    assert [spec.kind for spec in layers(**{name: (8, 16)})] == ["linear"]


def test_a_parameter_with_a_bias_is_a_matrix() -> None:
    (spec,) = layers(mixing=(8, 16), mixing_bias=(16,))
    assert spec.tensors == ("mixing",)
    assert layers(mixing=(8, 16), mixing_bias=(7,)) == []


@pytest.mark.parametrize(
    ("names", "matrices"),
    [
        ({"moe.experts.gate_up_proj": (4, 12, 8), "moe.experts.down_proj": (4, 8, 6)}, 8),
        ({"moe.experts.w1": (4, 12, 8), "moe.experts.b1": (4, 12)}, 4),
        ({"ffn.up.weight": (4, 12, 8), "ffn.router.weight": (4, 8)}, 5),
        ({"ffn.filters_up": (4, 12, 8), "ffn.gate.weight": (4, 8)}, 5),
        ({"blocks.0.attn.W_Q": (4, 16, 4), "blocks.0.attn.b_Q": (4, 4)}, 4),
        ({"heads.weight": (3, 32, 200)}, 3),
    ],
)
def test_stacks_are_told_by_names_routers_and_axes(
    names: dict[str, tuple[int, ...]], matrices: int
) -> None:
    assert len(layers(**names)) == matrices


def test_a_long_kernel_with_a_bias_an_output_is_no_stack() -> None:
    (spec,) = layers(conv__weight=(16, 4, 200), conv__bias=(16,))
    assert spec.kind == "conv1d"


def test_a_matrix_of_a_stack_is_the_experts() -> None:
    stack = torch.randn(3, 8, 6)
    checkpoint = MemoryCheckpoint({"experts.w2": stack})
    specs = list_layers(checkpoint, config={})
    assert [spec.layer for spec in specs] == [f"experts.w2[{i}]" for i in range(3)]
    assert load_kernel(checkpoint, specs[1])[0].equal(stack[1])


def test_flattened_stacks_are_not_taken_for_one_matrix() -> None:
    """DBRX keeps its experts one below the other."""
    assert layers(**{"ffn.experts.mlp.w1": (4 * 12, 8)}) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("told", [True, False])
def test_projections_by_heads_are_matrices_of_all_heads(dtype: torch.dtype, told: bool) -> None:
    """XLNet's, (width, heads, width of a head), as its attention multiplies by them."""
    config = transformers.XLNetConfig(vocab_size=50, d_model=24, n_layer=2, n_head=4, d_inner=64)
    state = transformers.XLNetModel(config).to(dtype).state_dict()
    checkpoint = MemoryCheckpoint(state)
    own = {**config.to_dict(), "architectures": ["XLNetModel"]} if told else {}
    found = take_inventory(checkpoint, config=own)
    specs = {spec.layer: spec for spec in found.layers}
    x = torch.randn(7, 24)
    for name in "qkvor":
        spec = specs[f"layer.1.rel_attn.{name}"]
        weight = state[spec.tensors[0]].float()
        kernel = load_kernel(checkpoint, spec)[0]
        equation = "ih,hnd->ind" if name != "o" else "ind,hnd->ih"
        taken = x if name != "o" else x.reshape(7, 4, 6)
        expected = torch.einsum(equation, taken, weight).reshape(7, 24)
        assert torch.allclose(x @ kernel.T, expected, atol=1e-6)
        assert (spec.kind, spec.shape) == ("linear", (24, 24))
    roles = [specs[f"layer.0.rel_attn.{name}"].role for name in "qkvo"]
    assert roles == ["q", "k", "v", "attention"]
    assert found.coverage == 1.0


def test_parameters_of_such_names_alone_are_no_projections_by_heads() -> None:
    assert layers(attn__q=(24, 4, 6), attn__k=(24, 4, 6), attn__v=(24, 4, 6)) == []
