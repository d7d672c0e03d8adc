"""Workers of a Ray cluster. What may kill a process is called in one beside Ray's own."""

import os
import pickle
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import ray

from zoo_analysis.cluster.placement import Node
from zoo_analysis.cluster.processes.child import Child, Gate, ProcessDied
from zoo_analysis.cluster.processes.task import ATTEMPTS, ATTEMPTS_BEYOND_LIMITS, Lost, Task
from zoo_analysis.cluster.processes.task_limits import LimitError, why_ended
from zoo_analysis.cluster.session import Link
from zoo_analysis.cluster.worker import one_thread
from zoo_analysis.measure.rates import machine

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


@ray.remote(num_cpus=0, num_gpus=0.01)
def gpu_memory() -> int:
    """Bytes of a GPU of the cluster; 0 where torch sees none."""
    import torch

    return torch.cuda.mem_get_info()[1] if torch.cuda.is_available() else 0


@ray.remote(num_cpus=0, num_gpus=0.01)
def gpu_kind() -> str:
    """The name of a GPU of the cluster; empty where torch sees none."""
    import torch

    return machine("cuda") if torch.cuda.is_available() else ""


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


@dataclass(frozen=True)
class _Sent:
    """A task that was sent: whether to a process of its own, when, and its further results."""

    task: Task
    is_watched: bool
    others: list[Any]
    at: float


class RayWorkers:
    """The workers of the cluster that Ray is connected to.

    Args:
        link: to the cluster; None does not look whether it is there.
        gate: of downloads, for the whole cluster.
    """

    def __init__(self, link: Link | None = None, gate: Gate | None = None) -> None:
        self._link, self._gate = link, gate
        self._asked, self._there = -_UNCHANGED, dict[str, float]()
        self._node, self._memory = Node(1, 0), 0.0
        self._gpu_memory: int | None = None
        self._sent: dict[Any, _Sent] = {}

    def cpus(self) -> float:
        """CPUs of the cluster as it is now."""
        return max(1.0, self._resources().get("CPU", 1.0))

    def gpus(self) -> float:
        """GPUs of the cluster as it is now."""
        return self._resources().get("GPU", 0.0)

    def memory(self) -> float:
        """Bytes that tasks may declare, of the nodes with cores, as the cluster is now."""
        self._resources()
        return self._memory

    def node(self) -> Node:
        """The node with the most memory, of those with cores, as the cluster is now."""
        self._resources()
        return self._node

    def submit(self, task: Task) -> Any:
        """Send a task to Ray: the reference to its first result."""
        options: dict[str, Any] = {"num_cpus": task.cpus, "num_gpus": task.gpus}
        if task.memory is not None:
            options["memory"] = min(task.memory, self.node().memory)
        is_watched = not hasattr(task.function, "remote")
        if is_watched:
            called = pickle.dumps((task.function, task.arguments), protocol=5)
            named = watched.options(**options, name=task.function.__name__)
            results = named.remote(called, self._gate)
        else:
            arguments = (*task.arguments, task.limits) if task.limits else task.arguments
            options["max_retries"] = _attempts_of_ray(task) - 1
            results = task.function.options(**options).remote(*arguments)
        first, *others = results if isinstance(results, list) else [results]
        self._sent[first] = _Sent(task, is_watched, others, time.monotonic())
        return first

    def wait(self, submitted: Collection[Any], seconds: float) -> list[Any]:
        """References to results that are there, once there are any, or after some seconds.

        Raises:
            ZooError: the cluster is lost.
        """
        if self._link:
            self._link.check()
        references = list(submitted)
        done, _ = ray.wait(references, num_returns=len(references), timeout=0)
        if not done:
            done, _ = ray.wait(references, timeout=seconds)
        return list(done)

    def result(self, submitted: Any) -> tuple[Any, ...]:
        """The first result itself, and references to the others.

        Raises:
            Lost: the task raised, its process died, or its worker.
        """
        sent = self._sent.pop(submitted)
        try:
            first = ray.get(submitted)
        except ray.exceptions.RayError as error:
            raise _lost(submitted, sent, error) from error
        return (pickle.loads(first) if sent.is_watched else first, *sent.others)

    def _resources(self) -> dict[str, float]:
        # Ray waits a minute for a head that does not answer, and then ends the process.
        if time.monotonic() - self._asked >= _UNCHANGED and (not self._link or self._link.up()):
            self._there, self._asked = ray.cluster_resources(), time.monotonic()
            alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            # A head without cores has memory that no task can have.
            nodes = [node for node in alive if node.get("CPU", 0) >= 1] or [self._there]
            self._memory = sum(node.get("memory", 0.0) for node in nodes)
            largest = max(nodes, key=lambda node: (node.get("memory", 0), node.get("CPU", 0)))
            with_gpus = [node for node in nodes if node.get("GPU")]
            if with_gpus and self._gpu_memory is None:
                self._gpu_memory = ray.get(gpu_memory.remote()) or 0
            self._node = Node(
                largest.get("CPU", 1),
                int(largest.get("memory", 0)),
                max((node["GPU"] for node in with_gpus), default=0),
                self._gpu_memory or None,
                int(max((node.get("memory", 0) for node in with_gpus), default=0)),
            )
        return self._there


def _attempts_of_ray(task: Task) -> int:
    """How often Ray itself calls a remote function whose worker dies."""
    if task.limits and not task.remade:
        return 1
    return ATTEMPTS_BEYOND_LIMITS if task.limits else ATTEMPTS


def _lost(submitted: Any, sent: _Sent, error: ray.exceptions.RayError) -> Lost:
    cause, task = getattr(error, "cause", None), sent.task
    if isinstance(cause, ProcessDied):
        return Lost(cause, cause.model, cause.beyond, memory=cause.killed)
    if isinstance(error, ray.exceptions.RayTaskError):
        return Lost(error, final=True)
    if isinstance(error, ray.exceptions.NodeDiedError) and sent.is_watched:
        return Lost(error, attempts=0)
    why: BaseException = error
    if task.limits:
        why = why_ended(submitted, error, task.limits, time.monotonic() - sent.at)
    attempts = 1 if sent.is_watched else _attempts_of_ray(task)
    memory = isinstance(why, ray.exceptions.OutOfMemoryError)
    beyond = isinstance(why, LimitError) or (memory and task.memory is None)
    return Lost(why, beyond=beyond, final=attempts > 1, attempts=attempts, memory=memory)
