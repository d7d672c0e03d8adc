"""Scans of three zoos on fleets from one core to 256 GPUs, as a table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from zoo_analysis.cluster.planning.replay.fleets import H100, Fleet, cpu_fleet, gpu_fleet
from zoo_analysis.cluster.planning.replay.hub_population import hub_population
from zoo_analysis.cluster.planning.replay.language_models import language_models
from zoo_analysis.cluster.planning.replay.prices import Prices
from zoo_analysis.cluster.planning.replay.simulation import Replay, replay
from zoo_analysis.cluster.planning.replay.timm_zoo import timm_zoo
from zoo_analysis.cluster.planning.replay.zoo_models import ZooModel
from zoo_analysis.errors import ZooError
from zoo_analysis.measure.rates import TYPICAL
from zoo_analysis.spectra.methods import Method

#: Cores of fleets without GPUs, and GPUs of the others.
CORES: Final = (1, 2, 16, 128, 1008)
GPUS: Final = (1, 8, 64, 256)


def scale(
    zoos: Iterable[str] = ("timm", "language", "hub"),
    cores: Sequence[int] = CORES,
    gpus: Sequence[int] = GPUS,
    how: Method | None = None,
) -> pa.Table:
    """Replayed scans: how long they take on which machines, what binds them, and what they cost.

    Args:
        zoos: ``timm`` (all its architectures), ``language`` (305 language models) or ``hub`` (two
            million models of an assumed distribution).
        cores: of fleets without GPUs.
        gpus: of fleets with them.
        how: the method; the default one where None.

    Returns:
        A row a zoo and fleet.

    Raises:
        ZooError: no such zoo.
    """
    rows, how = [], how or Method()
    prices = Prices(TYPICAL, H100, how)
    for name in zoos:
        models = _zoo(name)
        for fleet in (*map(cpu_fleet, cores), *map(gpu_fleet, gpus)):
            rows.append(_row(name, fleet, replay(models, fleet, how, prices)))
    return pa.Table.from_pylist(rows)


def _zoo(name: str) -> Sequence[ZooModel]:
    if name == "timm":
        return timm_zoo()[0]
    if name == "language":
        return language_models()
    if name == "hub":
        return hub_population()
    raise ZooError(f"no zoo {name!r} to replay: timm, language or hub")


def _row(zoo: str, fleet: Fleet, replayed: Replay) -> Mapping[str, Any]:
    return {
        "zoo": zoo,
        "models": replayed.models,
        "terabytes": replayed.nbytes / 1e12,
        "cores": int(fleet.cpus),
        "gpus": int(fleet.gpus),
        "hours": replayed.makespan / 3600,
        "cores_busy": replayed.cpu_busy,
        "gpus_busy": replayed.gpu_busy,
        "binding": replayed.binding,
        "utilisation": replayed.utilisation,
        "of_shortest": replayed.efficiency,
        "dollars": replayed.dollars,
    }
