"""Shards by the hundred thousand are refused by their count, before any is looked for or opened."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from flax.serialization import msgpack_serialize
from safetensors.torch import save_file

from tests.attacks.limits import within
from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.path import MOST_SHARDS
from zoo_analysis.sources.local import local_models
from zoo_analysis.sources.ref import ModelRef
from zoo_analysis.sources.resolve import _told_apart
from zoo_analysis.weights import open_checkpoint
from zoo_analysis.weights.readers.limits import MAX_TENSORS


def test_the_largest_models_have_fewer_shards_than_the_limit() -> None:
    assert MOST_SHARDS > 2 * 191  # Llama 3.1 405B


def test_an_index_of_a_million_shards_is_a_problem(tmp_path: Path) -> None:
    index = {"weight_map": {f"t{i}": f"m{i}.safetensors" for i in range(1_000_000)}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "m0.safetensors").write_bytes(b"x")
    with within(20):
        assert "a model of 1,000,000 files" in local_models(tmp_path).problems[0].message


def test_models_of_a_hundred_thousand_shards_each_cost_no_more_than_their_files(
    tmp_path: Path,
) -> None:
    """Whoever listed the shards of each would make 200 million names."""
    save_file({"weight": torch.randn(8, 4)}, tmp_path / "net.safetensors")
    for i in range(2000):
        (tmp_path / f"m{i}-00001-of-99999.safetensors").write_bytes(b"x")
    with within(20, more=100 << 20):
        found = local_models(tmp_path)
    assert [Path(ref.path).name for ref in found.refs] == ["net.safetensors"]
    assert len(found.problems) == 2000
    assert all("a model of 99,999 files" in each.message for each in found.problems)


@pytest.mark.parametrize("name", ["net-00001-of-99999.bin", "net-{00001..99999}.bin"])
def test_a_name_of_too_many_files_is_refused(tmp_path: Path, name: str) -> None:
    if "{" not in name:
        (tmp_path / name).write_bytes(b"x")
    for path in (str(tmp_path / name), f"hf://lab/net@{'0' * 40}/{name}"):
        with within(5), pytest.raises(CheckpointError, match="more than the 1,000"):
            open_checkpoint(path)


def header(prefix: str, count: int) -> bytes:
    made = {
        f"{prefix}{i}": {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]}
        for i in range(count)
    }
    raw = json.dumps(made).encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(count)


WRITERS: dict[str, Callable[[Path, int], object]] = {
    "safetensors": lambda file, i: file.write_bytes(header(f"s{i}.", 10)),
    "bin": lambda file, i: torch.save({f"s{i}.{k}": torch.zeros(1) for k in range(10)}, file),
    "msgpack": lambda file, i: file.write_bytes(
        msgpack_serialize({f"s{i}.{k}": torch.zeros(1).numpy() for k in range(10)})
    ),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_tensors_of_all_shards_are_counted_together_before_the_last_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    count = 40
    for i in range(count):
        WRITERS[suffix](tmp_path / f"model-{i + 1:05}-of-{count:05}.{suffix}", i)
    last = tmp_path / f"model-{count:05}-of-{count:05}.{suffix}"
    last.write_bytes(b"malformed")  # whoever reads it says so
    monkeypatch.setattr("zoo_analysis.weights.readers.limits.MAX_TENSORS", 100)
    with pytest.raises(CheckpointError, match=r"holds \d+ tensors, more than 100"):
        open_checkpoint(tmp_path)


@pytest.mark.exhaustive
def test_five_hundred_headers_of_a_megabyte_take_the_memory_of_the_most_tensors(
    tmp_path: Path,
) -> None:
    """Together they tell of eleven times as many tensors as a model may have."""
    each = 11 * MAX_TENSORS // 500
    for i in range(500):
        name = f"model-{i + 1:05}-of-00500.safetensors"
        (tmp_path / name).write_bytes(header(f"s{i}.", each))
    with within(120), pytest.raises(CheckpointError, match="tensors, more than 500000"):
        open_checkpoint(tmp_path)


def test_thousands_of_models_of_one_name_are_told_apart_in_the_time_of_their_number(
    tmp_path: Path,
) -> None:
    """Whoever compared each with each would compare nine million paths."""
    refs = [
        ModelRef("lab/net", None, str(tmp_path / f"r{i}" / "lab" / "net"), "local", 0)
        for i in range(3000)
    ]
    with within(10):
        names = [ref.repo_id for ref in _told_apart(refs)]
    assert names == [f"r{i}/lab/net" for i in range(3000)]
