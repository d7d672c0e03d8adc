"""Every kind of machine of a cluster calibrated: `zoo plan --calibrate`."""

import os
import pickle
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from zoo_analysis.cluster.placement import DEVICE, Device, is_there
from zoo_analysis.cluster.processes.child import PATIENT, Child
from zoo_analysis.cluster.processes.task_limits import Limits
from zoo_analysis.cluster.scanning.machine_rates import rate_rows, start_rows
from zoo_analysis.cluster.session import ray_session
from zoo_analysis.measure.rates import KnownRates, Rates, machine
from zoo_analysis.sources import ModelRef
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
    there, begun = is_there(address), time.monotonic()
    with ray_session(address):
        ray_took = 0.0 if there else time.monotonic() - begun
        by_kind = {(kind, gpu): node for node, kind, gpu in nodes()}
        waiting = [
            _on(node, _measured, gpus=gpu).remote(how, "cuda" if gpu else "cpu")
            for (_, has_gpu), node in by_kind.items()
            for gpu in range(1 + has_gpu)
            if device in ("auto", "cuda" if gpu else "cpu")
        ]
        found = [row for each in ray.get(waiting) for row in each]
        found += start_rows(machine(), ray=ray_took)
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
    rows = [row | {"machine": machine(device)} for row in rates.rows()]
    return rows if device != "cpu" else rows + start_rows(machine(), **_starts(how, rates))


def _starts(how: Method, rates: Rates) -> dict[str, float]:
    """Seconds until a new process takes a call, and that its first model takes beyond others."""
    from zoo_analysis.cluster.scanning.scan_tasks import ModelToScan, ScanSettings, scan_models
    from zoo_analysis.measure.calibration import write_transformer

    settings = ScanSettings(how, "cpu", None, KnownRates({machine(): rates}))
    with tempfile.TemporaryDirectory() as folder:
        write_transformer(Path(folder), 1)
        nbytes = sum(file.stat().st_size for file in Path(folder).iterdir())
        ref = ModelRef("me/first", None, folder, "local", nbytes)
        one = [ModelToScan(ref, frozenset(), Limits())]
        begun = time.monotonic()
        with Child(nullcontext) as child:
            child.call(pickle.dumps((scan_models, ([], settings))))
            process = time.monotonic() - begun
            batch = pickle.loads(child.call(pickle.dumps((scan_models, (one, settings)))))
    return {"process": process, "starting": batch.spent.starting}
