"""Reading a checkpoint layer by layer takes the memory of a layer, not of the checkpoint."""

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
import torch
from flax.serialization import msgpack_serialize
from onnx import helper, numpy_helper
from safetensors.torch import save_file

from zoo_analysis.weights import list_layers, load_kernel, open_checkpoint

MIB = 2**20
LAYERS, LAYER_MIB = 16, 16

PEAK = """
import sys, resource, torch
from zoo_analysis.weights import list_layers, load_kernel, open_checkpoint

def resident(key):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) // 1024

torch.ones(4, 4) @ torch.ones(4, 4)
before = resident("VmRSS:")
open("/proc/self/clear_refs", "w").write("5")
with open_checkpoint(sys.argv[1]) as checkpoint:
    for spec in list_layers(checkpoint, config={}):
        total = float(load_kernel(checkpoint, spec).sum())
        del spec
print(resident("VmHWM:") - before)
"""


def save_onnx(state: dict[str, torch.Tensor], file: Path) -> None:
    tensors = [numpy_helper.from_array(tensor.numpy(), name) for name, tensor in state.items()]
    nodes = [helper.make_node("MatMul", ["x", name], [f"y{name}"]) for name in state]
    file.write_bytes(
        helper.make_model(helper.make_graph(nodes, "g", [], [], tensors)).SerializeToString()
    )


def save_h5(state: dict[str, torch.Tensor], file: Path) -> None:
    with h5py.File(file, "w") as made:
        for i, tensor in enumerate(state.values()):
            made[f"dense_{i}/dense_{i}/kernel:0"] = tensor.numpy()


def save_msgpack(state: dict[str, torch.Tensor], file: Path) -> None:
    tree = {f"Dense_{i}": {"kernel": tensor.numpy()} for i, tensor in enumerate(state.values())}
    file.write_bytes(msgpack_serialize(tree))


WRITERS: dict[str, Callable[[dict[str, torch.Tensor], Path], None]] = {
    ".safetensors": save_file,
    ".bin": torch.save,
    ".onnx": save_onnx,
    ".h5": save_h5,
    ".msgpack": save_msgpack,
}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells peak memory")
@pytest.mark.parametrize("suffix", [".safetensors", ".bin", ".onnx", ".h5", ".msgpack"])
def test_the_resident_set_stays_small(tmp_path: Path, suffix: str) -> None:
    side = int((LAYER_MIB * MIB / 4) ** 0.5)
    file = tmp_path / f"model{suffix}"
    state = {f"layers.{i}.fc.weight": torch.ones(side, side) for i in range(LAYERS)}
    WRITERS[suffix](state, file)
    assert file.stat().st_size > 250 * MIB
    command = [sys.executable, "-c", PEAK, str(file)]
    peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert peak < 130  # MiB: 64 of a torch file stay mapped, and the allocator keeps some


def test_opening_and_listing_read_no_weights(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({"fc.weight": torch.ones(2048, 2048)}, file)
    tracemalloc.start()
    with open_checkpoint(file) as checkpoint:
        list_layers(checkpoint, config={})
        _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB


def test_a_kernel_of_float32_is_not_copied(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({"conv.weight": torch.ones(64, 32, 3, 3)}, file)
    with open_checkpoint(file) as checkpoint:
        (spec,) = list_layers(checkpoint, config={})
        stored = checkpoint.read("conv.weight")
        kernel = load_kernel(checkpoint, spec)
    assert kernel.is_contiguous()
    assert kernel.untyped_storage().nbytes() == stored.untyped_storage().nbytes()
