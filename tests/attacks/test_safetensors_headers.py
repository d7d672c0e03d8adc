"""A safetensors header is bounded before anything is made of it."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.limits import within
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.readers import safetensors_header
from zoo_analysis.weights.readers.limits import MAX_TENSORS


def entry(shape: Any, stop: int = 4) -> dict[str, Any]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [0, stop]}


def write(file: Path, header: Any, data: bytes = bytes(4)) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    return file


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"w": entry([1] * 10**6)}, "axes, more than 64"),
        ({"w": entry([2**40] * 64)}, "its offsets give 4"),
        (b'{"w":{"dtype":"F32","shape":[1' + b"0" * 400 + b'],"data_offsets":[0,4]}}', "no file"),
        (b'{"w":{"dtype":"F32","shape":[1' + b"0" * 5000 + b'],"data_offsets":[0,4]}}', "no JSON"),
        (b"[" * 90_000_000, "too many parts"),
        (b'{"a":' * 10_000_001, "too many parts"),
        (b'{"a":[' + b"1.5," * 9_000_000 + b"1]}", "lacks dtype"),
        ({"w": {**entry([1]), "dtype": "F" * 10**6}}, "unknown type"),
        ({"w": {**entry([1]), "shape": "x" * 10**6}}, "no sensible shape"),
    ],
    ids=range(9),
)
def test_a_header_that_is_out_of_bounds_is_refused(
    header: Any, message: str, tmp_path: Path
) -> None:
    file = write(tmp_path / "w.safetensors", header)
    with within(20), pytest.raises(CheckpointError, match=message) as caught:
        open_checkpoint(file)
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()


def test_an_axis_that_no_table_keeps_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "w.safetensors", {"w": entry([2**63, 0], 0)}, b"")
    with pytest.raises(CheckpointError, match="a shape that no file holds"):
        open_checkpoint(file)


def test_tensors_beyond_count_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = {str(number): entry([0], 0) for number in range(11)}
    file = write(tmp_path / "w.safetensors", header, b"")
    assert len(open_checkpoint(file).tensors) == 11
    assert MAX_TENSORS >= 300_000, "the largest models have as many"
    monkeypatch.setattr("zoo_analysis.weights.readers.limits.MAX_TENSORS", 10)
    with pytest.raises(CheckpointError, match="holds 11 tensors, more than 10"):
        safetensors_header.read_header(_source(file))


def _source(file: Path) -> Any:
    from zoo_analysis.weights.readers.byte_source import FileBytes

    return FileBytes(file)
