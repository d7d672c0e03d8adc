"""What cannot be streamed is kept on disk, below a limit, the least recently used going first."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.loopback import Hub
from tests.support.repositories import tensors, write
from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import current_access, hub_access, open_checkpoint


def pickled(hub: Hub, hub_root: Path, name: str) -> str:
    home = write(hub_root / name)
    (home / "model.safetensors").unlink()
    torch.save(tensors(name, ((100, 100),)), home / "pytorch_model.bin")
    repo = hub.add(f"me/{name}", home)
    return f"hf://me/{name}@{repo.main}/pytorch_model.bin"


def kept(tmp_path: Path) -> set[str]:
    return {
        file.parts[-4].removeprefix("models--me--")
        for file in (tmp_path / "hf").rglob("snapshots/*/pytorch_model.bin")
    }


def test_the_least_recently_used_goes_first(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    paths = {name: pickled(hub, hub_root, name) for name in "abcd"}
    with hub_access(replace(current_access(), cache_bytes=130_000)):
        for moment, name in enumerate("abca"):
            open_checkpoint(paths[name]).close()
            (snapshot,) = (tmp_path / "hf").glob(f"zoo-analysis/models--me--{name}/snapshots/*")
            os.utime(snapshot, (moment, moment))
        assert kept(tmp_path) == {"a", "b", "c"}
        assert hub.calls["cdn"] == 3
        open_checkpoint(paths["d"]).close()
    assert kept(tmp_path) == {"a", "c", "d"}


def test_what_is_being_read_stays(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    first, second = pickled(hub, hub_root, "a"), pickled(hub, hub_root, "b")
    with hub_access(replace(current_access(), cache_bytes=60_000)):
        with (
            open_checkpoint(first) as checkpoint,
            pytest.raises(CheckpointError, match="--cache-size"),
        ):
            open_checkpoint(second)
        assert kept(tmp_path) == {"a"}
        open_checkpoint(second).close()
    assert kept(tmp_path) == {"b"}
    assert checkpoint.format == "torch"


def test_weights_larger_than_the_cache_are_not_downloaded(hub: Hub, hub_root: Path) -> None:
    path = pickled(hub, hub_root, "a")
    with (
        hub_access(replace(current_access(), cache_bytes=1000)),
        pytest.raises(CheckpointError, match="raise --cache-size"),
    ):
        open_checkpoint(path)
    assert hub.calls["cdn"] == 0


def test_a_download_survives_what_passes(hub: Hub, hub_root: Path) -> None:
    path = pickled(hub, hub_root, "a")
    hub.faults.orders = [("503", "pytorch_model.bin"), ("429", "/cdn/"), ("reset", "resolve")]
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.tensors
