"""Every kind of machine of a cluster calibrated: `zoo plan --calibrate`."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from zoo_analysis.cluster.placement import DEVICE, Device
from zoo_analysis.cluster.planning.machine_rates import rate_rows
from zoo_analysis.cluster.processes.child import PATIENT
from zoo_analysis.cluster.session import ray_session
from zoo_analysis.measure.rates import machine
from zoo_analysis.spectra.methods import Method
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.runs import new_run_id


def calibrate(
    store: Store | str | Path | None = None,
    how: Method | None = None,
    *,
    device: Device = DEVICE,
    address: str | None = None,
) -> pa.Table:
    """Measure the rates of every kind of machine in a cluster, and keep them in a store.

    One node of a kind works for some twenty seconds; it should have nothing else to do.

    Args:
        store: a store, or what `open_store` takes.
        how: the method; the default one where None.
        device: ``cpu``, ``cuda``, or ``auto``: both where a node has a GPU.
        address: of a Ray cluster; None is ``$RAY_ADDRESS``, else this machine.

    Returns:
        The rows that were added to the table `rates`.

    Raises:
        StoreError: a store that cannot be written.
        ZooError: no cluster at the address.
    """
    store, how = as_store(store), how or Method()
    with ray_session(address):
        by_kind = {(kind, gpu): node for node, kind, gpu in nodes()}
        waiting = [
            _on(node, _measured, gpus=gpu).remote(how, "cuda" if gpu else "cpu")
            for (_, has_gpu), node in by_kind.items()
            for gpu in range(1 + has_gpu)
            if device in ("auto", "cuda" if gpu else "cpu")
        ]
        found = [row for each in ray.get(waiting) for row in each]
    rows = rate_rows(found, how, new_run_id("calibration"))
    store.append("rates", rows)
    return rows


def nodes() -> list[tuple[str, str, bool]]:
    """The id and machine kind of every node, and whether it has a GPU; Ray must be up."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    kinds = ray.get([_on(node["NodeID"], _kind).remote() for node in alive])
    gpus = (node["Resources"].get("GPU", 0) > 0 for node in alive)
    return list(zip((node["NodeID"] for node in alive), kinds, gpus, strict=True))


def _on(node: str, function: Any, gpus: int = 0) -> Any:
    """A remote function on a node."""
    return function.options(
        num_gpus=gpus, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
    )


@ray.remote(num_cpus=0)
def _kind() -> str:
    return machine()


@ray.remote(num_cpus=1)
def _measured(how: Method, device: str) -> list[dict[str, Any]]:
    os.environ.update(PATIENT | os.environ)  # before torch is there: as in processes that scan
    from zoo_analysis.measure.calibration import measured_rates

    rates = measured_rates(how, device, os.cpu_count() or 1)
    return [row | {"machine": machine(device)} for row in rates.rows()]
