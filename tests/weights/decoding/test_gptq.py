"""GPTQ and AWQ, packed here by loops over words as their papers' code has them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.quantised import only_layer, save, weight_of
from zoo_analysis.weights import list_layers

P = "model.layers.0.mlp.down_proj."
OUT, INTO, GROUP = 64, 96, 32
GPTQ = {"quant_method": "gptq", "group_size": GROUP}
AWQ = {"quant_method": "awq", "version": "gemm", "group_size": GROUP}


class Rounded:
    """A matrix rounded to integers with a scale and a zero point a group of inputs."""

    def __init__(self, bits: int, group: torch.Tensor) -> None:
        generator = torch.Generator().manual_seed(bits)
        self.plain = torch.randn(OUT, INTO, generator=generator)
        groups = int(group.max()) + 1
        self.scales, self.zeros = torch.zeros(groups, OUT), torch.zeros(groups, OUT)
        self.codes = torch.zeros(OUT, INTO)
        for number in range(groups):
            own = self.plain[:, group == number]
            low, high = own.amin(1).clamp(max=0), own.amax(1).clamp(min=0)
            scale = ((high - low) / (2**bits - 1)).half().float()
            zero = (-low / scale).round().clamp(1, 2**bits - 1)
            codes = (own / scale[:, None]).round() + zero[:, None]
            self.codes[:, group == number] = codes.clamp(0, 2**bits - 1)
            self.scales[number], self.zeros[number] = scale, zero
        self.weight = (self.codes - self.zeros.T[:, group]) * self.scales.T[:, group]
        self.step = self.scales.T[:, group]


def packed(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Rows of integers in words of 32 bits, each beginning where the last ended."""
    words = np.zeros((len(values), values.shape[1] * bits // 32), dtype=np.uint32)
    for row, integers in enumerate(values.to(torch.int64).tolist()):
        whole = sum(value << (bits * place) for place, value in enumerate(integers))
        for word in range(words.shape[1]):
            words[row, word] = (whole >> (32 * word)) & 0xFFFFFFFF
    return torch.from_numpy(words.view(np.int32))


def gptq(rounded: Rounded, bits: int, less: int, group: torch.Tensor) -> dict[str, torch.Tensor]:
    return {
        P + "qweight": packed(rounded.codes, bits).T,
        P + "qzeros": packed(rounded.zeros - less, bits),
        P + "scales": rounded.scales.half(),
        P + "g_idx": group.int(),
    }


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("ordered", [True, False], ids=["in-turn", "by-activation"])
@pytest.mark.parametrize("form", ["gptq", "gptq_v2"])
def test_gptq_gives_the_rounded_matrix(tmp_path: Path, bits: int, ordered: bool, form: str) -> None:
    group = torch.arange(INTO) // GROUP
    group = group if ordered else group[torch.randperm(INTO)]
    rounded = Rounded(bits, group)
    state = gptq(rounded, bits, int(form == "gptq"), group)
    checkpoint = save(tmp_path, state, {**GPTQ, "checkpoint_format": form})
    spec = only_layer(checkpoint)
    assert (spec.layer, spec.shape, spec.precision) == (P[:-1], (OUT, INTO), f"gptq-{bits}bit")
    assert set(spec.tensors) == set(state)
    weight = weight_of(checkpoint)
    assert weight.equal(rounded.weight)
    assert (weight - rounded.plain).abs().le(rounded.step * 1.01).all()


def test_gptq_without_an_order_of_groups_has_them_in_turn(tmp_path: Path) -> None:
    rounded = Rounded(4, torch.arange(INTO) // GROUP)
    state = gptq(rounded, 4, 1, torch.arange(INTO) // GROUP)
    del state[P + "g_idx"]
    assert weight_of(save(tmp_path, state, GPTQ)).equal(rounded.weight)


@pytest.mark.parametrize(
    "quantization",
    [None, {**GPTQ, "checkpoint_format": "marlin"}, {"quant_method": "own"}],
    ids=["unsaid", "other-format", "other-method"],
)
def test_zero_points_of_an_unknown_format_are_not_guessed(
    tmp_path: Path, quantization: dict[str, Any] | None
) -> None:
    group = torch.arange(INTO) // GROUP
    checkpoint = save(tmp_path, gptq(Rounded(4, group), 4, 1, group), quantization)
    (spec,) = list_layers(checkpoint)
    assert (spec.layer, spec.status) == (P[:-1], "quantized")
    assert spec.coded == (quantization or {}).get("quant_method")


@pytest.mark.parametrize(("bits", "order"), [(4, (0, 2, 4, 6, 1, 3, 5, 7)), (8, (0, 2, 1, 3))])
def test_awq_gives_the_rounded_matrix(tmp_path: Path, bits: int, order: tuple[int, ...]) -> None:
    rounded = Rounded(bits, torch.arange(INTO) // GROUP)

    def shuffled(values: torch.Tensor) -> torch.Tensor:
        return packed(values.reshape(len(values), -1, len(order))[..., order].flatten(1), bits)

    state = {
        P + "qweight": shuffled(rounded.codes.T),
        P + "qzeros": shuffled(rounded.zeros),
        P + "scales": rounded.scales.half(),
    }
    checkpoint = save(tmp_path, state, AWQ)
    assert only_layer(checkpoint).precision == f"awq-{bits}bit"
    assert weight_of(checkpoint).equal(rounded.weight)
    other = save(tmp_path / "gemv", state, {**AWQ, "version": "gemv"})
    assert only_layer(other).status == "quantized"
