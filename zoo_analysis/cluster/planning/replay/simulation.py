"""A scan replayed: the real schedule, and workers that only let time go by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from zoo_analysis.cluster.flow import run_tasks
from zoo_analysis.cluster.planning.replay.alike import groups_of
from zoo_analysis.cluster.planning.replay.bounds import bounds
from zoo_analysis.cluster.planning.replay.fleets import Fleet
from zoo_analysis.cluster.planning.replay.prices import Prices
from zoo_analysis.cluster.planning.replay.replayed_nodes import ReplayedNodes
from zoo_analysis.cluster.planning.replay.replayed_tasks import Audience
from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel
from zoo_analysis.cluster.scanning.scan_schedule import ScanSchedule
from zoo_analysis.cluster.scanning.scan_tasks import ScanSettings
from zoo_analysis.measure.rates import KnownRates
from zoo_analysis.spectra import Method

#: A task of alike models or pieces is at most this share of the shortest possible makespan.
GRAIN: Final = 1 / 200


@dataclass(frozen=True)
class Replay:
    """The outcome of a replayed scan.

    Attributes:
        fleet: the machines.
        models: that were scanned.
        nbytes: that were read.
        makespan: seconds from the first task to the end of the last.
        cpu_busy: share of the cores' time in which they worked, or waited for the GPU that works
            for them.
        gpu_busy: share of the GPUs' time in which they worked; None where there are none.
        bounds: seconds that the scan would take at least, by what takes them (`bounds.bounds`).
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
    def utilisation(self) -> float:
        """The share of the makespan in which what binds is in use.

        Of cores and GPUs together it is that of the less busy ones; of the hub, a network, the
        driver and the largest model what they need at least.
        """
        busy = {"cores": self.cpu_busy, "cores and GPUs": min(self.cpu_busy, self.gpu_busy or 1.0)}
        return busy.get(self.binding, self.efficiency)

    @property
    def efficiency(self) -> float:
        """The shortest possible makespan as a share of this one."""
        return self.bounds[self.binding] / self.makespan

    @property
    def dollars(self) -> float:
        """The price of all nodes for the whole of it."""
        return self.fleet.dollars * self.fleet.nodes * self.makespan / 3600


def replay(
    zoo: Sequence[ZooModel],
    fleet: Fleet,
    how: Method,
    prices: Prices | None = None,
    grain: float = GRAIN,
) -> Replay:
    """A scan of a zoo on a fleet, by the schedule of real scans.

    Alike models, and alike pieces of models, are taken together, as one after the other in one
    task, so many that it is no more than a two-hundredth of the whole.

    Args:
        zoo: the models.
        fleet: the machines.
        how: the method.
        prices: of the fleet's rates by the method, which replays may share; None makes them.
        grain: share of the shortest possible makespan that a task of alike ones takes at most; 0
            takes each by itself.
    """
    prices = prices or Prices(fleet.cpu, fleet.gpu, how)
    least = bounds(zoo, fleet, prices)
    seconds = grain * max(least.values())
    groups = {each.ref: each for model in zoo for each in groups_of(model, prices, seconds)}
    device = "cuda" if fleet.gpus else "cpu"
    settings = ScanSettings(how, device, None, KnownRates({}, fleet.cpu))
    workers = ReplayedNodes(fleet, prices, groups)
    audience: Any = Audience()
    schedule = ScanSchedule(audience, settings, groups, {}, size=lambda ref: groups[ref].size)
    run_tasks(schedule.next_task, workers)
    return Replay(
        fleet,
        sum(model.copies for model in zoo),
        sum(model.copies * model.nbytes for model in zoo),
        workers.now,
        workers.cpu_seconds / (workers.now * fleet.cpus),
        workers.gpu_seconds / (workers.now * fleet.gpus) if fleet.gpus else None,
        least,
    )
