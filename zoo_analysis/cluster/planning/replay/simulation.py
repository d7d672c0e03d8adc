"""A scan replayed event by event: the real schedule, and workers that only let time go by."""

import heapq
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

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
    """What a node has left."""

    cpus: float
    memory: float
    gpus: float
    network_at: float = 0.0

    def take(self, task: Task, times: int = 1) -> None:
        self.cpus -= times * task.cpus
        self.memory -= times * (task.memory or 0)
        self.gpus -= times * task.gpus

    def fits(self, task: Task) -> bool:
        enough = self.cpus >= task.cpus and self.memory >= (task.memory or 0)
        return enough and self.gpus >= task.gpus


@dataclass
class _Workers:
    """Nodes on which tasks take the time that they are priced at: `processes.task.Workers`."""

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
    _tasks: dict[int, tuple[Task, int]] = field(default_factory=dict)
    _ends: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        node = self.fleet.node
        count = self.fleet.nodes
        self._nodes = [_Free(node.cpus, node.memory, node.gpus) for _ in range(count)]

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
        self._tasks[number] = task, -1
        self._pending[bool(task.gpus)].append(number)
        self._start()
        return number

    def wait(self, submitted: list[int], seconds: float) -> list[int]:
        self.now, number = heapq.heappop(self._ends)
        task, place = self._tasks[number]
        self._nodes[place].take(task, -1)
        self._start()
        return [number]

    def result(self, submitted: int) -> tuple[Any, ...]:
        task, _ = self._tasks.pop(submitted)
        return (answer_of(task, self.groups, self.prices),)

    def _start(self) -> None:
        for pending in self._pending:
            while pending:
                task, _ = self._tasks[pending[0]]
                place = next((i for i, node in enumerate(self._nodes) if node.fits(task)), -1)
                if place < 0:
                    break
                number = pending.popleft()
                self._nodes[place].take(task)
                self._tasks[number] = task, place
                heapq.heappush(self._ends, (self._end(task, self._nodes[place]), number))

    def _end(self, task: Task, node: _Free) -> float:
        price = price_of(task, self.groups, self.prices)
        self.cpu_seconds += price.cpu * task.cpus
        self.gpu_seconds += price.gpu * task.gpus
        start = self.now
        if task.function is scan_models:
            self._driver_free = max(self._driver_free, self.now)
            self._driver_free += self.fleet.driver * price.models
            start = self._driver_free
        # What is read comes while it is worked on, but not before what others asked for earlier.
        self._hub_free = max(self._hub_free, start) + price.nbytes / self.fleet.hub
        node.network_at = max(node.network_at, start) + price.nbytes / self.fleet.network
        return max(start + price.cpu + price.gpu, self._hub_free, node.network_at)
