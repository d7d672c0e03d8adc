"""A replayed scan obeys the laws of any schedule, and those of a real one."""

from collections import deque
from dataclasses import replace

import pytest

from zoo_analysis.cluster.placement import Node
from zoo_analysis.cluster.planning.replay import simulation
from zoo_analysis.cluster.planning.replay.fleets import Fleet, cpu_fleet, gpu_fleet
from zoo_analysis.cluster.planning.replay.replayed_nodes import ReplayedNodes, RunningTask
from zoo_analysis.cluster.planning.replay.replayed_tasks import price_of
from zoo_analysis.cluster.planning.replay.simulation import GRAIN, replay
from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel, dense
from zoo_analysis.cluster.processes.task import Task
from zoo_analysis.spectra import Method

HOW = Method()
MIDDLING = dense("middling", [(2048, 2048)] * 40, 2, copies=40)
SMALL = dense("small", [(256, 256)] * 8, 4, copies=1000)
LARGE = dense("large", [(128_256, 16_384)], 2)


def fleet(cores: int, **changes: float) -> Fleet:
    return replace(cpu_fleet(cores), hub=1e12, network=1e12, **changes)


def test_one_core_takes_as_long_as_all_the_work() -> None:
    done = replay([MIDDLING, SMALL], fleet(1), HOW)
    assert done.makespan == pytest.approx(done.bounds["cores"], rel=0.01)
    assert done.binding == "cores"
    assert done.utilisation > 0.99
    assert done.models == 1040


@pytest.mark.parametrize("cores", [2, 16, 64])
def test_more_cores_take_so_much_less_while_there_is_work_for_all(cores: int) -> None:
    one, many = (replay([MIDDLING, SMALL], fleet(n), HOW) for n in (1, cores))
    assert one.makespan / many.makespan == pytest.approx(cores, rel=0.1)
    assert many.cpu_busy > 0.9


def test_nothing_is_faster_than_its_bounds() -> None:
    for machines in (fleet(4), cpu_fleet(128), gpu_fleet(8)):
        done = replay([MIDDLING, SMALL, LARGE], machines, HOW)
        assert done.efficiency < 1.0


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
    assert done.utilisation > 0.95


def test_slow_networks_of_the_nodes_bind_where_the_hub_would_give_more() -> None:
    done = replay([MIDDLING], replace(fleet(64), network=1e6), HOW)
    assert done.binding == "network"
    assert done.makespan >= MIDDLING.copies * MIDDLING.nbytes / 4e6


def test_a_slow_driver_is_what_binds_many_small_models() -> None:
    done = replay([SMALL], replace(fleet(1008), driver=0.1), HOW)
    assert done.binding == "driver"
    assert done.makespan >= 0.1 * SMALL.copies


def test_cores_help_where_gpus_have_enough_to_do() -> None:
    machines = replace(gpu_fleet(1), hub=1e12, network=1e12)
    done = replay([replace(MIDDLING, copies=400)], machines, HOW)
    assert done.binding == "cores and GPUs"
    assert done.utilisation > 0.9
    assert done.gpu_busy is not None
    assert done.utilisation == min(done.cpu_busy, done.gpu_busy)


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
    done = replay([replace(SMALL, copies=20_000), replace(MIDDLING, copies=1)], machines, HOW)
    assert done.binding == "cores"
    assert done.utilisation == done.cpu_busy
    assert done.utilisation > 0.9
    assert done.gpu_busy is not None
    assert done.gpu_busy < 0.9


def test_small_models_are_scanned_on_cores_while_gpus_do_the_large_ones() -> None:
    # As many seconds of work that only cores do as GPUs take for the rest: both end together.
    machines = replace(gpu_fleet(1), hub=1e12, network=1e12)
    zoo = [dense("large", [(4096, 4096)] * 100, 2, copies=20), replace(SMALL, copies=20_000)]
    done = replay(zoo, machines, HOW)
    assert done.utilisation > 0.9
    assert done.efficiency > 0.8


class Plain(ReplayedNodes):
    """Nodes of which each is looked at whenever something changed."""

    def submit(self, task: Task) -> int:
        memory, number = min(task.memory or 0, self.fleet.node.memory), next(self._numbers)
        self._tasks[number] = RunningTask(task, memory, price_of(task, self.groups, self.prices))
        self._pending[0 if task.gpus else 1 if task.cpus > 1 else 2].append(number)
        self._leave(0)
        return number

    def _leave(self, node: int) -> None:
        for pending in self._pending:
            while pending:
                running = self._tasks[pending[0]]
                fitting = [i for i, free in enumerate(self._nodes) if free.fits(running)]
                if not fitting:
                    break
                self._start(deque([pending.popleft()]), fitting)


@pytest.mark.parametrize("machines", [fleet(3), cpu_fleet(80), gpu_fleet(1), gpu_fleet(16)])
def test_looking_only_where_something_changed_makes_the_same_schedule(
    machines: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = dense("wide", [(16_384, 16_384), (300, 300)] * 12, 2, copies=3)
    zoo = [MIDDLING, replace(SMALL, copies=100), wide]
    fast = replay(zoo, machines, HOW)
    monkeypatch.setattr(simulation, "ReplayedNodes", Plain)
    assert replay(zoo, machines, HOW) == fast


@pytest.mark.parametrize("machines", [fleet(4), gpu_fleet(1)])
def test_alike_pieces_in_one_task_take_as_long_as_each_by_itself(machines: Fleet) -> None:
    zoo = [replace(MIDDLING, copies=30), SMALL, dense("long", [(20_000, 3000)] * 9, 2, copies=9)]
    together, alone = (replay(zoo, machines, HOW, grain=grain) for grain in (GRAIN, 0.0))
    assert together.makespan == pytest.approx(alone.makespan, rel=2 * GRAIN)
    assert together.cpu_busy == pytest.approx(alone.cpu_busy, abs=4 * GRAIN)
