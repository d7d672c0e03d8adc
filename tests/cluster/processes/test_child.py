"""A process that works for another: its death is an error with a name, and ends nothing else."""

import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import psutil
import pytest

from zoo_analysis.cluster.flow import run_tasks
from zoo_analysis.cluster.processes import local_workers
from zoo_analysis.cluster.processes.child import Child, ProcessDied
from zoo_analysis.cluster.processes.local_workers import LocalWorkers
from zoo_analysis.cluster.processes.serving import note, permit
from zoo_analysis.cluster.processes.task import ATTEMPTS, Attempts, Task


def double(number: int) -> int:
    sys.stdout.write("to nobody")
    return 2 * number


def refuse() -> None:
    raise ValueError("not this one")


def die(how: int, *at: Any) -> None:
    note(*at)
    os.kill(os.getpid(), how) if how else os._exit(7)


def own_id() -> int:
    return os.getpid()


def with_permit() -> int:
    with permit():
        return os.getpid()


def die_with_permit() -> None:
    with permit():
        os.kill(os.getpid(), signal.SIGKILL)


def imported(*modules: str) -> list[bool]:
    return [module in sys.modules for module in modules]


def arrow_then_pandas() -> tuple[list[bool], list[Any]]:
    import pyarrow as pa

    rows = pa.table({"number": [1.5, None], "name": ["a", None]})
    before = imported("pandas")
    return before, rows.to_pandas()["name"].isna().tolist()


def called(child: Child, function: Any, *arguments: Any) -> Any:
    return pickle.loads(child.call(pickle.dumps((function, arguments))))


class Gate:
    def __init__(self) -> None:
        self.held, self.entered = 0, 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.held, self.entered = self.held + 1, self.entered + 1
        try:
            yield
        finally:
            self.held -= 1


@pytest.fixture
def gate() -> Gate:
    return Gate()


def test_calls_are_answered_one_after_the_other_and_an_error_is_no_death(
    gate: Gate, capfd: pytest.CaptureFixture[str]
) -> None:
    with Child(gate) as child:
        assert [called(child, double, i) for i in range(3)] == [0, 2, 4]
        with pytest.raises(RuntimeError, match="ValueError: not this one"):
            called(child, refuse)
        assert called(child, double, 8) == 16
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (signal.SIGSEGV, "its process was ended in layers.3 by SIGSEGV"),
        (signal.SIGKILL, "by SIGKILL, as systems do where memory runs out"),
        (0, "with status 7"),
    ],
)
def test_a_death_tells_how_and_where(gate: Gate, how: int, said: str) -> None:
    with Child(gate) as child, pytest.raises(ProcessDied, match=said) as died:
        called(child, die, how, 4, "measure", "layers.3")
    assert (died.value.model, died.value.stage, died.value.layer) == (4, "measure", "layers.3")
    assert not died.value.beyond


def test_what_was_noted_for_one_call_is_not_said_of_the_next(gate: Gate) -> None:
    with Child(gate) as child:
        called(child, note, 4, "measure", "layers.3")
        with pytest.raises(ProcessDied) as died:
            called(child, die, signal.SIGTERM)
    assert (died.value.model, died.value.layer) == (None, "")


def test_a_permit_is_held_for_it_and_let_go_with_it(gate: Gate) -> None:
    with Child(gate) as child:
        assert called(child, with_permit) == child.process.pid
        assert (gate.held, gate.entered) == (0, 1)
        with pytest.raises(ProcessDied):
            called(child, die_with_permit)
    assert (gate.held, gate.entered) == (0, 2)


def test_a_permit_that_is_long_in_coming_is_waited_for(gate: Gate) -> None:
    free = threading.Semaphore(0)
    with Child(lambda: free) as child:
        threading.Timer(0.3, free.release).start()
        assert called(child, with_permit) == child.process.pid
    assert free.acquire(timeout=1), "given back"


def test_modules_that_its_calls_need_are_there_before_the_first_and_missing_ones_are_not_missed(
    gate: Gate,
) -> None:
    modules = ("wave", "no_such_module", "chunk.too")
    with Child(gate, modules) as child:
        assert called(child, imported, *modules) == [True, False, False]
    with Child(gate) as child:
        assert called(child, imported, *modules) == [False, False, False]


def test_rows_become_tables_without_pandas_which_works_as_ever(gate: Gate) -> None:
    with Child(gate, ("pyarrow",)) as child:
        assert called(child, arrow_then_pandas) == ([False], [False, True])


PARENT = """
import pickle, time
from tests.cluster.processes.test_child import own_id
from zoo_analysis.cluster.processes import local_workers
from zoo_analysis.cluster.processes.child import Child
child = Child(lambda: None)
print(pickle.loads(child.call(pickle.dumps((own_id, ())))), flush=True)
child.send(pickle.dumps((time.sleep, (60,))))
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent_in_the_middle_of_a_call(how: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.2)
    parent.send_signal(how)
    parent.wait()
    assert not psutil.wait_procs([child], timeout=10)[1]


def test_an_idle_process_that_was_killed_costs_nothing() -> None:
    got: list[Any] = []
    with LocalWorkers(1, 1) as workers:
        for round_ in range(2):
            tasks = [Task(abs, (-round_,), got.append, lambda error, attempts: error)]
            run_tasks(lambda room, tasks=tasks: tasks.pop() if tasks else None, workers)
            (idle,) = workers._idle
            os.kill(idle.process.pid, signal.SIGKILL)
            idle.process.wait()
    assert got == [0, 1]


def hold() -> None:
    held = bytearray(os.urandom(1)) * (600 << 20)
    re.fullmatch("(a|aa)+", "a" * 200 + "!")  # holds on to the interpreter
    del held


def test_the_largest_process_is_ended_where_all_take_more_than_the_machine_spares(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (local_workers, sys.modules[Child.__module__]):
        monkeypatch.setattr(module, "spared", lambda: 550 << 20)
    with Child(nullcontext) as child, pytest.raises(ProcessDied, match="where memory runs out"):
        child.call(pickle.dumps((hold, ())))
    got: list[Any] = []
    lost = Attempts(ATTEMPTS - 1)
    with LocalWorkers(2, 1) as workers:
        tasks = [
            Task(time.sleep, (1,), got.append, lambda error, attempts: error),
            Task(hold, (), got.append, lambda error, attempts: error, attempts=lost),
        ]
        run_tasks(lambda room: tasks.pop() if tasks else None, workers)
    (ended,) = (each for each in got if each is not None)
    assert isinstance(ended, ProcessDied)
    assert ended.killed
    assert len(got) == 2
