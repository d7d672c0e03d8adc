"""A replayed scan obeys the laws of any schedule, and those of a real one."""

from dataclasses import replace

import pytest

from zoo_analysis.cluster.placement import Node
from zoo_analysis.cluster.planning.replay.fleets import Fleet, cpu_fleet, gpu_fleet
from zoo_analysis.cluster.planning.replay.simulation import replay
from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel, dense
from zoo_analysis.spectra import Method

HOW = Method()
MIDDLING = dense("middling", [(2048, 2048)] * 40, 2, copies=40)
SMALL = dense("small", [(256, 256)] * 8, 4, copies=1000)
LARGE = dense("large", [(128_256, 16_384)], 2)


def fleet(cores: int, **changes: float) -> Fleet:
    return replace(cpu_fleet(cores), hub=1e12, network=1e12, **changes)


def test_one_core_takes_as_long_as_all_the_work() -> None:
    done = replay([MIDDLING, SMALL], fleet(1), HOW)
    assert done.makespan == pytest.approx(done.bounds["work"], rel=0.01)
    assert done.binding == "work"
    assert done.models == 1040


@pytest.mark.parametrize("cores", [2, 16, 64])
def test_more_cores_take_so_much_less_while_there_is_work_for_all(cores: int) -> None:
    one, many = (replay([MIDDLING, SMALL], fleet(n), HOW) for n in (1, cores))
    assert one.makespan / many.makespan == pytest.approx(cores, rel=0.1)
    assert many.cpu_busy > 0.9


def test_nothing_is_faster_than_its_bounds() -> None:
    for machines in (fleet(4), cpu_fleet(128), gpu_fleet(8)):
        done = replay([MIDDLING, SMALL, LARGE], machines, HOW)
        assert done.makespan > 0.98 * max(done.bounds.values())


def test_one_large_layer_is_worked_on_by_all_cores_of_a_node() -> None:
    one, sixteen = (replay([LARGE], fleet(n), HOW) for n in (1, 16))
    serial = cpu_fleet(1).cpu.serial
    assert sixteen.makespan / one.makespan == pytest.approx(serial + (1 - serial) / 16, rel=0.1)


def test_a_slow_hub_is_what_binds_and_it_is_never_outrun() -> None:
    slow = replace(fleet(64), hub=1e6)
    done = replay([MIDDLING], slow, HOW)
    assert done.binding == "hub"
    assert done.makespan >= MIDDLING.copies * MIDDLING.nbytes / 1e6
    assert done.cpu_busy < 0.5


def test_a_slow_driver_is_what_binds_many_small_models() -> None:
    done = replay([SMALL], replace(fleet(1008), driver=0.1), HOW)
    assert done.binding == "driver"
    assert done.makespan >= 0.1 * SMALL.copies


def test_cores_help_where_gpus_have_enough_to_do() -> None:
    machines = replace(gpu_fleet(1), hub=1e12, network=1e12)
    done = replay([replace(MIDDLING, copies=400)], machines, HOW)
    assert done.gpu_busy is not None
    assert done.gpu_busy > 0.8
    assert done.cpu_busy > 0.5


def test_a_layer_that_no_node_holds_ends_a_replay_with_its_name() -> None:
    little = replace(fleet(4), node=Node(4, 1 << 30))
    with pytest.raises(RuntimeError, match=r"large.*GB"):
        replay([LARGE], little, HOW)


def test_convolutions_are_priced_as_their_slices() -> None:
    kernels = {(1, 512, 512, (3, 3)): 20}
    net = ZooModel("net", 4 * 20 * 9 * 512 * 512, kernels, 10)
    flat = dense("flat", [(512, 512)] * 180, 4, copies=10)
    sliced, matrices = (replay([model], fleet(1), HOW).makespan for model in (net, flat))
    assert sliced == pytest.approx(matrices, rel=0.25)


def test_tasks_that_share_a_gpu_leave_it_to_the_others_while_they_prepare() -> None:
    machines = replace(gpu_fleet(1), hub=1e12, network=1e12)
    busy = replay([dense("large", [(4096, 4096)] * 100, 2, copies=20)], machines, HOW).gpu_busy
    assert busy is not None
    assert busy > 0.9


def test_cores_bind_where_gpus_have_nothing_to_do() -> None:
    machines = replace(gpu_fleet(1), hub=1e12, network=1e12)
    done = replay([SMALL, replace(MIDDLING, copies=1)], machines, HOW)
    assert done.binding == "cores"
    assert done.gpu_busy is not None
    assert done.gpu_busy < 0.9
