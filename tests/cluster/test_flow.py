"""Tasks of a run are kept in flight up to a bound, and every one of them is heard of."""

import os
import signal
import time

import pytest
import ray

from zoo_analysis.cluster.flow import run_tasks, side_by_side
from zoo_analysis.cluster.processes.ray_workers import RayWorkers
from zoo_analysis.cluster.processes.task import Room, Task

pytestmark = pytest.mark.usefixtures("local_ray")


@ray.remote(num_cpus=1)
def double(number: int) -> int:
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


@ray.remote(num_cpus=1, num_returns=2)
def small_and_large(number: int) -> tuple[int, str]:
    return number, "large" * number


def test_no_more_tasks_are_asked_for_than_there_are_places() -> None:
    numbers, done, asked = list(range(12)), [], []

    def next_task(room: Room) -> Task | None:
        asked.append((len(done), room.places))
        if not numbers:
            return None
        return Task(double, (numbers.pop(),), done.append, lambda error, attempts: None)

    run_tasks(next_task, RayWorkers())
    assert sorted(done) == list(range(0, 24, 2))
    assert {places for _, places in asked} == {4}
    assert all(sent - finished < 4 for sent, (finished, _) in enumerate(asked[:12]))


def test_a_task_may_bring_others_into_being() -> None:
    waiting, done = [1], []

    def follow(result: int) -> None:
        done.append(result)
        if result < 32:
            waiting.append(result)

    def next_task(room: Room) -> Task | None:
        if not waiting:
            return None
        return Task(double, (waiting.pop(),), follow, lambda error, attempts: None)

    run_tasks(next_task, RayWorkers())
    assert done == [2, 4, 8, 16, 32]


def test_a_task_whose_worker_always_dies_is_lost_and_the_others_are_done() -> None:
    numbers, done = [1, -1, 2], []

    def next_task(room: Room) -> Task | None:
        lost = lambda error, attempts: (type(error).__name__, attempts)  # noqa: E731
        return Task(double, (numbers.pop(),), done.append, lost) if numbers else None

    run_tasks(next_task, RayWorkers())
    assert sorted(done, key=str) == [("WorkerCrashedError", 3), 2, 4]


def test_of_several_results_the_first_is_fetched_and_the_others_stay_where_they_are() -> None:
    tasks, done = [3], []

    def next_task(room: Room) -> Task | None:
        def take(first: int, second: object) -> None:
            done.extend([first, second])

        return Task(small_and_large, (tasks.pop(),), take, print) if tasks else None

    run_tasks(next_task, RayWorkers())
    first, second = done
    assert first == 3
    assert isinstance(second, ray.ObjectRef)
    assert ray.get(second) == "large" * 3


def wait(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def refuse(number: int) -> int:
    if number == 1:
        raise ValueError("not this one")
    return number


def test_calls_side_by_side_answer_in_their_own_order() -> None:
    told: list[tuple[int, int]] = []
    answers = side_by_side(wait, [(0.4,), (0.0,), (0.1,)], lambda *done: told.append(done))
    assert answers == [0.4, 0.0, 0.1]
    assert [done for done, _ in told] == [1, 2, 3]
    assert sorted(number for _, number in told) == [0, 1, 2]


def test_an_error_of_a_call_is_raised_unless_something_may_stand_for_it() -> None:
    with pytest.raises(ValueError, match="not this one"):
        side_by_side(refuse, [(0,), (1,)])
    answers = side_by_side(
        refuse, [(0,), (1,), (2,)], on_error=lambda number, error: f"{number} failed"
    )
    assert answers == [0, "1 failed", 2]
