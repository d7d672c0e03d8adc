"""A task that takes too long or too much ends as one failure, and its neighbours go on."""

import ctypes
import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from zoo_analysis.cluster.flow import run_tasks
from zoo_analysis.cluster.processes import task_limits as module
from zoo_analysis.cluster.processes.ray_workers import RayWorkers
from zoo_analysis.cluster.processes.task import Task
from zoo_analysis.cluster.processes.task_limits import LimitError, Limits, bounded

GB = 1 << 30


def endless() -> None:
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


def greedy() -> None:
    hoard = []
    while True:
        hoard.append(bytearray(64 << 20))
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("work", "limits", "said"),
    [
        (endless, Limits(0.3, GB), "more than 0 s: --model-seconds allows more"),
        (greedy, Limits(60, GB // 4), "more than 0.268 GB of memory: --model-memory allows more"),
    ],
)
def test_work_beyond_its_limits_is_interrupted(
    work: Callable[[], None], limits: Limits, said: str
) -> None:
    with pytest.raises(LimitError, match=said), bounded(limits):
        work()


def test_work_within_its_limits_is_left_alone() -> None:
    for _ in range(20):
        with bounded(Limits(5, GB)):
            pass
    with pytest.raises(ZeroDivisionError), bounded(Limits(5, GB)):
        raise ZeroDivisionError


def test_limits_follow_the_size_of_a_model_and_what_the_user_allows() -> None:
    small, large = Limits().of(1e6), Limits().of(5e11, 1e15, 50 * GB)
    assert small.seconds < large.seconds
    assert (small.nbytes, large.nbytes) == (4 * GB, 102 * GB)
    assert Limits(60, GB).of(1e6, 0, 50 * GB) == Limits(61, GB)


def deaf(marks: str, limits: Limits) -> str:
    """Code of C that never comes back to Python, as a library's endless loop would be."""
    module._GRACE = 0.5
    with open(marks, "a") as file:
        file.write("x")
    with bounded(limits):
        ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock, too
    return "done"


def quick(number: int, limits: Limits) -> int:
    with bounded(limits):
        return number


@pytest.mark.usefixtures("local_ray")
def test_a_worker_that_hears_nothing_is_ended_and_tried_once_more(tmp_path: Any) -> None:
    marks = tmp_path / "marks"
    got: list[Any] = []
    lost = lambda error, attempts: (type(error).__name__, attempts)  # noqa: E731
    tasks = [Task(deaf, (str(marks), Limits(0.5, GB)), got.append, lost)]
    tasks += [Task(quick, (i, Limits(60, GB)), got.append, lost) for i in range(6)]
    start = time.monotonic()
    run_tasks(lambda room: tasks.pop() if tasks else None, RayWorkers())
    assert time.monotonic() - start < 60
    assert set(got) == {*range(6), ("ProcessDied", 2)}
    assert marks.read_text() == "xx"
    assert os.getpid()  # this process lives
