"""What the readers give is what torch.load and safetensors give, and nothing else is read."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from zoo_analysis import folders
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import open_checkpoint

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.int64,
    torch.int8,
    torch.uint8,
    torch.bool,
]


def some_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "stem.weight": torch.randn(4, 3, 3, 3),
        "stem.bias": torch.randn(4),
        "norm.num_batches_tracked": torch.tensor(7),
        "head.weight": torch.randn(5, 4).to(torch.bfloat16),
        "nothing": torch.empty(0, 3),
    }


def same(path: Path, expected: dict[str, torch.Tensor]) -> None:
    with open_checkpoint(path) as checkpoint:
        assert set(checkpoint.tensors) == set(expected)
        for name, tensor in expected.items():
            info = checkpoint.tensors[name]
            read = checkpoint.read(name)
            assert info.shape == tuple(read.shape) == tuple(tensor.shape)
            assert info.dtype == str(tensor.dtype).removeprefix("torch.")
            assert info.nbytes == tensor.nbytes
            assert read.dtype == tensor.dtype
            assert read.contiguous().view(-1).equal(tensor.contiguous().view(-1))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    shapes=st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=1, max_size=5),
    dtype=st.sampled_from(DTYPES),
)
def test_safetensors_reads_as_the_safetensors_library_does(
    tmp_path: Path, shapes: list[list[int]], dtype: torch.dtype
) -> None:
    file = tmp_path / "model.safetensors"
    state = {f"t{i}.weight": torch.randn(shape).to(dtype) for i, shape in enumerate(shapes)}
    save_file(state, file)
    same(file, load_file(file))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("suffix", [".bin", ".pt", ".pth", ".th", ".ckpt", ".pth.tar"])
def test_torch_files_read_as_torch_load_does(tmp_path: Path, suffix: str, zipped: bool) -> None:
    file = tmp_path / f"weights{suffix}"
    torch.save(some_state(), file, _use_new_zipfile_serialization=zipped)
    same(file, torch.load(file, weights_only=True))


def test_a_transposed_tensor_of_a_torch_file_keeps_its_strides(tmp_path: Path) -> None:
    tensor = torch.randn(3, 5).T
    torch.save({"fc.weight": tensor}, tmp_path / "w.pt")
    same(tmp_path / "w.pt", {"fc.weight": tensor})


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state, "optimizer": {"state": {0: torch.ones(2)}}},
        lambda state: {"model": {"state_dict": state, "model_args": {"width": 3}}},
        lambda state: {"model_state": state, "step": 1},
        lambda state: {"net": {f"module.{k}": v for k, v in state.items()}},
        lambda state: {f"module.{k}": v for k, v in state.items()},
        lambda state: {f"_orig_mod.module.{k}": v for k, v in state.items()},
        lambda state: {"rng": torch.ones(4), "state_dict": state},
        lambda state: {"model_ema": {"a.b": torch.ones(1)}, "state_dict": state},
        lambda state: {"model_ema": state, "optimizer": {}},
        lambda state: {"params": state, "lr_schedulers": [1]},
        lambda state: {k: torch.nn.Parameter(v, v.is_floating_point()) for k, v in state.items()},
    ],
)
def test_envelopes_and_prefixes_of_training_scripts_come_off(tmp_path: Path, wrap) -> None:
    torch.save(wrap(some_state()), tmp_path / "w.pt")
    same(tmp_path / "w.pt", some_state())


def test_shards_read_as_one(tmp_path: Path) -> None:
    state = some_state()
    names = list(state)
    for suffix, save in ((".safetensors", save_file), (".bin", torch.save)):
        folder = tmp_path / suffix[1:]
        folder.mkdir()
        stem = "model" if suffix == ".safetensors" else "pytorch_model"
        shards = {f"{stem}-1-of-2{suffix}": names[:2], f"{stem}-2-of-2{suffix}": names[2:]}
        for shard, held in shards.items():
            save({name: state[name] for name in held}, folder / shard)
        weight_map = {name: shard for shard, held in shards.items() for name in held}
        index = json.dumps({"metadata": {}, "weight_map": weight_map})
        (folder / f"{stem}{suffix}.index.json").write_text(index)
        same(folder, state)
        (folder / f"{stem}-2-of-2{suffix}").unlink()
        with pytest.raises(CheckpointError, match=r"the shard .*-2-of-2.* is missing"):
            open_checkpoint(folder)


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_files_beyond_those_that_may_be_open_are_opened_at_each_use(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a thousand shards, where a process has 1,024 descriptors; here none is kept."""
    monkeypatch.setattr(folders, "_KEPT", 0)
    state = {f"{number}.weight": torch.full((3, 2), float(number)) for number in range(20)}
    stem = "model" if suffix == ".safetensors" else "pytorch_model"
    shards = [tmp_path / f"{stem}-{number:05}-of-00020{suffix}" for number in range(1, 21)]
    for shard, (name, tensor) in zip(shards, state.items(), strict=True):
        (save_file if suffix == ".safetensors" else torch.save)({name: tensor}, shard)
    same(tmp_path, state)
    checkpoint = open_checkpoint(tmp_path)
    here = [link.resolve() for link in Path("/proc/self/fd").iterdir()]
    assert not [path for path in here if path.is_relative_to(tmp_path)]
    if suffix == ".safetensors":  # torch's are mapped whole when they are opened
        shutil.copyfile(shards[0], tmp_path / "other")
        os.replace(tmp_path / "other", shards[0])
        with pytest.raises(CheckpointError, match="changed while it was being read"):
            checkpoint.read("0.weight")
    checkpoint.close()
    with pytest.raises(CheckpointError, match="has been closed"):
        checkpoint.read("1.weight")


def test_a_directory_offers_its_best_file(tmp_path: Path) -> None:
    torch.save({"a.weight": torch.ones(1, 1)}, tmp_path / "pytorch_model.bin")
    torch.save({"junk": torch.ones(1)}, tmp_path / "optimizer.pt")
    assert open_checkpoint(tmp_path).format == "torch"
    save_file({"b.weight": torch.ones(1, 1)}, tmp_path / "model.safetensors")
    assert list(open_checkpoint(tmp_path).tensors) == ["b.weight"]


def test_the_only_weight_file_of_a_directory_needs_no_known_name(tmp_path: Path) -> None:
    save_file({"b.weight": torch.ones(1, 1)}, tmp_path / "step_100.safetensors")
    (tmp_path / "config.json").write_text("{}")
    assert list(open_checkpoint(tmp_path).tensors) == ["b.weight"]
    save_file({"b.weight": torch.ones(1, 1)}, tmp_path / "step_200.safetensors")
    with pytest.raises(CheckpointError, match="several weight files"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_rows_are_a_slice(tmp_path: Path, suffix: str) -> None:
    file, tensor = tmp_path / f"w{suffix}", torch.randn(7, 2, 3)
    (save_file if suffix == ".safetensors" else torch.save)({"w": tensor}, file)
    checkpoint = open_checkpoint(file)
    for start, stop in ((0, 7), (2, 5), (3, 3), (6, 7)):
        assert checkpoint.read_rows("w", start, stop).equal(tensor[start:stop])
    for start, stop in ((-1, 2), (5, 8), (3, 2)):
        with pytest.raises(CheckpointError, match="has no rows"):
            checkpoint.read_rows("w", start, stop)


def test_tensors_outlive_the_checkpoint(tmp_path: Path) -> None:
    tensor = torch.randn(64, 64)
    save_file({"w": tensor}, tmp_path / "a.safetensors")
    torch.save({"w": tensor}, tmp_path / "a.pt")
    for file in ("a.safetensors", "a.pt"):
        with open_checkpoint(tmp_path / file) as checkpoint:
            read = checkpoint.read("w")
        assert read.equal(tensor)


def test_writing_to_a_tensor_leaves_the_file_alone(tmp_path: Path) -> None:
    file, tensor = tmp_path / "a.safetensors", torch.randn(8, 8)
    save_file({"w": tensor}, file)
    open_checkpoint(file).read("w").zero_()
    assert load_file(file)["w"].equal(tensor)


def test_shared_storage_has_one_identity(tmp_path: Path) -> None:
    shared = torch.randn(6, 4)
    torch.save({"a": shared, "b": shared, "c": shared.clone(), "d": shared[:3]}, tmp_path / "w.pt")
    opened = open_checkpoint(tmp_path / "w.pt")
    tensors = opened.tensors
    assert tensors["a"].storage == tensors["b"].storage
    assert tensors["a"].storage != tensors["c"].storage
    assert [(info.name, why) for info, why in opened.aside] == [("d", "view")]


def test_an_unknown_tensor_is_named(tmp_path: Path) -> None:
    save_file({"w": torch.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="no tensor called 'v'"):
        open_checkpoint(tmp_path / "a.safetensors").read("v")


def test_the_parts_of_a_model_keep_their_names(tmp_path: Path) -> None:
    encoder, decoder = {"fc.weight": torch.ones(2, 3)}, {"fc.weight": torch.ones(3, 2)}
    parts = {"encoder": encoder, "decoder": decoder, "optimizer": {"state.x": torch.ones(2)}}
    torch.save(parts, tmp_path / "w.pt")
    expected = {"encoder.fc.weight": encoder["fc.weight"], "decoder.fc.weight": torch.ones(3, 2)}
    same(tmp_path / "w.pt", expected)
