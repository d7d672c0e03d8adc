"""Compare every model with every other, each run once: `zoo correlate`."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa
import ray

from zoo_analysis.activations.pooling import PUBLISHED_IMAGES, Neurons
from zoo_analysis.activations.probes.named import load_probe
from zoo_analysis.activations.probes.probe import Kind, Probe
from zoo_analysis.cluster.account import versions
from zoo_analysis.cluster.correlate_book import CorrelateBook, CorrelateEvent, CorrelateSummary
from zoo_analysis.cluster.correlate_schedule import CorrelateSchedule
from zoo_analysis.cluster.correlate_tasks import Kit
from zoo_analysis.cluster.downloads import DOWNLOADS, access_for
from zoo_analysis.cluster.session import device_for, ray_session
from zoo_analysis.cluster.worker import Failure, call, failure
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.pairwise.pairs import known_pairs, plan
from zoo_analysis.pairwise.reference import kind_of, with_reference
from zoo_analysis.pairwise.settings import ComparisonSettings, Mode
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.sources import ModelRef, resolve_revision, resolve_sources
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.schemas import SCANS

#: Bytes on each node for activations, unless told otherwise.
CACHE_BYTES = 20 * 10**9
#: What models are shown unless told otherwise.
_PROBES: Mapping[Kind, str] = {"images": "photos", "text": "text"}


def correlate(
    sources: Sequence[str],
    store: Store | str | None = None,
    *,
    measures: Sequence[str] = ("neuronal",),
    reference: str | None = None,
    mode: Mode = "full",
    neurons: Neurons = "channel",
    layers: str = "all",
    probe: str | None = None,
    samples: int = 512,
    positions: int | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    address: str | None = None,
    cache_size: int | None = None,
    access: HubAccess | None = None,
    on_event: Callable[[CorrelateEvent], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
) -> CorrelateSummary:
    """Compare models pair by pair and commit the numbers; those the store holds are skipped.

    Every model is run once over the probe, however many it is compared with.

    Args:
        sources: as `sources.resolve_sources` takes them.
        store: a store or its URI; None is ``$ZOO_STORE``, else ``./zoo-store``.
        measures: names of `similarity.measures`.
        reference: compare each model with this one only: a repo_id, or a source of one model. All
            pairs where None.
        mode: ``full`` or ``partial``: see `ComparisonSettings`.
        neurons: ``channel``, ``unit`` or ``published``: see `ComparisonSettings`; of a
            language model a neuron is always a hidden dimension.
        layers: which layers, as `activations.capture` takes it.
        probe: as `activations.load_probe` takes it; None is photographs for image models and a text
            for language models.
        samples: of the probe, at most.
        positions: grid positions a side that are kept of a layer; None is 4, and all for
            ``published``.
        device: ``cpu``, ``cuda``, or ``auto``: cuda where the cluster has a GPU.
        address: of a Ray cluster; None is ``$RAY_ADDRESS``, else a local Ray.
        cache_size: bytes on each node for activations, kept from run to run.
        access: how to reach the hub; None is `hub.access.default_access`.
        on_event: told of each model and pair when it is done.
        on_start: told how many models there are, and how many steps will be told of.

    Returns:
        The account; models and pairs that failed are rows of `failures`.

    Raises:
        SourceError: a source that is nothing.
        SimilarityError: an unknown measure.
        ActivationError: a probe that is nothing.
        StoreError: a store that cannot be written.
        ZooError: fewer than two models, no such reference, no cluster, or no GPU where one was
            asked for.
    """
    chosen = [get_measure(name) for name in dict.fromkeys(measures)]
    if neurons == "published":
        samples = min(samples, PUBLISHED_IMAGES)
    elif positions is None:
        positions = 4
    how = ComparisonSettings(mode, neurons, layers, positions)
    resolved = resolve_sources(sources, access)
    refs, of = list(resolved.refs), frozenset[str]()
    if reference is not None:
        refs, name = with_reference(refs, reference, access)
        of = frozenset([name])
    if len(refs) + len(resolved.problems) < 2:
        raise ZooError(f"{len(refs)} models: comparing takes two; name more sources")
    shown: dict[Kind, Probe] = {}
    if any(measure.of != "weights" for measure in chosen):
        for kind in sorted({kind_of(ref) for ref in refs}):
            shown[kind] = load_probe(probe or _PROBES[kind], samples)
    opened = store if isinstance(store, Store) else open_store(store)
    with _account(opened, on_event or (lambda event: None), chosen, how) as book:
        for problem in resolved.problems:
            missing = ModelRef(problem.repo_id, None, "", "local", 0)
            book.fail(Failure(missing, problem.stage, problem.error, problem.message))
        book.summary.probes = tuple(sorted({probe.id for probe in shown.values()}))
        with ray_session(address):
            refs = list(_with_revisions(refs, book))
            book.report(refs)
            work = plan(
                refs,
                of,
                chosen,
                how,
                {ref: kind_of(ref) for ref in refs},
                {kind: probe.id for kind, probe in shown.items()},
                known_pairs(opened, chosen),
            )
            book.summary.skipped, book.summary.apart = work.skipped, work.apart
            if on_start:
                on_start(len(refs), work.steps)
            if work.steps:
                limit = CACHE_BYTES if cache_size is None else cache_size
                reach = access_for(refs, DOWNLOADS, None, access)
                kit = Kit(how, device_for(device), limit, reach)
                probes = {kind: ray.put(probe) for kind, probe in shown.items()}
                CorrelateSchedule(book, kit, lambda ref: probes[kind_of(ref)]).run(work)
    return book.summary


def _with_revisions(refs: Iterable[ModelRef], book: CorrelateBook) -> Iterator[ModelRef]:
    """The models with their revisions; those on disk are read for it, side by side."""
    tasks = {ref: None if ref.revision else call.remote(resolve_revision, ref) for ref in refs}
    for ref, task in tasks.items():
        try:
            yield ref if task is None else ray.get(task)
        except (ZooError, ray.exceptions.RayError) as error:
            book.fail(failure(ref, "revision", error))


@contextmanager
def _account(
    store: Store,
    tell: Callable[[CorrelateEvent], None],
    measures: list[Measure],
    how: ComparisonSettings,
) -> Iterator[CorrelateBook]:
    """A book whose rows are committed, and whose run is recorded, whatever happens meanwhile."""
    started, clock = datetime.now(UTC), time.monotonic()
    book = CorrelateBook(store, CorrelateSummary(store.uri), tell)
    try:
        yield book
    finally:
        book.commit()
        summary = book.summary
        summary.seconds = round(time.monotonic() - clock, 3)
        names = [measure.name for measure in measures]
        row = {
            "scan_id": summary.run_id,
            "started_at": started,
            "finished_at": datetime.now(UTC),
            "method": "correlate",
            "config": json.dumps(asdict(how) | {"measures": names, "probes": summary.probes}),
            "versions": json.dumps(versions()),
            "scanned": summary.forwarded + summary.cached,
            "skipped": 0,
            "failed": summary.failed,
            "layers": 0,
            "seconds": summary.seconds,
        }
        store.append("scans", pa.Table.from_pylist([row], schema=SCANS))
