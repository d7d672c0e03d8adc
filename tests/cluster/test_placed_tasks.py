"""Tasks on a cluster with fake GPUs and declared memory: who gets what, and how many there are."""

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from ray.cluster_utils import Cluster
from safetensors.torch import save_file

from tests.support.faults import ROOT
from tests.support.placed import NOTES, notes, until
from tests.support.scanned_models import MakeModel
from zoo_analysis import open_store
from zoo_analysis.store.integrity import check

#: A GPU that a layer of side 2,600 takes half of, with the context of CUDA.
GPU_MEMORY, NODE_MEMORY = 2_600_000_000, 3_000_000_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the notes; nodes that are started later leave them there."""
    folder = tmp_path / "notes"
    folder.mkdir()
    monkeypatch.setenv(NOTES, str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


@pytest.fixture
def cluster(folder: Path) -> Iterator[Cluster]:
    """A head with memory and no processors, and a node of two, a GPU and three gigabytes."""
    head = {"num_cpus": 0, "memory": 64 * 10**9, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        cluster.add_node(num_cpus=2, num_gpus=1, memory=NODE_MEMORY)
        yield cluster
    finally:
        cluster.shutdown()


def driver(code: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", f"from tests.support import placed; placed.{code}"]
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT)


def hollow(file: Path, side: int) -> None:
    """A checkpoint of one square matrix of zeros, which takes no room on the disk."""
    header = b'{"a.weight":{"dtype":"F16","shape":[%d,%d],"data_offsets":[0,%d]}}'
    raw = header % (side, side, 2 * side**2)
    with file.open("wb") as stream:
        stream.write(struct.pack("<Q", len(raw)) + raw)
        stream.truncate(8 + len(raw) + 2 * side**2)


@pytest.mark.exhaustive
def test_large_layers_share_gpus_by_their_memory_and_all_else_runs_beside_them_on_cores(
    cluster: Cluster, folder: Path, make_model: MakeModel, tmp_path: Path
) -> None:
    for i in range(7):
        make_model(f"m{i:02}", ((300, 9000),))
    tree, store = make_model("small", ((300, 9000),)).parent, str(tmp_path / "store")
    large, huge = tree / "large", tree / "huge"
    large.mkdir()
    layers = {f"layers.{i}.weight": torch.randn(2600, 2600).half() for i in range(5)}
    save_file(layers, large / "model.safetensors")
    huge.mkdir()
    hollow(huge / "model.safetensors", 11_300)
    arguments = [str(tree), "--store", store, "--address", cluster.address]
    with driver(f"placed_scan({GPU_MEMORY}, *{arguments})") as run:
        _, err = run.communicate(timeout=400)
    assert run.returncode == 3, err
    asked = notes(folder, "asked placed_piece")
    on_gpu = [each for each in asked if each.gpus]
    assert {each.gpus for each in on_gpu} == {0.5}, "half of its memory, so half of it"
    assert all(each.cpus == 1 for each in on_gpu)
    assert all(3 * 8 * 2600**2 < each.memory < 10**9 for each in asked)
    assert all(each.gpus == 0 for each in notes(folder, "asked placed_models"))
    pieces, models = notes(folder, "piece"), notes(folder, "models")
    assert len(pieces) == 5
    by_gpus = [each for each in pieces if each.device == "cuda"]
    assert len(by_gpus) == len(on_gpu) > 1
    assert {each.visible for each in by_gpus} == {"0"}
    assert {each.device for each in models} == {"cpu"}
    first, *_, last = on_gpu
    opened = notes(folder, "asked placed_models")
    assert any(first.start < each.start < last.start for each in opened), "cores beside the GPU"
    found = open_store(store)
    ((name, stage, message),) = found.sql("SELECT repo_id, stage, message FROM failures").fetchall()
    assert (name, stage) == ("zoo/huge", "measure")
    assert "and the largest node has 3 GB: add a larger one" in str(message)
    checked = check(found)
    assert (checked.models, checked.layers, checked.problems) == (9, 8 + 5, ())


def test_tasks_in_flight_follow_a_cluster_that_grows(cluster: Cluster, folder: Path) -> None:
    with driver(f"waiting_tasks({cluster.address!r}, 40)") as run:
        until(lambda: len(notes(folder, "sent")) >= 4)
        cluster.add_node(num_cpus=2, num_gpus=3)
        until(lambda: len(notes(folder, "sent")) >= 8)
        (folder / "go").touch()
        _, err = run.communicate(timeout=200)
    assert run.returncode == 0, err
    sent = sorted(os.listdir(folder))
    assert len([name for name in sent if name.startswith("sent")]) == 40
    rooms = notes(folder, "sent")
    assert {each.gpus for each in rooms} == {2.0, 8.0}, "two tasks for each GPU that there is"
    assert max(each.cpus for each in rooms if each.gpus == 2.0) == 4.0
    assert sum(each.gpus == 2.0 for each in rooms) == 4, "and no more than two for each core"
