"""Scan models into a store: what is known is skipped, the rest goes to processes that may die."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from zoo_analysis.cluster.account import Event, Summary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.flow import run_tasks
from zoo_analysis.cluster.listening import listeners
from zoo_analysis.cluster.placement import DEVICE, Device, device_for, is_there
from zoo_analysis.cluster.processes.local_workers import LocalWorkers
from zoo_analysis.cluster.processes.serving import permit
from zoo_analysis.cluster.processes.task import Workers
from zoo_analysis.cluster.processes.task_limits import MODEL_SECONDS, Limits
from zoo_analysis.cluster.scanning.batches import expected_seconds, fit_for_few
from zoo_analysis.cluster.scanning.machine_rates import (
    known_rates,
    rate_rows,
    start_rows,
    start_seconds,
)
from zoo_analysis.cluster.scanning.scan_by_method import known_and_new
from zoo_analysis.cluster.scanning.scan_tasks import MODULES, ScanSettings
from zoo_analysis.cluster.scanning.shared_batches import skip
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import DOWNLOADS, HubAccess, default_access
from zoo_analysis.hub.path import SCHEME
from zoo_analysis.imports.assigned_series import restate_series
from zoo_analysis.measure.rates import machine
from zoo_analysis.sources import ModelRef, Resolved, resolve_sources
from zoo_analysis.spectra.methods import Method, Preset, as_method
from zoo_analysis.store import Store, as_store

#: Seconds of one core for which a process pays.
_WORTH_A_PROCESS: Final = 2.0


def scan(
    sources: Sequence[str] | str | Resolved,
    store: Store | str | Path | None = None,
    how: Method | Preset | None = None,
    *,
    variant: str = "",
    device: Device = DEVICE,
    address: str | None = None,
    downloads: int = DOWNLOADS,
    cache_size: int | None = None,
    model_seconds: float = MODEL_SECONDS,
    model_memory: int | None = None,
    deltas: bool = False,
    blocks: bool = False,
    access: HubAccess | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
    retry_of: str | None = None,
) -> Summary:
    """Measure every model the sources name and commit its rows; models the store holds are skipped.

    What another scan of the store is doing is left to it, and done here if it does not come to it.

    Args:
        sources: as `sources.resolve_sources` takes them, or what it made of them.
        store: a store, or what `open_store` takes.
        how: the method, or the name of its preset; the default one where None.
        variant: of the weights, as `sources.resolve_sources` takes it.
        device: ``cpu``, ``cuda``, or ``auto``: cuda where and while the cluster has a GPU.
        address: of a Ray cluster; None is ``$RAY_ADDRESS``, else a local Ray.
        downloads: from the hub at the same time, on the whole cluster.
        cache_size: bytes on each node for weights of the hub that cannot be streamed; None is what
            the access says.
        model_seconds: that a model, or a piece of it, may take besides what its size explains.
        model_memory: bytes that a task may take, of 80 % of its node's at most; None is by the
            size of the model's layers.
        deltas: also the differences of models from the bases that their cards name, as `delta`
            has them.
        blocks: also what the matrices of a block make together, under a method of its own: products
            of each head of attention, likeness of experts.
        access: how to reach the hub; None is `hub.access.default_access`.
        on_event: told of each model and piece when it is done; a notebook shows a bar unless given.
        on_start: told how many models there are, and the bytes of their weights, once a method.
        retry_of: the scan_id of the scan whose failures these are, for the record.

    Returns:
        The account that is also a row of `scans`; models that failed are rows of `failures`.

    Raises:
        SourceError: a source that is nothing.
        StoreError: a store that cannot be written.
        ZooError: no cluster, no GPU where one was asked for, or limits that no model could keep.
    """
    limits = Limits.allowed(model_seconds, model_memory)
    resolved = (
        sources if isinstance(sources, Resolved) else resolve_sources(sources, access, variant)
    )
    refs, store, how = resolved.refs, as_store(store), as_method(how)
    if how.base is not None:
        raise ZooError(f"{how.id} measures differences: use `zoo_analysis.delta`, or `deltas`")
    if blocks and how.of == "blocks":
        raise ZooError(f"{how.id} measures blocks already: leave out `blocks`")
    on_event, on_start = listeners("scanning", on_event, on_start)
    summary = Summary(store.uri, how.id)
    config = how.as_dict() | {
        "device": device,
        "variant": variant or None,
        "downloads": downloads,
        "cache_size": cache_size,
        "model_seconds": model_seconds,
        "model_memory": model_memory,
        "deltas": deltas,
        "blocks": blocks,
        "sources": resolved.sources or [_source(ref) for ref in refs],
        "retry_of": retry_of,
    }
    methods = [how, replace(how, of="blocks")] if blocks else [how]
    parts = [known_and_new(store, refs, each) for each in methods]
    todo = [ref for part in parts for ref in part.todo]
    with (
        _processes(todo, device, address, downloads) as processes,
        RunWriter(store, summary, on_event, config) as writer,
    ):
        writer.refuse(resolved.problems)
        summary.remarks += [(ref.repo_id, text) for ref in refs for text in ref.remarks]
        nbytes = sum(ref.nbytes for ref in refs)
        writer.watched.progress.begin(len(refs) + len(resolved.problems), nbytes * len(methods))
        if on_start:
            on_start(len(refs), nbytes * len(methods))
        for part in parts:
            for ref in part.known:
                skip(ref, writer, part.how.id)
        if todo:
            there, few, begun = is_there(address), processes is not None, time.monotonic()
            kind, of_layers = machine(), replace(how, of="layers")
            start = start_seconds(known_rates(store, of_layers).of(kind), few, there)
            work = processes, todo, device, address, downloads
            with _workers(*work, writer) as (workers, processor):
                ray = 0.0 if few or there else time.monotonic() - begun
                reached = _access(todo, cache_size, access)
                for part in parts:
                    part.run(writer, workers, processor, reached, limits)
                if starts := start_rows(kind, ray=ray):
                    store.append("rates", rate_rows(starts, of_layers, summary.scan_id))
            summary.predicted += start
        if deltas:
            _scan_deltas(refs, writer, how, device, address, downloads, limits, access, variant)
        given = {ref.repo_id: ref.series for ref in refs if ref.series is not None}
        summary.remarks += restate_series(store, given)
    return summary


def _scan_deltas(
    refs: Sequence[ModelRef],
    writer: RunWriter[Summary],
    how: Method,
    device: Device,
    address: str | None,
    downloads: int,
    limits: Limits,
    access: HubAccess | None,
    variant: str,
) -> None:
    """Differences of the models whose base is known, a task each."""
    from zoo_analysis.cluster.scanning.delta_schedule import DeltaSchedule, derived_models

    if not (derived := derived_models(refs, writer, how, access, variant)):
        return
    both = [ref for pair in derived for ref in pair]
    writer.watched.progress.read_again(sum(ref.nbytes for ref, _ in derived))
    with (
        _processes(both, device, address, downloads) as processes,
        _workers(processes, both, device, address, downloads, writer) as (workers, processor),
    ):
        settings = ScanSettings(how, processor, _access(both, None, access))
        schedule = DeltaSchedule(writer, settings, derived, limits)
        try:
            run_tasks(schedule.next_task, workers, writer.commit_if_due)
        finally:
            writer.commit()


def _source(ref: ModelRef) -> str:
    """A model as a source of its own."""
    return f"{SCHEME}{ref.repo_id}@{ref.revision}" if ref.source == "hub" else ref.path


@contextmanager
def _processes(
    todo: Sequence[ModelRef], device: Device, address: str | None, downloads: int
) -> Iterator[LocalWorkers | None]:
    """Processes of this machine where the start of a cluster would not pay.

    They import their libraries while the store is told of the run.
    """
    if not todo or not fit_for_few(todo, device, is_there(address)):
        yield None
        return
    seconds = expected_seconds(todo)
    count = min(os.cpu_count() or 1, 1 + int(seconds / _WORTH_A_PROCESS))
    with LocalWorkers(count, downloads, MODULES) as workers:
        yield workers


@contextmanager
def _workers(
    processes: LocalWorkers | None,
    todo: Sequence[ModelRef],
    device: Device,
    address: str | None,
    downloads: int,
    writer: RunWriter[Summary],
) -> Iterator[tuple[Workers, Literal["cpu", "cuda"]]]:
    """Workers for models: the processes that there are, or those of a cluster."""
    if processes is not None:
        yield processes, "cpu"
        return
    from zoo_analysis.cluster.processes.downloads import Downloads
    from zoo_analysis.cluster.processes.ray_workers import RayWorkers
    from zoo_analysis.cluster.session import ray_session

    if not is_there(address):
        writer.tell(Event("starting", "Ray"))
    with ray_session(address) as link:
        gate = Downloads(downloads) if _of_hub(todo) else None
        yield RayWorkers(link, gate), device_for(device, later=True)


def _access(
    todo: Sequence[ModelRef], cache_size: int | None, access: HubAccess | None
) -> HubAccess | None:
    """How workers read models of the hub, by permit; None where there are none."""
    if not _of_hub(todo):
        return None
    access = access or default_access()
    size = access.cache_bytes if cache_size is None else cache_size
    return replace(access, cache_bytes=size, gate=permit)


def _of_hub(refs: Sequence[ModelRef]) -> bool:
    return any(ref.source == "hub" for ref in refs)
