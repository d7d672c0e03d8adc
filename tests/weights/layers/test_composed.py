"""Weights in several tensors come out as torch itself puts them together."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from zoo_analysis.weights import LayerSpec, list_layers, load_kernel
from zoo_analysis.weights.readers.memory import MemoryCheckpoint


def layers(module: nn.Module) -> tuple[MemoryCheckpoint, list[LayerSpec]]:
    checkpoint = MemoryCheckpoint(module.state_dict())
    return checkpoint, list_layers(checkpoint, config={}, split_qkv=True)


def pruned(module: nn.Module) -> nn.Module:
    return prune.l1_unstructured(module, "weight", 0.5)


WAYS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "weight_norm": nn.utils.weight_norm,
    "weight_norm-whole": lambda module: nn.utils.weight_norm(module, dim=None),
    "weight_norm-new": parametrizations.weight_norm,
    "spectral_norm": nn.utils.spectral_norm,
    "spectral_norm-new": parametrizations.spectral_norm,
    "pruned": pruned,
}
MODULES: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(6, 5),
    "conv": lambda: nn.Conv2d(4, 6, 3),
    "transposed": lambda: nn.ConvTranspose2d(4, 6, 3),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("bare", [True, False], ids=["bare", "inside"])
def test_the_weight_is_the_one_that_torch_multiplies_with(way: str, kind: str, bare: bool) -> None:
    torch.manual_seed(0)
    module = WAYS[way](MODULES[kind]()).eval()
    channels = 6 if kind == "linear" else 4
    module(torch.randn(1, channels) if kind == "linear" else torch.randn(1, channels, 5, 5))
    checkpoint, specs = layers(module if bare else nn.Sequential(module))
    assert [spec.layer for spec in specs] == ["weight" if bare else "0"]
    loaded = load_kernel(checkpoint, specs[0])[0]
    expected = module.weight.detach()
    if kind == "transposed":
        expected = expected.transpose(0, 1)
    torch.testing.assert_close(loaded, expected, rtol=1e-4, atol=1e-5)


def test_a_masked_fused_matrix_is_masked_in_its_parts() -> None:
    attention = nn.MultiheadAttention(8, 2)
    prune.random_unstructured(attention, "in_proj_weight", 0.5)
    checkpoint, specs = layers(attention)
    kernels = {spec.layer: load_kernel(checkpoint, spec)[0] for spec in specs}
    assert kernels["in_proj[k]"].equal(attention.in_proj_weight[8:16])


class Doubled(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return 2 * weight


def test_a_parametrisation_that_names_do_not_tell_is_a_row_without_numbers() -> None:
    network = nn.Sequential(nn.Linear(6, 5), parametrizations.orthogonal(nn.Linear(5, 4)))
    parametrize.register_parametrization(network[0], "weight", Doubled())
    _, specs = layers(network)
    assert {spec.layer: spec.status for spec in specs} == dict.fromkeys("01", "not-understood")


@pytest.mark.parametrize(("cls", "gates"), [(nn.LSTM, "ifgo"), (nn.GRU, "rzn"), (nn.RNN, "")])
@pytest.mark.parametrize("bare", [True, False], ids=["bare", "inside"])
def test_recurrent_matrices_split_into_their_gates(
    cls: type[nn.RNNBase], gates: str, bare: bool
) -> None:
    network = cls(3, 5, num_layers=2, bidirectional=True)
    checkpoint, specs = layers(network if bare else nn.ModuleDict({"rnn": network}))
    whole = [spec for spec in specs if spec.part_of is None]
    assert len(whole) == 8
    for spec in whole:
        parts = [part for part in specs if part.part_of == spec.layer]
        assert [part.layer[-2] for part in parts] == list(gates)
        if parts:
            together = torch.cat([load_kernel(checkpoint, part)[0] for part in parts])
            assert together.equal(load_kernel(checkpoint, spec)[0])


def test_a_projected_state_is_no_gate() -> None:
    _, specs = layers(nn.LSTM(7, 6, proj_size=2))
    rows = {spec.layer: spec.rows for spec in specs}
    assert rows["weight_hh_l0[o]"] == rows["weight_ih_l0[o]"] == (18, 24)
    assert rows["weight_hr_l0"] is None
    assert "weight_hr_l0[o]" not in rows


def two(average: str, dots: bool = True) -> dict[str, torch.Tensor]:
    network = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 2)))
    plain = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    copied = copy.deepcopy(network.state_dict())
    return plain | {
        f"{average}.{name if dots else name.replace('.', '')}": 2 * tensor
        for name, tensor in copied.items()
    }


@pytest.mark.parametrize("average", ["model_ema", "ema", "teacher", "target_encoder", "encoder_k"])
def test_an_average_beside_its_network_is_not_measured_again(average: str) -> None:
    for dots in (True, False):
        specs = list_layers(MemoryCheckpoint(two(average, dots)), config={})
        assert [spec.layer for spec in specs] == ["model.0", "model.1.0"]


def test_an_average_alone_and_another_architecture_are_networks() -> None:
    state = {name: tensor for name, tensor in two("ema").items() if name.startswith("ema")}
    assert len(list_layers(MemoryCheckpoint(state), config={})) == 2
    teacher = {"teacher.0.weight": torch.ones(9, 3), "student.0.weight": torch.ones(4, 3)}
    assert len(list_layers(MemoryCheckpoint(teacher), config={})) == 2
