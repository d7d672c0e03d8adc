"""What cannot be streamed is kept on disk, below a limit, the least recently used going first."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.loopback import Hub
from tests.support.repositories import tensors, write
from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.weights import open_checkpoint


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
    access = replace(hub.access, cache_bytes=130_000)
    for moment, name in enumerate("abca"):
        open_checkpoint(paths[name], access).close()
        (snapshot,) = (tmp_path / "hf").glob(f"zoo-analysis/*/models--me--{name}/snapshots/*")
        os.utime(snapshot, (moment, moment))
    assert kept(tmp_path) == {"a", "b", "c"}
    assert hub.calls["cdn"] == 3
    open_checkpoint(paths["d"], access).close()
    assert kept(tmp_path) == {"a", "c", "d"}


def test_what_is_being_read_stays(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    first, second = pickled(hub, hub_root, "a"), pickled(hub, hub_root, "b")
    access = replace(hub.access, cache_bytes=60_000)
    with (
        open_checkpoint(first, access) as checkpoint,
        pytest.raises(CheckpointError, match="`cache_size`"),
    ):
        open_checkpoint(second, access)
    assert kept(tmp_path) == {"a"}
    open_checkpoint(second, access).close()
    assert kept(tmp_path) == {"b"}
    assert checkpoint.format == "torch"


def test_weights_larger_than_the_cache_are_not_downloaded(hub: Hub, hub_root: Path) -> None:
    path = pickled(hub, hub_root, "a")
    with pytest.raises(CheckpointError, match="raise `cache_size`"):
        open_checkpoint(path, replace(hub.access, cache_bytes=1000))
    assert hub.calls["cdn"] == 0


def test_a_download_survives_what_passes(hub: Hub, hub_root: Path) -> None:
    path = pickled(hub, hub_root, "a")
    hub.faults.orders = [("503", "pytorch_model.bin"), ("429", "/cdn/"), ("reset", "resolve")]
    with open_checkpoint(path, hub.access) as checkpoint:
        assert checkpoint.tensors


@pytest.mark.parametrize("kind", ["503", "reset", "short"])
def test_a_storage_that_stumbles_is_asked_again(hub: Hub, hub_root: Path, kind: str) -> None:
    path = pickled(hub, hub_root, "a")
    hub.faults.orders = [(kind, "/cdn/")]
    open_checkpoint(path, hub.access).close()
    assert hub.calls["cdn"] == 2


@contextmanager
def largest(folder: Path) -> Iterator[list[int]]:
    """Bytes of the cache's files at every look inside the `with`, those still coming in too."""
    seen, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            sizes = []
            for file in folder.glob("zoo-analysis/*/*/blobs/*"):
                try:
                    sizes.append(file.stat().st_size)
                except FileNotFoundError:  # moved or removed since it was listed
                    continue
            seen.append(sum(sizes))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def seconds(hub: Hub, paths: list[str], access: HubAccess, downloads: int) -> float:
    """Wall clock of opening models side by side, so many downloads at the same time."""
    gate = threading.BoundedSemaphore(downloads)
    through = replace(access, gate=lambda: gate)
    hub.forget()
    hub.faults.orders, hub.faults.delay = [("slow", "/cdn/")] * len(paths), 0.4
    start = time.monotonic()
    with ThreadPoolExecutor(len(paths)) as pool:
        list(pool.map(lambda path: open_checkpoint(path, through).close(), paths))
    return time.monotonic() - start


def test_downloads_overlap_and_the_limit_holds(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    paths = [pickled(hub, hub_root, name) for name in "abcdefgh"]
    size = (hub_root / "a" / "pytorch_model.bin").stat().st_size
    alone = replace(hub.access, home=str(tmp_path / "alone"), cache_bytes=9 * size)
    one_by_one = seconds(hub, paths, alone, downloads=1)
    assert one_by_one > 8 * 0.4
    access = replace(hub.access, cache_bytes=5 * size)
    with largest(tmp_path / "hf") as seen:
        assert seconds(hub, paths, access, downloads=4) < one_by_one / 2
    assert hub.most["cdn"] == 4
    assert hub.calls["cdn"] == 8
    assert 3 * size < max(seen) <= 5 * size


def test_what_two_want_is_downloaded_once(hub: Hub, hub_root: Path) -> None:
    path = pickled(hub, hub_root, "a")
    access = replace(hub.access, cache_bytes=60_000)  # no room for it twice
    seconds(hub, [path] * 4, access, downloads=4)
    assert hub.calls["cdn"] == 1


def test_nothing_goes_for_what_will_not_fit(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    paths = {name: pickled(hub, hub_root, name) for name in "ab"}
    large = hub_root / "large"
    large.mkdir()
    torch.save(tensors("large", ((150, 100),)), large / "pytorch_model.bin")
    repo = hub.add("me/large", large)
    access = replace(hub.access, cache_bytes=90_000)
    open_checkpoint(paths["a"], access).close()
    with (
        open_checkpoint(paths["b"], access),
        pytest.raises(CheckpointError, match="is being read; raise `cache_size`"),
    ):
        open_checkpoint(f"hf://me/large@{repo.main}/pytorch_model.bin", access)
    assert kept(tmp_path) == {"a", "b"}


DIES = """
import os, sys
from pathlib import Path
from zoo_analysis.hub.cache import in_use, reserved

snapshot = Path(sys.argv[1])
with in_use(snapshot), reserved(snapshot, 50_000, 100_000, "a"):
    os.kill(os.getpid(), 9)
"""


def test_the_claims_of_the_dead_count_for_nothing(hub: Hub, hub_root: Path, tmp_path: Path) -> None:
    first, second = pickled(hub, hub_root, "a"), pickled(hub, hub_root, "b")
    access = replace(hub.access, cache_bytes=60_000)
    open_checkpoint(first, access).close()
    (snapshot,) = access.cache_dir.glob("models--me--a/snapshots/*")
    died = subprocess.run([sys.executable, "-c", DIES, str(snapshot)], check=False)
    assert died.returncode == -9
    assert list((access.cache_root / ".locks" / "zoo" / "claims").iterdir())
    open_checkpoint(second, access).close()
    assert kept(tmp_path) == {"b"}


def test_what_a_killed_download_left_is_cleared_away(
    hub: Hub, hub_root: Path, tmp_path: Path
) -> None:
    first, second = pickled(hub, hub_root, "a"), pickled(hub, hub_root, "b")
    access = replace(hub.access, cache_bytes=100_000)
    open_checkpoint(first, access).close()
    left = next(access.cache_dir.glob("models--me--a/blobs")) / "0123.incomplete"
    left.write_bytes(bytes(50_000))
    open_checkpoint(second, access).close()
    assert not left.exists()
    assert kept(tmp_path) == {"a", "b"}
