"""Scan models into a store: what is known is skipped, the rest goes to Ray."""

from collections.abc import Callable, Sequence
from pathlib import Path

from zoo_analysis.cluster.account import Event, RunWriter, Summary
from zoo_analysis.cluster.downloads import access_for
from zoo_analysis.cluster.flow import listeners, run_tasks
from zoo_analysis.cluster.placement import DEVICE, Device, device_for
from zoo_analysis.cluster.scan_schedule import ScanSchedule, skip
from zoo_analysis.cluster.scan_tasks import ScanSettings, is_known
from zoo_analysis.cluster.session import ray_session
from zoo_analysis.cluster.task_limits import MODEL_SECONDS, Limits
from zoo_analysis.hub.access import DOWNLOADS, HubAccess
from zoo_analysis.sources import Resolved, resolve_sources
from zoo_analysis.spectra.methods import Method, Preset, as_method
from zoo_analysis.store import Store, as_store


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
    access: HubAccess | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
) -> Summary:
    """Measure every model the sources name and commit its rows; models the store holds are skipped.

    Args:
        sources: as `sources.resolve_sources` takes them, or what it made of them.
        store: a store, or what `open_store` takes.
        how: the method, or the name of its preset; the default one where None.
        variant: of the weights, as `sources.resolve_sources` takes it.
        device: ``cpu``, ``cuda``, or ``auto``: cuda where the cluster has a GPU.
        address: of a Ray cluster; None is ``$RAY_ADDRESS``, else a local Ray.
        downloads: from the hub at the same time, on the whole cluster.
        cache_size: bytes on each node for weights of the hub that cannot be streamed; None is what
            the access says.
        model_seconds: that a model, or a piece of it, may take besides what its size explains.
        model_memory: bytes that a task may take, of 80 % of its node's at most; None is by the
            size of the model's layers.
        access: how to reach the hub; None is `hub.access.default_access`.
        on_event: told of each model and piece when it is done; a notebook shows a bar unless given.
        on_start: told how many models there are, and the bytes of their weights.

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
    on_event, on_start = listeners("scanning", on_event, on_start)
    known = frozenset(store.committed())
    summary = Summary(store.uri, how.id)
    config = how.as_dict() | {"device": device, "variant": variant or None}
    with RunWriter(store, summary, on_event, config) as writer:
        writer.refuse(resolved.problems)
        summary.remarks += [(ref.repo_id, text) for ref in refs for text in ref.remarks]
        if on_start:
            on_start(len(refs), sum(ref.nbytes for ref in refs))
        # What is known without opening anything needs no cluster.
        todo = []
        for ref in refs:
            if is_known(ref, how, known):
                skip(ref, writer)
            else:
                todo.append(ref)
        if todo:
            with ray_session(address):
                gated = access_for(todo, downloads, cache_size, access)
                settings = ScanSettings(how, device_for(device), gated)
                schedule = ScanSchedule(writer, settings, todo, known, limits)
                run_tasks(schedule.next_task, writer.commit_if_due)
    return summary
