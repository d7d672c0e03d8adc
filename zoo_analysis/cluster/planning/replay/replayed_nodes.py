"""Machines on which tasks only let time go by, event by event."""

import heapq
import itertools
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from zoo_analysis.cluster.placement import Node
from zoo_analysis.cluster.planning.replay.alike import Group
from zoo_analysis.cluster.planning.replay.fleets import Fleet
from zoo_analysis.cluster.planning.replay.prices import Prices
from zoo_analysis.cluster.planning.replay.replayed_tasks import TaskPrice, answer_of, price_of
from zoo_analysis.cluster.planning.replay.shared_gpu import SharedGpu
from zoo_analysis.cluster.processes.task import Task


@dataclass
class _Free:
    """What a node has left: of each GPU the share that no task holds."""

    cpus: float
    memory: float
    gpus: list[float]
    network_at: float = 0.0

    def fits(self, running: "RunningTask") -> bool:
        task = running.task
        enough = self.cpus >= task.cpus and self.memory >= running.memory
        return enough and (not task.gpus or max(self.gpus) >= task.gpus)


@dataclass
class RunningTask:
    """A task, what it takes, and once it has begun where, and when it was or is to be so far."""

    task: Task
    memory: float
    price: TaskPrice
    node: int = -1
    gpu: int = -1
    read_at: float = 0.0
    prepared_at: float = 0.0


class _Event(NamedTuple):
    """Something that may happen: a task is through on its cores or whole, or a GPU has done one."""

    at: float
    order: int
    kind: Literal["cores", "gpu", "over"]
    of: int
    version: int = 0


@dataclass
class ReplayedNodes:
    """Nodes on which tasks take the time that they are priced at: `processes.task.Workers`.

    A task works on its cores, then on its GPU, which it shares with the others that hold a part of
    it; and is over when all that it reads has come, too. Of those that wait, the ones for GPUs go
    first, then those of several cores, for Ray has the kind of tasks go first of which fewer run,
    and none wait for another kind.

    Attributes:
        now: seconds since the beginning.
        cpu_seconds: of work on cores, and of cores that wait for a GPU at work for them.
        gpu_seconds: of work on GPUs.
    """

    fleet: Fleet
    prices: Prices
    groups: dict[Any, Group]
    now: float = 0.0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    _hub_free: float = 0.0
    _driver_free: float = 0.0
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _pending: tuple[deque[int], ...] = field(default_factory=lambda: (deque(), deque(), deque()))
    _tasks: dict[int, RunningTask] = field(default_factory=dict)
    _events: list[_Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        node, count = self.fleet.node, self.fleet.nodes
        gpus = int(node.gpus)
        self._nodes = [_Free(node.cpus, node.memory, [1.0] * gpus) for _ in range(count)]
        self._gpus = [SharedGpu() for _ in range(count * gpus)]
        self._idle = self._cores = self.fleet.cpus
        self._memory = self.fleet.nodes * self.fleet.node.memory

    def cpus(self) -> float:
        """Cores of all nodes."""
        return self._cores

    def gpus(self) -> float:
        """GPUs of all nodes."""
        return len(self._gpus)

    def memory(self) -> float:
        """Bytes of all nodes."""
        return self._memory

    def node(self) -> Node:
        """Any of them: all are alike."""
        return self.fleet.node

    def submit(self, task: Task) -> int:
        """Have a task done: its number."""
        number = next(self._numbers)
        memory = min(task.memory or 0, self.fleet.node.memory)
        price = price_of(task, self.groups, self.prices)
        self._tasks[number] = RunningTask(task, memory, price)
        pending = self._pending[0 if task.gpus else 1 if task.cpus > 1 else 2]
        pending.append(number)
        if len(pending) == 1:  # or else the first of them fits nowhere
            self._start(pending, range(len(self._nodes)))
        return number

    def wait(self, submitted: Collection[int], seconds: float) -> list[int]:
        """The next one that is over."""
        while True:
            self.now, _, kind, number, version = heapq.heappop(self._events)
            if kind == "gpu":
                gpu = self._gpus[number]
                if version != gpu.version:
                    continue
                number = gpu.take(self.now)
                self._watch(self._tasks[number].gpu)
            running = self._tasks[number]
            if kind == "gpu":
                self.cpu_seconds += running.task.cpus * (self.now - running.prepared_at)
            if kind == "cores" and running.price.gpu:
                running.prepared_at = self.now
                self._gpus[running.gpu].add(self.now, number, running.price.gpu)
                self._watch(running.gpu)
            elif kind != "over" and running.read_at > self.now:
                self._will(running.read_at, "over", number)
            else:
                self._hold(running, -1)
                self._leave(running.node)
                return [number]

    def result(self, submitted: int) -> tuple[Any, ...]:
        """The result of one that is over."""
        running = self._tasks.pop(submitted)
        return (answer_of(running.task, running.price, self.groups),)

    def _leave(self, node: int) -> None:
        """Begin what fits now that a node has more room."""
        for pending in self._pending:
            self._start(pending, (node,))

    def _start(self, pending: deque[int], nodes: Iterable[int]) -> None:
        """Begin tasks in their order, as long as one fits; the first of them on these nodes."""
        while pending and self._idle:
            running = self._tasks[pending[0]]
            running.node = next((i for i in nodes if self._nodes[i].fits(running)), -1)
            if running.node < 0:
                return
            if running.task.gpus:  # the one with the most room
                shares = self._nodes[running.node].gpus
                running.gpu = running.node * len(shares) + shares.index(max(shares))
            self._hold(running, 1)
            self._begin(pending.popleft(), running)
            nodes = range(len(self._nodes))

    def _hold(self, running: RunningTask, times: int) -> None:
        task, node = running.task, self._nodes[running.node]
        self._idle -= times * task.cpus
        node.cpus -= times * task.cpus
        node.memory -= times * running.memory
        if task.gpus:
            node.gpus[running.gpu % len(node.gpus)] -= times * task.gpus

    def _begin(self, number: int, running: RunningTask) -> None:
        task, price, node = running.task, running.price, self._nodes[running.node]
        self.cpu_seconds += price.cpu * task.cpus
        self.gpu_seconds += price.gpu
        start = self.now
        if price.models:
            self._driver_free = max(self._driver_free, self.now)
            self._driver_free += self.fleet.driver * price.models
            start = self._driver_free
        # What is read comes while it is worked on, but not before what others asked for earlier.
        self._hub_free = max(self._hub_free, start) + price.nbytes / self.fleet.hub
        node.network_at = max(node.network_at, start) + price.nbytes / self.fleet.network
        running.read_at = max(self._hub_free, node.network_at)
        self._will(start + price.cpu, "cores", number)

    def _watch(self, gpu: int) -> None:
        if (end := self._gpus[gpu].next_end()) is not None:
            self._will(end, "gpu", gpu, self._gpus[gpu].version)

    def _will(
        self, at: float, kind: Literal["cores", "gpu", "over"], of: int, version: int = 0
    ) -> None:
        heapq.heappush(self._events, _Event(at, next(self._numbers), kind, of, version))
