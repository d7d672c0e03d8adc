"""Workers of a Ray cluster. What may kill a process is called in one beside Ray's own."""

import os
import pickle
import time
from collections.abc import Callable
from typing import Any, Final

import ray

from zoo_analysis.cluster.processes.child import Child, Gate, ProcessDied
from zoo_analysis.cluster.processes.task import Lost, Task
from zoo_analysis.cluster.processes.task_limits import LimitError, why_ended
from zoo_analysis.cluster.session import link
from zoo_analysis.cluster.worker import one_thread

#: How often Ray calls a remote function again whose worker died, and one that has limits.
_RETRIES, _RETRIES_WITHIN_LIMITS = 2, 1
#: Seconds for which the cluster is taken to be as large as it was.
_UNCHANGED: Final = 1.0


@ray.remote(num_cpus=1)
def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Any function on one thread of a worker."""
    with one_thread():
        return function(*arguments)


@ray.remote(num_cpus=1, max_retries=0)
def watched(called: bytes, gate: Gate) -> bytes:
    """A pickled call in the process beside this worker, which lives on when that one dies."""
    return _child(gate).call(called)


class _Beside:
    """The process beside this worker, and the devices that it sees."""

    child: Child | None = None
    devices: str | None = None


def _child(gate: Gate) -> Child:
    devices = os.environ.get("CUDA_VISIBLE_DEVICES")
    child = _Beside.child
    if child and (
        child.connection.closed or child.process.poll() is not None or devices != _Beside.devices
    ):
        child.close()
        child = None
    if child is None:
        child = _Beside.child = Child(gate)
        _Beside.devices = devices
    child.gate = gate
    return child


class RayWorkers:
    """The workers of the cluster that Ray is connected to.

    Args:
        gate: of downloads, for the whole cluster.
    """

    def __init__(self, gate: Gate | None = None) -> None:
        self._gate, self._link = gate, link()
        self._asked, self._there = -_UNCHANGED, dict[str, float]()
        self._others: dict[Any, list[Any]] = {}
        self._watched: set[Any] = set()
        self._limited: dict[Any, tuple[Task, float]] = {}  # and since when

    def cpus(self) -> float:
        """CPUs of the cluster as it is now."""
        return max(1.0, self._resources().get("CPU", 1.0))

    def gpus(self) -> float:
        """GPUs of the cluster as it is now."""
        return self._resources().get("GPU", 0.0)

    def submit(self, task: Task) -> Any:
        """Send a task to Ray: the reference to its first result."""
        options: dict[str, Any] = {"num_cpus": task.cpus, "num_gpus": task.gpus}
        if task.memory is not None:
            options["memory"] = task.memory
        if not hasattr(task.function, "remote"):
            called = pickle.dumps((task.function, task.arguments), protocol=5)
            named = watched.options(**options, name=task.function.__name__)
            reference = named.remote(called, self._gate)
            self._watched.add(reference)
            return reference
        retries, arguments = _RETRIES, task.arguments
        if task.limits:
            retries = _RETRIES_WITHIN_LIMITS if task.remade else 0
            arguments = (*arguments, task.limits)
        results = task.function.options(**options, max_retries=retries).remote(*arguments)
        first, *others = results if isinstance(results, list) else [results]
        self._others[first] = others
        if task.limits:
            self._limited[first] = task, time.monotonic()
        return first

    def wait(self, submitted: list[Any], seconds: float) -> list[Any]:
        """References to results that are there, once there are any, or after some seconds.

        Raises:
            ZooError: the cluster is lost.
        """
        self._link.check()
        done, _ = ray.wait(submitted, num_returns=len(submitted), timeout=0)
        if not done:
            done, _ = ray.wait(submitted, timeout=seconds)
        return list(done)

    def result(self, submitted: Any) -> tuple[Any, ...]:
        """The first result itself, and references to the others.

        Raises:
            Lost: the task raised, its process died, or its worker.
        """
        others = self._others.pop(submitted, [])
        is_watched = submitted in self._watched
        self._watched.discard(submitted)
        limited = self._limited.pop(submitted, None)
        try:
            first = ray.get(submitted)
        except ray.exceptions.RayError as error:
            if limited:
                raise _beyond(submitted, error, *limited) from error
            raise _lost(error, is_watched) from error
        return (pickle.loads(first), *others) if is_watched else (first, *others)

    def _resources(self) -> dict[str, float]:
        if time.monotonic() - self._asked >= _UNCHANGED:
            self._there, self._asked = ray.cluster_resources(), time.monotonic()
        return self._there


def _beyond(submitted: Any, error: ray.exceptions.RayError, task: Task, since: float) -> Lost:
    """The loss of a remote function that has limits."""
    assert task.limits is not None
    why = why_ended(submitted, error, task.limits, time.monotonic() - since)
    if task.remade:
        return Lost(why, final=True, attempts=_RETRIES_WITHIN_LIMITS + 1)
    return Lost(why, beyond=isinstance(why, ray.exceptions.OutOfMemoryError | LimitError))


def _lost(error: ray.exceptions.RayError, is_watched: bool) -> Lost:
    cause = getattr(error, "cause", None)
    if isinstance(cause, ProcessDied):
        return Lost(cause, cause.model, cause.beyond)
    if isinstance(error, ray.exceptions.RayTaskError):
        return Lost(error, final=True)
    if not is_watched:
        return Lost(error, final=True, attempts=_RETRIES + 1)
    if isinstance(error, ray.exceptions.NodeDiedError):
        return Lost(error, attempts=0)
    return Lost(error, beyond=isinstance(error, ray.exceptions.OutOfMemoryError))
