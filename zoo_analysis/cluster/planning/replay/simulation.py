"""A scan replayed event by event: the real schedule, and workers that only let time go by."""

import heapq
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

from zoo_analysis.cluster.flow import run_tasks
from zoo_analysis.cluster.placement import Node
from zoo_analysis.cluster.planning.replay.fleets import Fleet
from zoo_analysis.cluster.planning.replay.prices import Prices
from zoo_analysis.cluster.planning.replay.replayed_tasks import (
    Audience,
    Group,
    answer_of,
    groups_of,
    price_of,
)
from zoo_analysis.cluster.planning.replay.shared_gpu import SharedGpu
from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel
from zoo_analysis.cluster.processes.task import Task
from zoo_analysis.cluster.scanning.scan_schedule import ScanSchedule
from zoo_analysis.cluster.scanning.scan_tasks import ScanSettings, scan_models
from zoo_analysis.measure.rates import KnownRates
from zoo_analysis.spectra import Method

#: A task of several alike models is at most this share of the shortest possible makespan.
_GRAIN: Final = 1 / 200


@dataclass(frozen=True)
class Replay:
    """The outcome of a replayed scan.

    Attributes:
        fleet: the machines.
        models: that were scanned.
        nbytes: that were read.
        makespan: seconds from the first task to the end of the last.
        cpu_busy: share of the cores' time in which they worked.
        gpu_busy: share of the GPUs' time in which they worked; None where there are none.
        bounds: seconds that the scan would take at least, by what takes them: all its ``work``, the
            ``largest model``, the ``hub``, the ``driver``.
    """

    fleet: Fleet
    models: int
    nbytes: float
    makespan: float
    cpu_busy: float
    gpu_busy: float | None
    bounds: dict[str, float]

    @property
    def binding(self) -> str:
        """The bound that takes the longest by itself."""
        return max(self.bounds, key=lambda name: self.bounds[name])

    @property
    def efficiency(self) -> float:
        """The shortest possible makespan as a share of this one."""
        return self.bounds[self.binding] / self.makespan

    @property
    def dollars(self) -> float:
        """The price of all nodes for the whole of it."""
        return self.fleet.dollars * self.fleet.nodes * self.makespan / 3600


def replay(zoo: Sequence[ZooModel], fleet: Fleet, how: Method) -> Replay:
    """A scan of a zoo on a fleet, by the schedule of real scans.

    Alike models are taken together, as one after the other in one task, so many that a task is no
    more than a two-hundredth of the whole.

    Args:
        zoo: the models.
        fleet: the machines.
        how: the method.
    """
    prices = Prices(fleet, how)
    bounds = prices.bounds(zoo)
    grain = _GRAIN * max(bounds.values())
    groups = {each.ref: each for model in zoo for each in groups_of(model, prices, grain)}
    device = "cuda" if fleet.gpus else "cpu"
    settings = ScanSettings(how, device, None, KnownRates({}, fleet.cpu))
    workers = _Workers(fleet, prices, groups)
    schedule = ScanSchedule(Audience(), settings, groups, {})  # type: ignore[arg-type]
    run_tasks(schedule.next_task, workers)
    return Replay(
        fleet,
        sum(model.copies for model in zoo),
        sum(model.copies * model.nbytes for model in zoo),
        workers.now,
        workers.cpu_seconds / (workers.now * fleet.cpus),
        workers.gpu_seconds / (workers.now * fleet.gpus) if fleet.gpus else None,
        bounds,
    )


@dataclass
class _Free:
    """What a node has left: of each GPU the share that no task holds."""

    cpus: float
    memory: float
    gpus: list[float]
    network_at: float = 0.0

    def fits(self, task: Task) -> bool:
        enough = self.cpus >= task.cpus and self.memory >= (task.memory or 0)
        return enough and (not task.gpus or max(self.gpus) >= task.gpus)


@dataclass
class _Running:
    """A task, and once it has begun its node, its GPU, and when all that it reads is there."""

    task: Task
    node: int = -1
    gpu: int = -1
    on_gpu: float = 0.0
    read_at: float = 0.0


class _Event(NamedTuple):
    """Something that may happen: a task is through on its cores or whole, or a GPU has done one."""

    at: float
    order: int
    kind: Literal["cores", "gpu", "over"]
    of: int
    version: int = 0


@dataclass
class _Workers:
    """Nodes on which tasks take the time that they are priced at: `processes.task.Workers`.

    A task works on its cores, then on its GPU, which it shares with the others that hold a part of
    it; and is over when all that it reads has come, too.
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
    _pending: tuple[deque[int], deque[int]] = field(default_factory=lambda: (deque(), deque()))
    _tasks: dict[int, _Running] = field(default_factory=dict)
    _events: list[_Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        node, count = self.fleet.node, self.fleet.nodes
        gpus = int(node.gpus)
        self._nodes = [_Free(node.cpus, node.memory, [1.0] * gpus) for _ in range(count)]
        self._gpus = [SharedGpu() for _ in range(count * gpus)]

    def cpus(self) -> float:
        return self.fleet.cpus

    def gpus(self) -> float:
        return self.fleet.gpus

    def memory(self) -> float:
        return self.fleet.nodes * self.fleet.node.memory

    def node(self) -> Node:
        return self.fleet.node

    def submit(self, task: Task) -> int:
        task = replace(task, memory=min(task.memory or 0, self.fleet.node.memory))
        number = next(self._numbers)
        self._tasks[number] = _Running(task)
        self._pending[bool(task.gpus)].append(number)
        self._start()
        return number

    def wait(self, submitted: list[int], seconds: float) -> list[int]:
        while True:
            self.now, _, kind, number, version = heapq.heappop(self._events)
            if kind == "gpu":
                gpu = self._gpus[number]
                if version != gpu.version:
                    continue
                number = gpu.take(self.now)
                self._watch(self._tasks[number].gpu)
            running = self._tasks[number]
            if kind == "cores" and running.on_gpu:
                self._gpus[running.gpu].add(self.now, number, running.on_gpu)
                self._watch(running.gpu)
            elif kind != "over" and running.read_at > self.now:
                self._will(running.read_at, "over", number)
            else:
                self._hold(running, -1)
                self._start()
                return [number]

    def result(self, submitted: int) -> tuple[Any, ...]:
        return (answer_of(self._tasks.pop(submitted).task, self.groups, self.prices),)

    def _start(self) -> None:
        for pending in self._pending:
            while pending:
                running = self._tasks[pending[0]]
                fitting = (i for i, node in enumerate(self._nodes) if node.fits(running.task))
                running.node = next(fitting, -1)
                if running.node < 0:
                    break
                if running.task.gpus:  # the one with the most room
                    shares = self._nodes[running.node].gpus
                    running.gpu = running.node * len(shares) + shares.index(max(shares))
                self._hold(running, 1)
                self._begin(pending.popleft(), running)

    def _hold(self, running: _Running, times: int) -> None:
        task, node = running.task, self._nodes[running.node]
        node.cpus -= times * task.cpus
        node.memory -= times * (task.memory or 0)
        if task.gpus:
            node.gpus[running.gpu % len(node.gpus)] -= times * task.gpus

    def _begin(self, number: int, running: _Running) -> None:
        task, node = running.task, self._nodes[running.node]
        price = price_of(task, self.groups, self.prices)
        self.cpu_seconds += price.cpu * task.cpus
        self.gpu_seconds += price.gpu
        running.on_gpu, start = price.gpu, self.now
        if task.function is scan_models:
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
