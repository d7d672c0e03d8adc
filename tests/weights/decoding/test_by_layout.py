"""Parts that do not fit each other are errors with a name, and never memory beyond the file's."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.quantised import only_layer, save
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import list_layers, load_kernel
from zoo_analysis.weights.decoding.by_layout import LAYOUTS

M = "model.layers.0.mlp.down_proj"
GPTQ = {"quant_method": "gptq"}
ROWS = torch.int32


def gptq(**parts: torch.Tensor) -> dict[str, torch.Tensor]:
    state = {
        "qweight": torch.ones(8, 64, dtype=ROWS),
        "qzeros": torch.ones(2, 8, dtype=ROWS),
        "scales": torch.ones(2, 64),
        "g_idx": torch.arange(64, dtype=ROWS) // 32,
    } | parts
    return {f"{M}.{name}": tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    "group", [torch.full((64,), 2, dtype=ROWS), torch.full((64,), -1, dtype=ROWS)]
)
def test_an_order_of_groups_that_there_are_not_is_an_error(
    tmp_path: Path, group: torch.Tensor
) -> None:
    checkpoint = save(tmp_path, gptq(g_idx=group), GPTQ)
    with pytest.raises(CheckpointError, match=rf"{M}.qweight: not decoded as gptq: g_idx"):
        load_kernel(checkpoint, only_layer(checkpoint))


@pytest.mark.parametrize(
    "parts",
    [
        {"scales": torch.ones(2, 63)},
        {"scales": torch.ones(64)},
        {"scales": torch.ones(0, 64)},
        {"scales": torch.ones(3, 64)},
        {"qzeros": torch.ones(2, 9, dtype=ROWS)},
        {"qzeros": torch.ones(2, 0, dtype=ROWS)},
        {"qzeros": torch.ones(16, dtype=ROWS)},
        {"g_idx": torch.ones(65, dtype=ROWS)},
        {"qweight": torch.ones(8, 64, dtype=torch.int16)},
        {"qweight": torch.ones(0, 64, dtype=ROWS)},
        {"qweight": torch.ones(8, 8, 8, dtype=ROWS)},
    ],
    ids=str,
)
def test_parts_of_shapes_that_do_not_fit_are_not_decoded(
    tmp_path: Path, parts: dict[str, torch.Tensor]
) -> None:
    spec = only_layer(save(tmp_path, gptq(**parts), GPTQ))
    assert (spec.layer, spec.status) == (M, "quantized")


@pytest.mark.parametrize("missing", ["qzeros", "scales"])
def test_codes_without_their_parts_are_not_decoded(tmp_path: Path, missing: str) -> None:
    state = gptq()
    del state[f"{M}.{missing}"]
    spec = only_layer(save(tmp_path, state, GPTQ))
    assert (spec.layer, spec.status) == (M, "quantized")


@pytest.mark.parametrize(
    "shape", [[10**9, 10**9], [64, 0], [64, -64], [64], [64, 65, 1], [65, 64], [64, 33 * 64]]
)
def test_a_shape_that_the_bytes_do_not_have_is_not_believed(
    tmp_path: Path, shape: list[int]
) -> None:
    state = {
        f"{M}.weight_packed": torch.ones(64, 8, dtype=ROWS),
        f"{M}.weight_scale": torch.ones(64, 1),
        f"{M}.weight_shape": torch.tensor(shape),
    }
    spec = only_layer(save(tmp_path, state, {"quant_method": "compressed-tensors"}))
    assert (spec.layer, spec.status) == (M, "quantized")


def test_a_tensor_of_another_shape_than_was_listed_is_an_error(tmp_path: Path) -> None:
    spec = only_layer(save(tmp_path / "a", gptq(), GPTQ))
    checkpoint = save(tmp_path / "b", gptq(qweight=torch.ones(4, 64, dtype=ROWS)), GPTQ)
    with pytest.raises(CheckpointError, match=f"{M}.qweight"):
        load_kernel(checkpoint, spec)
    with pytest.raises(CheckpointError, match="no tensor called"):
        load_kernel(checkpoint, replace(spec, tensors=("gone", *spec.tensors[1:])))


@pytest.mark.parametrize(
    "said",
    [
        {"group_size": "many"},
        {"group_size": 0},
        {"checkpoint_format": 7},
        {"config_groups": [1]},
        {"config_groups": {"group_0": 3}},
        {"weight_block_size": [0, "x"]},
        {"weight_block_size": 128},
        {"quant_method": ["gptq"]},
        {"version": None},
    ],
    ids=str,
)
def test_an_odd_configuration_costs_what_it_would_have_said(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    float8 = {f"{M}2.weight": torch.ones(8, 8).to(torch.float8_e4m3fn)}
    float8[f"{M}2.weight_scale"] = torch.ones(1)
    layers = list_layers(save(tmp_path, gptq() | float8, GPTQ | said))
    assert [spec.layer for spec in layers] == [M, f"{M}2"]
    assert layers[1].status is None


PEAK = """
import sys
from zoo_analysis.weights import list_layers, load_kernel, open_checkpoint

def resident(key):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024

checkpoint = open_checkpoint(sys.argv[1])
small, large = sorted(list_layers(checkpoint), key=lambda spec: spec.shape)
load_kernel(checkpoint, small)
before = resident("VmRSS:")
open("/proc/self/clear_refs", "w").write("5")
kernel = load_kernel(checkpoint, large)
print((resident("VmHWM:") - before) / kernel.nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells peak memory")
def test_decoding_takes_no_more_than_a_few_matrices_of_memory(tmp_path: Path) -> None:
    state = {}
    for side in (256, 3072):
        state |= {
            f"fc{side}.qweight": torch.ones(side // 8, side, dtype=ROWS),
            f"fc{side}.qzeros": torch.ones(side // 128, side // 8, dtype=ROWS),
            f"fc{side}.scales": torch.ones(side // 128, side, dtype=torch.float16),
        }
    save(tmp_path, state, GPTQ)
    command = [sys.executable, "-c", PEAK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 1 < float(done.stdout) < 3.5


def test_layouts_are_named_once() -> None:
    assert all(name == layout.name for name, layout in LAYOUTS.items())
