"""Scan models into a store: what is known is skipped, the rest goes to Ray."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import ray

from zoo_analysis.cluster.account import Book, versions
from zoo_analysis.cluster.downloads import DOWNLOADS, access_for
from zoo_analysis.cluster.scan_schedule import ScanSchedule
from zoo_analysis.cluster.session import device_for, ray_session
from zoo_analysis.cluster.summary import Event, Summary
from zoo_analysis.cluster.worker import Failure
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.sources import ModelRef, Problem, resolve_sources
from zoo_analysis.spectra import Method
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.schemas import SCANS


def scan(
    sources: Sequence[str],
    store: Store | str | None = None,
    how: Method | None = None,
    *,
    device: str = "auto",
    address: str | None = None,
    downloads: int = DOWNLOADS,
    cache_size: int | None = None,
    access: HubAccess | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
) -> Summary:
    """Measure every model the sources name and commit its rows; models the store holds are skipped.

    Args:
        sources: as `sources.resolve_sources` takes them.
        store: a store or its URI; None is ``$ZOO_STORE``, else ``./zoo-store``.
        how: the method; the default one where None.
        device: ``cpu``, ``cuda``, or ``auto``: cuda where the cluster has a GPU.
        address: of a Ray cluster; None is ``$RAY_ADDRESS``, else a local Ray.
        downloads: from the hub at the same time, on the whole cluster.
        cache_size: bytes on each node for weights of the hub that cannot be streamed.
        access: how to reach the hub; None is `hub.access.default_access`.
        on_event: told of each model and piece when it is done.
        on_start: told how many models there are, and the bytes of their weights.

    Returns:
        The account that is also a row of `scans`; models that failed are rows of `failures`.

    Raises:
        SourceError: a source that is nothing.
        StoreError: a store that cannot be written.
        ZooError: no cluster, or no GPU where one was asked for.
    """
    resolved = resolve_sources(sources, access)
    return scan_models(
        resolved.refs,
        store if isinstance(store, Store) else open_store(store),
        how or Method(),
        problems=resolved.problems,
        device=device,
        address=address,
        downloads=downloads,
        cache_size=cache_size,
        access=access,
        on_event=on_event,
        on_start=on_start,
    )


def scan_models(
    refs: Sequence[ModelRef],
    store: Store,
    how: Method,
    *,
    problems: Iterable[Problem] = (),
    device: str = "auto",
    address: str | None = None,
    downloads: int = DOWNLOADS,
    cache_size: int | None = None,
    access: HubAccess | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
) -> Summary:
    """`scan` of models already resolved, and of the problems met in resolving them."""
    started, clock = datetime.now(UTC), time.monotonic()
    book = Book(store, how, Summary(store.uri, how.id), on_event or (lambda event: None))
    for problem in problems:
        ref = ModelRef(problem.repo_id, None, "", "local", 0)
        book.fail(Failure(ref, problem.stage, problem.error, problem.message))
    known = frozenset(store.committed())
    if on_start:
        on_start(len(refs), sum(ref.nbytes for ref in refs))
    try:
        # What is known without opening anything needs no cluster.
        todo = [ref for ref in refs if not book.skip_known(ref, known)]
        if todo:
            with ray_session(address):
                reach = access_for(todo, downloads, cache_size, access)
                ScanSchedule(book, how, device_for(device), ray.put(known), reach).run(todo)
    finally:
        book.commit()
        summary = book.summary
        summary.seconds = round(time.monotonic() - clock, 3)
        row = {name: getattr(summary, name) for name in SCANS.names if hasattr(summary, name)}
        row |= {
            "started_at": started,
            "finished_at": datetime.now(UTC),
            "config": json.dumps(how.as_dict() | {"device": device}),
            "versions": json.dumps(versions()),
        }
        store.append("scans", pa.Table.from_pylist([row], schema=SCANS))
    return summary
