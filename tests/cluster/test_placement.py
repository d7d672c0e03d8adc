"""What work asks of a cluster: memory that is there, a share of a GPU, threads that else idle."""

import pytest
import ray

from zoo_analysis.cluster.placement import (
    Demand,
    Node,
    declared,
    demand,
    device_for,
    gpu_demand,
)
from zoo_analysis.errors import ZooError

GB = 10**9
NODE = Node(cpus=16, memory=128 * GB)
GPUS = Node(cpus=96, memory=1000 * GB, gpus=8, gpu_memory=80 * GB)


def test_where_much_waits_a_task_has_one_core_and_the_memory_of_its_layer() -> None:
    asked = demand(GB, 100.0, NODE, backlog=1e6, cpus=160, idle=0)
    assert (asked.cpus, asked.gpus) == (1, 0)
    assert GB < asked.memory < 2 * GB


def test_what_takes_little_memory_asks_for_what_all_small_tasks_do() -> None:
    # Ray serves those that ask for the same in their order: here the largest first.
    asked = {demand(mib << 20, 3.0, NODE, 1e6, 160, 0).memory for mib in (0, 22, 262, 448, 512)}
    assert asked == {Demand().memory}


def test_a_comparison_declares_what_is_more_than_little_as_a_scan_does() -> None:
    assert declared(400 << 20) is None
    for peak in (0.6 * GB, 4.7 * GB, 80 * GB):
        assert declared(peak) == demand(int(peak), 1.0, NODE, 1e6, 160, 0).memory


def test_one_layer_alone_has_all_cores_of_a_node_and_no_more() -> None:
    assert demand(GB, 100.0, NODE, backlog=100.0, cpus=160, idle=160).cpus == 16


def test_no_more_cores_are_asked_for_than_some_node_has_whatever_the_others_hold() -> None:
    # Ten nodes, of which the one with the most idle cores has at least a tenth of them.
    assert demand(GB, 100.0, NODE, backlog=100.0, cpus=160, idle=50).cpus == 5
    assert demand(GB, 100.0, NODE, backlog=100.0, cpus=160, idle=5).cpus == 1
    assert demand(GB, 100.0, NODE, backlog=100.0, cpus=16, idle=5).cpus == 5


def test_a_layer_gets_as_many_cores_as_let_it_end_with_the_rest() -> None:
    # 100 s of one core, and 700 s besides, on 16 cores: 50 s for all, so two threads for the one.
    assert demand(GB, 100.0, NODE, backlog=800.0, cpus=16, idle=16).cpus == 2


def test_a_layer_that_takes_half_of_the_memory_has_half_of_the_cores() -> None:
    assert demand(64 * GB, 100.0, NODE, backlog=1e6, cpus=160, idle=0).cpus == 8


def test_little_work_has_one_core_even_alone() -> None:
    assert demand(GB, 0.1, NODE, backlog=0.1, cpus=160, idle=160).cpus == 1


def test_what_nearly_fills_a_node_asks_for_all_of_it() -> None:
    assert demand(128 * GB, 1.0, NODE, backlog=1.0, cpus=16, idle=16).memory == NODE.memory


def test_what_fits_nowhere_is_refused_with_both_sizes() -> None:
    with pytest.raises(ZooError, match=r"takes 200 GB .* has 128 GB"):
        demand(200 * GB, 1.0, NODE, 1.0, 16.0, 16.0)
    with pytest.raises(ZooError, match=r"takes 2 TB .* has 1 TB"):
        gpu_demand(2000 * GB, 1.0, 1, GPUS)


@pytest.mark.parametrize(("peak", "share"), [(GB, 0.25), (30 * GB, 0.5), (60 * GB, 1.0)])
def test_work_takes_the_share_of_a_gpu_that_its_memory_needs(peak: int, share: float) -> None:
    asked = gpu_demand(peak, 100.0, 1, GPUS)
    assert asked is not None
    assert (asked.gpus, asked.cpus, asked.device) == (share, 1, "cuda")


def test_what_the_machines_with_gpus_cannot_hold_stays_on_larger_ones() -> None:
    apart = Node(16, 512 * GB, 8, 80 * GB, beside_gpus=32 * GB)
    asked = gpu_demand(20 * GB, 100.0, 1, apart)
    assert asked is not None
    assert asked.memory <= 32 * GB
    assert gpu_demand(40 * GB, 100.0, 1, apart) is None


def test_a_gpu_of_unknown_memory_is_taken_whole() -> None:
    asked = gpu_demand(GB, 100.0, 1, Node(16, 100 * GB, 1))
    assert asked is not None
    assert asked.gpus == 1


def test_little_work_and_what_no_gpu_holds_stay_on_the_cpu() -> None:
    assert gpu_demand(GB, 0.1, 1, GPUS) is None
    assert gpu_demand(GB, 2.0, 40, GPUS) is None
    assert gpu_demand(100 * GB, 100.0, 1, GPUS) is None


def test_a_scan_has_the_gpus_that_a_cluster_gets_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """And before, and where there will be none, its pieces go to cores: see `ScanSchedule`."""
    there = {"CPU": 4.0}
    monkeypatch.setattr(ray, "cluster_resources", lambda: there)
    assert (device_for("auto"), device_for("auto", later=True)) == ("cpu", "cuda")
    assert device_for("cpu", later=True) == "cpu"
    with pytest.raises(ZooError, match="has no GPU"):
        device_for("cuda", later=True)
    there["GPU"] = 1.0
    assert (device_for("auto"), device_for("cpu")) == ("cuda", "cpu")
