"""Tensors come over HTTP as they lie on disk: in few requests, once, and in bounded memory."""

import itertools
import json
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.support.loopback import Hub
from tests.support.repositories import tensor_bytes, write
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import list_layers, open_checkpoint
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.readers import hub_bytes
from zoo_analysis.weights.readers.hub_bytes import windows


def path(hub: Hub, repo_id: str, file: str = "model.safetensors") -> str:
    return f"hf://{repo_id}@{hub.repos[repo_id].main}/{file}"


def read_all(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    specs = checkpoint.in_file_order(list_layers(checkpoint))
    checkpoint.expect(specs)
    return {name: checkpoint.read(name).clone() for spec in specs for name in spec.tensors}


def same(found: dict[str, torch.Tensor], home: Path) -> bool:
    with open_checkpoint(home) as disk:
        return bool(found) and all(torch.equal(t, disk.read(n)) for n, t in found.items())


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 60))),
    st.integers(0, 40),
    st.integers(1, 200),
)
def test_windows_cover_every_range_and_never_overlap(
    pairs: list[tuple[int, int]], gap: int, most: int
) -> None:
    # As tensors lie in a file: one after the other.
    ranges, end = [], 0
    for skip, size in pairs:
        ranges.append((end + skip, end + skip + size))
        end += skip + size
    found = windows(ranges[::-1], gap, most)
    assert all(any(w[0] <= a and b <= w[1] for w in found) for a, b in ranges)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(found))
    largest = max((b - a for a, b in ranges), default=0)
    assert all(b - a <= max(most, largest) for a, b in found)


def test_adjacent_tensors_come_in_one_request(hub: Hub, hub_root: Path) -> None:
    home = write(hub_root / "net", ((200, 300),) * 20)
    hub.add("me/net", home)
    with open_checkpoint(path(hub, "me/net"), hub.access) as checkpoint:
        assert same(read_all(checkpoint), home)
    assert hub.calls["cdn"] == 2, "the header, and everything else"
    assert hub.calls["resolve"] == 2, "the weights' link, and config.json"
    assert hub.sent["cdn"] <= tensor_bytes(home)


@pytest.mark.parametrize("shards", [1, 4])
def test_windows_are_fetched_one_ahead(
    hub: Hub, hub_root: Path, monkeypatch: pytest.MonkeyPatch, shards: int
) -> None:
    monkeypatch.setattr(hub_bytes, "windows", lambda ranges: windows(ranges, 0, 300_000))
    home = write(hub_root / "net", ((200, 300),) * 20, shards)
    hub.add("me/net", home)
    index = "model.safetensors.index.json" if shards > 1 else "model.safetensors"
    with open_checkpoint(path(hub, "me/net", index), hub.access) as checkpoint:
        assert same(read_all(checkpoint), home)
    assert hub.calls["cdn"] > 10
    assert hub.sent["cdn"] <= tensor_bytes(home)


@pytest.mark.parametrize("kind", ["429", "500", "reset", "short", "slow"])
def test_every_second_answer_may_fail(hub: Hub, hub_root: Path, kind: str) -> None:
    home = write(hub_root / "net", ((200, 300),) * 5)
    hub.add("me/net", home)
    hub.faults.rate, hub.faults.kinds = 0.5, (kind,)
    with open_checkpoint(path(hub, "me/net"), hub.access) as checkpoint:
        assert same(read_all(checkpoint), home)


def test_what_came_of_a_broken_answer_is_not_fetched_again(hub: Hub, hub_root: Path) -> None:
    home = write(hub_root / "net", ((600, 600),) * 4)
    hub.add("me/net", home)
    with open_checkpoint(path(hub, "me/net"), hub.access) as checkpoint:
        hub.faults.orders = [("short", "/cdn/")]
        assert same(read_all(checkpoint), home)
    assert hub.sent["cdn"] <= 1.02 * tensor_bytes(home)


def test_a_link_that_expires_is_asked_for_anew(hub: Hub, hub_root: Path) -> None:
    home = write(hub_root / "net", ((200, 300),) * 5)
    hub.add("me/net", home)
    with open_checkpoint(path(hub, "me/net"), hub.access) as checkpoint:
        hub.expire()
        assert same(read_all(checkpoint), home)


def test_a_server_that_stops_to_honour_ranges_costs_a_download(hub: Hub, hub_root: Path) -> None:
    home = write(hub_root / "net", ((200, 300),) * 5)
    hub.add("me/net", home)
    with open_checkpoint(path(hub, "me/net"), hub.access) as checkpoint:
        hub.faults.ignore_range = True
        assert same(read_all(checkpoint), home)


def test_trouble_that_does_not_pass_is_one_line(
    hub: Hub, hub_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("me/net", write(hub_root / "net"))
    hub.faults.rate, hub.faults.kinds = 1.0, ("503",)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(CheckpointError, match=r"did not answer properly \(HTTP 503\)"):
        open_checkpoint(path(hub, "me/net"), hub.access)
    assert hub.calls["resolve"] == 8


def test_a_malformed_file_is_told_as_on_disk(hub: Hub, hub_root: Path) -> None:
    home = write(hub_root / "net", ((200, 300),))
    whole = (home / "model.safetensors").read_bytes()
    broken = {
        "cut": whole[:-10],
        "empty": b"",
        "no-header": b"x" * 4,
        "long-header": struct.pack("<Q", 1 << 40) + b"{}",
    }
    for name, content in broken.items():
        folder = hub_root / name
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(content)
        hub.add(f"me/{name}", folder)
        with pytest.raises(CheckpointError) as on_disk:
            open_checkpoint(folder)
        with pytest.raises(CheckpointError) as on_hub:
            open_checkpoint(path(hub, f"me/{name}"), hub.access)
        told = [str(e.value).split(".safetensors: ")[1] for e in (on_disk, on_hub)]
        assert told[0] == told[1]


def test_an_index_leads_nowhere_else(hub: Hub, hub_root: Path) -> None:
    home = write(hub_root / "net", ((20, 30),) * 4, shards=2)
    index = home / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../other/model.safetensors"}}))
    hub.add("me/net", home)
    with pytest.raises(CheckpointError, match="names no shards"):
        open_checkpoint(path(hub, "me/net", index.name), hub.access)


def test_a_header_is_read_once_a_process(hub: Hub, hub_root: Path) -> None:
    hub.add("me/net", write(hub_root / "net"))
    for _ in range(3):
        open_checkpoint(path(hub, "me/net"), hub.access).close()
    assert hub.calls["cdn"] == 1
