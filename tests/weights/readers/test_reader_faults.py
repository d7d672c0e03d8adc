"""Malformed, truncated and hostile files are one line each, and nothing of them runs."""

import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import open_checkpoint


def write(file: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
    return file


def entry(start: int, stop: int, shape: Any = None, dtype: Any = "F32") -> dict[str, Any]:
    shape = [(stop - start) // 4] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


@pytest.mark.parametrize(
    ("header", "data", "length", "message"),
    [
        ({"a": entry(0, 8)}, bytes(4), None, "truncated"),
        ({"a": entry(0, 8)}, bytes(12), None, "longer than its header says"),
        ({"a": entry(0, 8, [3])}, bytes(8), None, "needs 12 bytes, its offsets give 8"),
        ({"a": entry(0, 8), "b": entry(4, 12)}, bytes(12), None, "overlaps"),
        ({"a": entry(0, 8), "b": entry(12, 16)}, bytes(16), None, "leaves a gap"),
        ({"a": entry(8, 0, [2])}, bytes(8), None, "its offsets give -8"),
        ({"a": entry(0, 8, [-2])}, bytes(8), None, "no sensible shape"),
        ({"a": entry(0, 8, [True, 2])}, bytes(8), None, "no sensible shape"),
        ({"a": entry(0, 8, [2.0])}, bytes(8), None, "no sensible shape"),
        ({"a": entry(0, 8, "2")}, bytes(8), None, "no sensible shape"),
        ({"a": entry(0, 8, [2**40, 2**40])}, bytes(8), None, "its offsets give 8"),
        ({"a": entry(0, 8, dtype="F33")}, bytes(8), None, "unknown type 'F33'"),
        ({"a": entry(0, 8, dtype=["F32"])}, bytes(8), None, "unknown type"),
        ({"a": {"dtype": "F32", "shape": [2]}}, bytes(8), None, "lacks"),
        ({"a": 3}, b"", None, "lacks"),
        ([1], b"", None, "not a JSON object"),
        ({"__metadata__": [1]}, b"", None, "__metadata__"),
        (b'{"a": ', b"", None, "no JSON"),
        (b'{"a":1,"a":1}', b"", None, "occurs twice"),
        (b"[" * 100_000, b"", None, "no JSON"),
        (b"\xff\xfe", b"", None, "no JSON"),
        ({}, b"", 10**6, "truncated: a header of 1000000 bytes"),
        ({}, b"", 2**63, "exceeds the format"),
    ],
)
def test_a_header_that_lies_is_refused(
    tmp_path: Path, header: Any, data: bytes, length: int | None, message: str
) -> None:
    file = write(tmp_path / "bad.safetensors", header, data, length)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_checkpoint(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.bin", "w.pth"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(cut=st.floats(0, 0.999))
def test_a_truncated_file_is_refused_or_read_no_further(
    tmp_path: Path, name: str, cut: float
) -> None:
    file = tmp_path / name
    state = {"a.weight": torch.randn(16, 16), "b.weight": torch.randn(16)}
    if name == "w.safetensors":
        save_file(state, file)
    else:
        torch.save(state, file, _use_new_zipfile_serialization=name != "w.pth")
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * cut)])
    with pytest.raises(CheckpointError):
        open_checkpoint(file)


def test_a_file_cut_short_after_opening_is_an_error_and_no_crash(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file({"a": torch.randn(1024, 8)}, file)
    checkpoint = open_checkpoint(file)
    os.truncate(file, 512)
    with pytest.raises(CheckpointError, match="truncated"):
        checkpoint.read("a")


class Evil:
    """A pickle that touches a file when it is loaded with trust."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.trace}",))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_code_in_a_pickle_does_not_run(tmp_path: Path, zipped: bool) -> None:
    trace, file = tmp_path / "it-ran", tmp_path / "evil.pt"
    state = {"fc.weight": torch.ones(2, 2), "extra": Evil(trace)}
    torch.save(state, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"unsafe pickle.*(posix|nt|os)\.system"):
        open_checkpoint(file)
    assert not trace.exists()
    torch.load(file, weights_only=False)
    assert trace.exists(), "the pickle is harmless, so the test shows nothing"


def test_code_in_a_plain_pickle_does_not_run(tmp_path: Path) -> None:
    trace, file = tmp_path / "it-ran", tmp_path / "evil.bin"
    file.write_bytes(pickle.dumps(Evil(trace)))
    with pytest.raises(CheckpointError):
        open_checkpoint(file)
    assert not trace.exists()


def test_a_whole_module_is_unsafe_and_named(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=r"torch\.nn\.modules\.linear\.Linear"):
        open_checkpoint(tmp_path / "model.pt")


@pytest.mark.parametrize("suffix", [".pt", ".jit"])
def test_torchscript_is_refused_as_such(tmp_path: Path, suffix: str) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)).save(str(tmp_path / f"m{suffix}"))
    with pytest.raises(CheckpointError, match="TorchScript"):
        open_checkpoint(tmp_path / f"m{suffix}")


@pytest.mark.parametrize("content", [b"", b"hello", bytes(1000), b"PK\x03\x04" + bytes(50)])
@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_noise_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError):
        open_checkpoint(tmp_path / name)


def test_a_directory_without_weights_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="no weights"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("content", [3, [1, 2], {"epoch": 1}, {}, {"state_dict": {}}])
def test_a_torch_file_without_tensors_says_so(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="no weights"):
        open_checkpoint(tmp_path / "w.pt")


def test_what_is_not_there_or_no_weight_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        open_checkpoint(tmp_path / "absent")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(CheckpointError, match="not a weight file"):
        open_checkpoint(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    "index",
    ["[]", "{}", "{", '{"weight_map": 3}', '{"weight_map": {"a": 3}}', '{"weight_map": {}}'],
)
def test_a_broken_index_is_refused(tmp_path: Path, index: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError, match="index"):
        open_checkpoint(tmp_path)


def test_an_index_cannot_lead_out_of_its_directory(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "secret.safetensors")
    (tmp_path / "model").mkdir()
    index = {"weight_map": {"a": "../secret.safetensors"}}
    (tmp_path / "model" / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="missing"):
        open_checkpoint(tmp_path / "model")


def test_two_shards_with_one_tensor_are_refused(tmp_path: Path) -> None:
    for shard in ("x", "y"):
        save_file({"a": torch.ones(1)}, tmp_path / f"{shard}.safetensors")
    index = {"weight_map": {"a": "x.safetensors", "b": "y.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="two shards"):
        open_checkpoint(tmp_path)
