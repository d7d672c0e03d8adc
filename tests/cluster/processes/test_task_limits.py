"""A task that takes too long or too much ends as one failure, and its neighbours go on."""

import ctypes
import hashlib
import math
import os
import pickle
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from tests.attacks.limits import within
from tests.support.command import zoo
from zoo_analysis.cluster.flow import run_tasks
from zoo_analysis.cluster.processes import task_limits as module
from zoo_analysis.cluster.processes.child import Child
from zoo_analysis.cluster.processes.ray_workers import RayWorkers
from zoo_analysis.cluster.processes.task import Task
from zoo_analysis.cluster.processes.task_limits import LimitError, Limits, bounded
from zoo_analysis.errors import ZooError

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
        (greedy, Limits(60, GB // 4), "more than 268 MB of memory: --model-memory allows more"),
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


def short_works(seconds: float) -> str:
    """Many pieces of work one after the other, none of them beyond its own limit; then none."""
    module._GRACE = 0.2
    until = time.monotonic() + 2 * seconds
    while time.monotonic() < until:
        with bounded(Limits(seconds, GB)):
            time.sleep(seconds / 20)
    with bounded(Limits(60, GB)):
        time.sleep(2 * seconds)
    with bounded(Limits(seconds, GB)):
        pass
    time.sleep(seconds + 1)
    return "alive"


def test_a_limit_is_that_of_each_piece_of_work_and_of_nothing_after_it() -> None:
    with Child(nullcontext) as child:
        assert pickle.loads(child.call(pickle.dumps((short_works, (0.5,))))) == "alive"


def test_of_two_pieces_of_work_at_once_the_one_beyond_its_limit_is_interrupted() -> None:
    def rest() -> str:
        with bounded(Limits(60, GB)):
            time.sleep(0.8)
        return "rested"

    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(rest)
        with pytest.raises(LimitError, match="--model-seconds"), bounded(Limits(0.3, GB)):
            endless()
        assert beside.result() == "rested"


def test_memory_that_is_taken_at_once_counts() -> None:
    def at_once() -> None:
        hoard = b"x" * (GB // 4)
        while hoard:
            time.sleep(0.01)

    with pytest.raises(LimitError, match="--model-memory"), bounded(Limits(60, GB // 8)):
        at_once()


def test_no_task_gets_more_than_its_share_of_the_nodes_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SHARE", (GB // 4) / psutil.virtual_memory().total)
    said = "more than 268 MB of memory: 1% of the node's"
    with pytest.raises(LimitError, match=said), bounded(Limits(60, 10**15)):
        greedy()


@pytest.mark.parametrize("seconds", [0, 0.5, -1, math.nan])
def test_a_time_in_which_nothing_can_be_done_is_refused(seconds: float) -> None:
    with pytest.raises(ZooError, match=r"`model_seconds` .*: no model is done in less than 1 s"):
        Limits.allowed(seconds)


@pytest.mark.parametrize("nbytes", [0, 1, -(10**9), 99_999_999])
def test_a_memory_in_which_nothing_can_be_done_is_refused(nbytes: int) -> None:
    with pytest.raises(ZooError, match=r"`model_memory` .*: no task is done with less than 100MB"):
        Limits.allowed(60, nbytes)


@pytest.mark.parametrize("seconds", [1e12, math.inf])
def test_any_longer_time_may_be_asked_for(seconds: float) -> None:
    with bounded(Limits.allowed(seconds).of(1e6)):
        pass


@pytest.mark.parametrize("command", [["scan"], ["plan"], ["correlate", "--measure", "wcka"]])
@pytest.mark.parametrize("option", ["--model-seconds", "--model-memory"])
def test_every_command_refuses_them_in_one_line(
    command: list[str], option: str, tmp_path: Path
) -> None:
    if command == ["plan"] and option == "--model-memory":
        return  # only headers are read
    answer = zoo(*command, tmp_path, "--store", tmp_path / "store", option, "0")
    assert answer.code == 2
    assert f"{option} 0: no " in answer.err
    assert answer.err.count("\n") == 1


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


def large_and_deaf(marks: str, limits: Limits) -> str:
    """Code of C that takes memory and never comes back, while other threads run."""
    module._GRACE = 1.5
    with open(marks, "a") as file:
        file.write("x")
    with bounded(limits):
        hoard = b"x" * (300 << 20)
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # minutes
    return hoard[:1].decode()


def quick(number: int, limits: Limits) -> int:
    with bounded(limits):
        return number


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("called", ["watched", "by Ray", "by Ray, remade"])
@pytest.mark.parametrize(
    ("work", "limits", "option"),
    [(deaf, Limits(1, GB), "--model-seconds"), (large_and_deaf, Limits(60, GB // 4), "-memory")],
)
def test_a_worker_that_hears_nothing_is_ended_and_tried_once_more(
    work: Any, limits: Limits, option: str, called: str, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    got: list[Any] = []
    lost = lambda error, attempts: (type(error).__name__, str(error), attempts)  # noqa: E731
    if called == "watched":
        tasks = [Task(work, (str(marks), limits), got.append, lost)]
        tasks += [Task(quick, (i, Limits(60, GB)), got.append, lost) for i in range(6)]
    else:
        how: dict[str, Any] = {"limits": limits, "remade": called.endswith("remade")}
        tasks = [Task(ray.remote(work), (str(marks),), got.append, lost, **how)]
        how["limits"] = Limits(60, GB)
        tasks += [Task(ray.remote(quick), (i,), got.append, lost, **how) for i in range(6)]
    with within(60):
        run_tasks(lambda room: tasks.pop() if tasks else None, RayWorkers())
    ((error, message, attempts),) = (each for each in got if isinstance(each, tuple))
    assert sorted(each for each in got if isinstance(each, int)) == list(range(6))
    assert (error, attempts) == ("ProcessDied" if called == "watched" else "LimitError", 2)
    assert option in message
    assert marks.read_text() == "xx"


def dying(limits: Limits) -> None:
    with bounded(limits):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.usefixtures("local_ray")
def test_a_worker_that_dies_of_something_else_is_not_said_to_have_passed_a_limit() -> None:
    got: list[Any] = []
    lost = lambda error, attempts: (type(error).__name__, attempts)  # noqa: E731
    tasks = [
        Task(ray.remote(dying), (), got.append, lost, limits=Limits(600, GB)),
        Task(dying, (Limits(600, GB),), got.append, lost),
    ]
    run_tasks(lambda room: tasks.pop() if tasks else None, RayWorkers())
    assert sorted(got) == [("ProcessDied", 3), ("WorkerCrashedError", 3)]
