"""Who does what of a scan: GPUs the large pieces, cores what no GPU does, and then help."""

from dataclasses import replace
from typing import Any

from zoo_analysis.cluster.placement import Node
from zoo_analysis.cluster.planning.replay.alike import Group, groups_of
from zoo_analysis.cluster.planning.replay.fleets import H100
from zoo_analysis.cluster.planning.replay.prices import Prices
from zoo_analysis.cluster.planning.replay.replayed_tasks import Audience, answer_of, price_of
from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel, dense
from zoo_analysis.cluster.processes.task import Room, Task
from zoo_analysis.cluster.scanning.scan_schedule import ScanSchedule
from zoo_analysis.cluster.scanning.scan_tasks import ScanSettings, scan_models
from zoo_analysis.measure.rates import TYPICAL, KnownRates
from zoo_analysis.sources import ModelRef
from zoo_analysis.spectra import Method

GB = 10**9
NODE = Node(4, 64 * GB, 1, 80 * GB)
ROOM = Room(places=8, gpu_places=2, cpus=8, gpus=2, idle=4, memory=64e9, node=NODE)
LARGE = dense("large", [(4096, 4096)] * 20, 2)
MIDDLING = dense("middling", [(512, 512)] * 400, 2)
SMALL = dense("small", [(64, 64)] * 4, 4, copies=9)
PRICES = Prices(TYPICAL, H100, Method())


class Scan:
    """A schedule, and the models that it is of."""

    def __init__(self, *zoo: ZooModel, device: Any = "cuda") -> None:
        found = [each for model in zoo for each in groups_of(model, PRICES, 0.0)]
        self.groups: dict[ModelRef, Group] = {each.ref: each for each in found}
        settings = ScanSettings(Method(), device, None, KnownRates({}))
        audience: Any = Audience()
        self.schedule = ScanSchedule(audience, settings, self.groups, {})

    def next(self, room: Room = ROOM) -> Task:
        task = self.schedule.next_task(room)
        assert task is not None
        return task

    def do(self, task: Task) -> None:
        task.done(answer_of(task, price_of(task, self.groups, PRICES), self.groups))

    def opened(self, *names: str) -> "Scan":
        """Once models are opened, the largest first."""
        for name in names:
            task = self.next(replace(ROOM, gpus=0))
            assert models_of(task) == [name]
            self.do(task)
        return self


def models_of(task: Task) -> list[str]:
    """Architectures of the models that a task opens."""
    assert task.function is scan_models
    return [model.ref.repo_id.partition("/")[0] for model in task.arguments[0]]


def side_of(task: Task) -> int:
    """The side of the matrices that a task measures."""
    side: int = task.arguments[1].specs[0].shape[0]
    return side


def test_a_gpu_gets_the_large_pieces_before_anything_else_is_opened() -> None:
    scan = Scan(LARGE, SMALL).opened("large")
    task = scan.next()
    assert (side_of(task), task.gpus, task.cpus) == (4096, 0.25, 1)


def test_cores_open_small_models_while_gpus_have_enough_to_do() -> None:
    scan = Scan(LARGE, SMALL).opened("large")
    task = scan.next(replace(ROOM, gpus=0))
    assert set(models_of(task)) == {"small"}
    assert task.gpus == 0


def test_pieces_of_small_matrices_go_to_cores_before_further_models_are_opened() -> None:
    scan = Scan(LARGE, MIDDLING, SMALL).opened("large")
    full = replace(ROOM, gpus=0)
    while "middling" not in models_of(task := scan.next(full)):
        scan.do(task)
    scan.do(task)
    task = scan.next(full)
    assert (side_of(task), task.gpus) == (512, 0)


def test_models_that_give_gpus_more_to_do_are_not_opened_while_much_waits_for_them() -> None:
    scan = Scan(replace(LARGE, copies=5)).opened("large")
    full = replace(ROOM, gpus=0)
    task = scan.next(full)
    assert models_of(task) == ["large"], "it might be for cores, for all that is known"
    scan.do(task)
    assert side_of(scan.next(full)) == 4096


def test_cores_help_gpus_where_nothing_else_is_left_and_while_they_are_done_sooner() -> None:
    scan = Scan(LARGE).opened("large")
    busy = replace(ROOM, gpus=0)
    assert side_of(task := scan.next(busy)) == 4096
    assert task.gpus == 0
    assert scan.schedule.next_task(replace(busy, idle=0)) is None, "no core idles"
    # Of 19 pieces a GPU has the rest in about 1/20 of a core's time for each.
    many = replace(busy, gpu_places=200)
    assert scan.schedule.next_task(many) is None, "a hundred GPUs have it done before a core"


def test_without_a_gpu_the_largest_models_are_opened_first_and_the_largest_pieces_go_first() -> (
    None
):
    scan = Scan(LARGE, MIDDLING, SMALL, device="cpu")
    bare = replace(ROOM, gpus=0, gpu_places=0, node=Node(4, 64 * GB))
    task = scan.next(bare)
    assert models_of(task) == ["large"]
    scan.do(task)
    assert side_of(scan.next(bare)) == 4096


def test_pieces_are_for_gpus_from_when_there_are_any_and_as_long() -> None:
    scan = Scan(LARGE)
    bare = replace(ROOM, gpus=0, gpu_places=0, node=Node(4, 64 * GB))
    scan.do(scan.next(bare))
    assert scan.next(bare).gpus == 0
    assert scan.next().gpus == 0.25
    assert scan.next(bare).gpus == 0


def test_a_model_of_which_a_layer_fits_nowhere_fails_and_nothing_of_it_waits() -> None:
    scan = Scan(dense("huge", [(60_000, 60_000), (4096, 4096)], 2), SMALL)
    failed: list[Any] = []
    scan.schedule.writer.fail = lambda failure, done=0.0: failed.append(failure)  # type: ignore[method-assign]
    scan.opened("huge")
    while task := scan.schedule.next_task(replace(ROOM, gpus=0)):
        scan.do(task)
    assert [(each.ref.repo_id, each.stage) for each in failed] == [("huge/0", "measure")]
    assert "the largest node has 64 GB" in failed[0].message
    assert not len(scan.schedule.waiting)
