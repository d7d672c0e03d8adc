"""The plan of a scan, from headers alone: its work, and how long that takes on a cluster."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from zoo_analysis.cluster.flow import run_tasks
from zoo_analysis.cluster.placement import DEVICE, Device, is_there
from zoo_analysis.cluster.planning.header_tasks import (
    AT_ONCE,
    Pricing,
    forecast_of,
    price_models,
    why,
)
from zoo_analysis.cluster.planning.machines import machines
from zoo_analysis.cluster.processes.local_workers import LocalWorkers
from zoo_analysis.cluster.processes.task import Task
from zoo_analysis.cluster.processes.task_limits import MODEL_SECONDS, Limits
from zoo_analysis.cluster.scanning.batches import fit_for_few
from zoo_analysis.cluster.scanning.machine_rates import known_rates, start_seconds
from zoo_analysis.cluster.scanning.scan_tasks import is_known
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.measure.rates import machine
from zoo_analysis.measure.scan_plan import IN_STORE, Forecast, ScanPlan
from zoo_analysis.sources import ModelRef, resolve_sources
from zoo_analysis.spectra.methods import Method, Preset, as_method
from zoo_analysis.store import Store, as_store

#: Models that are worth a process, which takes seconds to start.
_WORTH_A_PROCESS: Final = 256


def plan(
    sources: Sequence[str] | str,
    store: Store | str | Path | None = None,
    how: Method | Preset | None = None,
    *,
    variant: str = "",
    device: Device = DEVICE,
    address: str | None = None,
    model_seconds: float = MODEL_SECONDS,
    blocks: bool = False,
    access: HubAccess | None = None,
) -> ScanPlan:
    """Price of a scan of `sources`, from headers alone; no weights are read or downloaded.

    Kinds of layers are judged by names and shapes alone, so that nothing has to be built: a scan,
    which asks the architecture too, may count a few layers differently.

    Args:
        sources: as `sources.resolve_sources` takes them.
        store: whose models are skipped: a store, or what `open_store` takes.
        how: the method, or the name of its preset; the default one where None.
        variant: of the weights, as `sources.resolve_sources` takes it.
        device: ``cpu``, ``cuda``, or ``auto``: cuda where there is a GPU.
        address: of a Ray cluster whose cores and GPUs are counted; None is ``$RAY_ADDRESS``, a
            running Ray, else this machine.
        model_seconds: that reading a model's headers may take; one that takes longer is skipped.
        blocks: also of what the scan's `blocks` adds, heads of 64 where the configuration does not
            say how many there are.
        access: how to reach the hub; None is `hub.access.default_access`.

    Raises:
        SourceError: a source that is nothing.
        ZooError: no cluster at the address, no GPU where one was asked for, or no time for any
            model.
    """
    limits = Limits.allowed(model_seconds)
    resolved = resolve_sources(sources, access, variant)
    store, how = as_store(store), as_method(how)
    there, rates = machines(address, device), known_rates(store, how)
    of_gpu = rates.measured.get(there.gpu_kind)
    pricing = Pricing(
        how,
        rates.of(there.kind),
        of_gpu,
        there.node,
        there.gpus,
        replace(access or default_access(), download=False),
        limits,
    )
    further = [replace(pricing, how=replace(how, of="blocks"))] if blocks else []
    models, *others = _forecasts(resolved.refs, [pricing, *further], store)
    for other in others:
        models = [each.with_blocks(its) for each, its in zip(models, other, strict=True)]
    for problem in resolved.problems:
        models.append(Forecast(problem.repo_id, None, "", skipped=problem.message))
    remarks = tuple((ref.repo_id, text) for ref in resolved.refs for text in ref.remarks)
    calibrated = there.kind in rates.measured and (of_gpu is not None or not there.gpus)
    todo = [ref for ref, model in zip(resolved.refs, models, strict=False) if model.layers]
    start, up = 0.0, is_there(address)
    if todo:
        here, few = rates.of(machine()), fit_for_few(todo, device, up)
        start = start_seconds(here, few, up) + rates.of(there.kind).starting
    return ScanPlan(
        tuple(models),
        there.cpus,
        there.kind,
        calibrated,
        remarks,
        there.gpus,
        there.gpu_kind,
        start,
    )


def _forecasts(
    refs: Sequence[ModelRef], pricings: Sequence[Pricing], store: Store
) -> list[list[Forecast]]:
    """Forecasts by each method, in order; of what the store holds there is nothing to do."""
    stored = []
    for by in pricings:
        known = store.committed({ref.repo_id for ref in refs}, by.how.id)
        stored.append([is_known(ref, by.how.id, known) for ref in refs])
    todo = [
        (by, [ref for ref, known in zip(refs, each, strict=True) if not known])
        for by, each in zip(pricings, stored, strict=True)
    ]
    found = [iter(each) for each in _priced(todo)]
    return [
        [
            replace(forecast_of(ref, IN_STORE), layers=0) if known else next(priced)
            for ref, known in zip(refs, each, strict=True)
        ]
        for each, priced in zip(stored, found, strict=True)
    ]


def _priced(todo: Sequence[tuple[Pricing, Sequence[ModelRef]]]) -> list[list[Forecast]]:
    """Forecasts, in order, of processes beside this one, which may die over a model's headers."""
    found: list[dict[int, Forecast]] = [{} for _ in todo]

    def task(which: int, numbers: Sequence[int]) -> Task:
        by, refs = todo[which]

        def done(forecasts: Sequence[Forecast]) -> None:
            found[which].update(zip(numbers, forecasts, strict=True))

        def lost(error: BaseException, attempts: int) -> list[Forecast]:
            return [forecast_of(refs[number], why(error)) for number in numbers]

        def alone(at: int | None) -> list[Task]:
            return [task(which, [number]) for number in numbers]

        models = [refs[number] for number in numbers]
        split = alone if len(numbers) > 1 else None
        return Task(price_models, (models, by), done, lost, split=split)

    waiting = iter(
        [
            task(which, range(len(refs))[start : start + AT_ONCE])
            for which, (_, refs) in enumerate(todo)
            for start in range(0, len(refs), AT_ONCE)
        ]
    )
    models = sum(len(refs) for _, refs in todo)
    count = min(os.cpu_count() or 1, 1 + models // _WORTH_A_PROCESS)
    with LocalWorkers(count, AT_ONCE) as workers:
        run_tasks(lambda room: next(waiting, None), workers)
    return [[each[number] for number in sorted(each)] for each in found]
