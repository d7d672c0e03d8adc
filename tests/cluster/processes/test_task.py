"""A model is tried so often, however many tasks it has and however its batch was cut."""

from collections import deque
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from zoo_analysis.cluster.flow import run_tasks
from zoo_analysis.cluster.placement import Node
from zoo_analysis.cluster.processes.task import Attempts, Lost, Room, Task


class Faulty:
    """Workers that lose what they are given so and so often, and grow."""

    def __init__(self, lost: Lost, often: int) -> None:
        self.lost, self.often, self.tried, self.size = lost, often, 0, 1
        self.most: list[int] = []

    def cpus(self) -> float:
        return self.size

    def gpus(self) -> float:
        return 0.0

    def memory(self) -> float:
        return 1e9

    def node(self) -> Node:
        return Node(cpus=1, memory=10**9)

    def submit(self, task: Task) -> Task:
        return task

    def wait(self, submitted: Collection[Any], seconds: float) -> list[Any]:
        self.most.append(len(submitted))
        return list(submitted)[:1]

    def result(self, submitted: Task) -> tuple[Any, ...]:
        self.tried += 1
        if self.tried <= self.often:
            raise self.lost
        return ("done",)


def outcomes(workers: Faulty, tasks: list[Task]) -> None:
    waiting = deque(tasks)
    run_tasks(lambda room: waiting.popleft() if waiting else None, workers)


@pytest.mark.parametrize(
    ("lost", "tried"),
    [(Lost(OSError()), 3), (Lost(OSError(), beyond=True), 2), (Lost(OSError(), final=True), 1)],
)
def test_all_tasks_of_a_model_share_its_attempts(lost: Lost, tried: int) -> None:
    got: list[Any] = []
    attempts, workers = Attempts(), Faulty(lost, 99)
    pieces = [
        Task(None, (), got.append, lambda error, often: often, attempts=attempts) for _ in range(3)
    ]
    outcomes(workers, pieces)
    assert got[0] == tried
    assert workers.tried <= tried + 2, "three in all, and not three a piece"


def test_a_lost_machine_is_not_the_fault_of_a_model() -> None:
    got: list[Any] = []
    outcomes(
        Faulty(Lost(OSError(), attempts=0), 20), [Task(None, (), got.append, lambda *why: why)]
    )
    assert got == ["done"]


def test_more_tasks_are_sent_when_there_are_more_machines() -> None:
    workers, left = Faulty(Lost(OSError()), 0), list(range(40))

    def next_task(room: Room) -> Task | None:
        assert room.places == 2 * workers.size
        return Task(left.pop(), (), grow, lambda *why: why) if left else None

    def grow(result: str) -> None:
        workers.size = 1 if len(left) > 20 else 5

    run_tasks(next_task, workers)
    assert workers.most[0] == 2
    assert max(workers.most) == 10


def killed() -> Lost:
    return Lost(RuntimeError("killed"), memory=True)


def task(memory: int | None) -> Task:
    return Task(print, (), print, lambda error, attempts: None, memory=memory)


def test_each_time_it_may_have_twice_as_much_and_the_third_time_is_the_last() -> None:
    (second,) = task(1000).instead(killed())
    (third,) = second.instead(killed())
    assert (second.memory, third.memory) == (2000, 4000)
    assert list(third.instead(killed())) == []
    assert third.attempts.lost == 3


def test_one_that_declared_none_is_tried_as_it_is() -> None:
    first = task(None)
    assert list(first.instead(killed())) == [first]


def test_a_death_for_another_reason_doubles_nothing() -> None:
    (again,) = task(1000).instead(Lost(RuntimeError("segmentation fault")))
    assert again.memory == 1000


class WithGpu(Faulty):
    """Four cores and a GPU."""

    def cpus(self) -> float:
        return 4.0

    def gpus(self) -> float:
        return 1.0


def test_tasks_that_wait_for_a_gpu_leave_their_cores_to_others() -> None:
    rooms: list[Room] = []

    def next_task(room: Room) -> Task | None:
        rooms.append(room)
        return None if len(rooms) > 4 else replace(task(None), gpus=0.5)

    run_tasks(next_task, WithGpu(Lost(OSError()), 0))
    # Two have the GPU, and two wait for it.
    assert [room.gpus for room in rooms[:5]] == [2.0, 1.5, 1.0, 0.5, 0.0]
    assert [room.idle for room in rooms[:5]] == [4.0, 3.0, 2.0, 2.0, 2.0]
    assert {room.gpu_places for room in rooms} == {2.0}
