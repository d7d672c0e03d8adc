"""Lineages of models, told from their weights: each is read once, pairs that are known are not."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from zoo_analysis.cluster.account import Event, RunSummary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.comparing.lineage_reading import ModelReader
from zoo_analysis.cluster.comparing.lineage_rows import LineageRows
from zoo_analysis.cluster.comparing.lineage_work import LineageWork, lineage_work
from zoo_analysis.cluster.flow import run_tasks
from zoo_analysis.cluster.listening import listeners
from zoo_analysis.cluster.placement import is_there
from zoo_analysis.cluster.processes.task_limits import MODEL_SECONDS, Limits
from zoo_analysis.cluster.scanning.batches import LITTLE
from zoo_analysis.cluster.worker import Failure, failure
from zoo_analysis.errors import StoreError, ZooError
from zoo_analysis.hub.access import DOWNLOADS, HubAccess, default_access
from zoo_analysis.pairwise.lineage.fingerprint import Fingerprint, fingerprint
from zoo_analysis.pairwise.lineage.relatives import compared_rows, judged
from zoo_analysis.pairwise.settings import LEVEL
from zoo_analysis.sources import ModelRef, resolve_revision, resolve_sources
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow
from zoo_analysis.store.runs import new_run_id
from zoo_analysis.store.schemas import LINEAGE

_SOURCES = """
SELECT DISTINCT unnest(CAST(config->'$.sources' AS VARCHAR[])) AS source FROM scans
WHERE method <> 'correlate' AND method <> 'lineage'
ORDER BY 1
"""


@dataclass
class LineageSummary(RunSummary):
    """The account of a comparison of lineages.

    Attributes:
        store: its URI.
        run_id: key of its rows in `lineage`, `scans` and `failures`.
        level: chance of a false alarm of the independence test among all pairs.
        models: that there were.
        read: whose weights were read now.
        pairs: that there are rows of.
        known: of these, pairs that the store had, by this method and of these revisions.
        incompatible: pairs that have no layer of one name and shape, found now.
        related: pairs that are kin.
        undecided: pairs of which nothing can be told: no layer in common.
        undeclared: pairs that are kin, of which no card says so.
        unrelated: pairs that cards call kin, and are not.
        failed: rows of `failures`.
        seconds: wall clock.
        rows: of all these pairs.
        added: rows that were added to `lineage`: new, or changed by pairs that came to them; twice
            where they were added before all pairs were there to judge them by.
        failures: what failed.
        remarks: what is left out of account: of which model, and in a sentence what.
    """

    store: str
    level: float
    run_id: str = field(default_factory=lambda: new_run_id("lineage"))
    models: int = 0
    read: int = 0
    pairs: int = 0
    known: int = 0
    incompatible: int = 0
    related: int = 0
    undecided: int = 0
    undeclared: int = 0
    unrelated: int = 0
    failed: int = 0
    seconds: float = 0.0
    rows: pa.Table = field(default_factory=LINEAGE.empty_table)
    added: int = 0
    failures: list[Failure] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return super().as_dict() | {"rows": self.rows.to_pylist()}

    def columns(self) -> dict[str, Any]:
        """Columns of the table `scans`."""
        told = {"scan_id": self.run_id, "method": "lineage", "scanned": self.read, "skipped": 0}
        return told | {"failed": self.failed, "layers": 0, "seconds": self.seconds}

    def kept(self) -> str:
        """The rows that were committed."""
        return f"{self.added} rows of this comparison are in {self.store}" if self.added else ""


def lineage(
    sources: Sequence[str] | str = (),
    store: Store | str | Path | None = None,
    *,
    level: float = LEVEL,
    address: str | None = None,
    model_seconds: float = MODEL_SECONDS,
    model_memory: int | None = None,
    access: HubAccess | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
) -> LineageSummary:
    """Tell of each two models whether one came from the other, or both from one, by their weights.

    Each model is read once, in a process of its own, and kept in brief, some 10 to 100 MB, and all
    pairs are compared: in this process, or on Ray where that takes longer than its start. Pairs
    that the table `lineage` has already are not computed again, and models of which all pairs are
    known are not read; what depends on all pairs together, such as trees, is told anew. A run that
    breaks off leaves what it computed in the store, not judged yet, for the next one.

    Args:
        sources: as `sources.resolve_sources` takes them; none is all that the store's scans were
            of.
        store: a store, or what `open_store` takes.
        level: chance of a false alarm of the independence test among all pairs together.
        address: of a Ray cluster; None is ``$RAY_ADDRESS``, else a local Ray where one pays.
        model_seconds: that reading a model, or comparing a pair, may take besides what their sizes
            explain; other than the default, the work is done on Ray, where it can be ended.
        model_memory: bytes that a task may take; None is by its layers' sizes; likewise.
        access: how to reach the hub; None is `hub.access.default_access`.
        on_event: told of each model when it is read; a notebook shows a bar unless given.
        on_start: told how many models there are, and the bytes of their weights.

    Returns:
        The account, with the rows; models that failed are rows of `failures`.

    Raises:
        SourceError: a source that is nothing.
        StoreError: a store that cannot be written, or none to tell the sources.
        ZooError: fewer than two models, a level or a limit that is none, or no cluster.
    """
    if not 0 < level < 1:
        raise ZooError(f"level is {level:g}: give a share within 0 and 1, such as {LEVEL}")
    limits = Limits.allowed(model_seconds, model_memory)
    store = as_store(store)
    if not sources:
        sources = store.run(_SOURCES)["source"].to_pylist()
    resolved = resolve_sources(sources, access) if sources else None
    if resolved is None or len(resolved.refs) + len(resolved.problems) < 2:
        count = len(resolved.refs) if resolved else 0
        raise ZooError(f"lineage is of two models and more, here {count}; name more sources")
    on_event, on_start = listeners("reading", on_event, on_start)
    summary = LineageSummary(store.uri, level)
    config = {"sources": resolved.sources, "level": level}
    with RunWriter(store, summary, on_event, config) as writer:
        writer.refuse(resolved.problems)
        nbytes = sum(ref.nbytes for ref in resolved.refs)
        summary.models = len(resolved.refs) + len(resolved.problems)
        writer.watched.progress.begin(summary.models, nbytes)
        if on_start:
            on_start(len(resolved.refs), nbytes)
        with ModelReader(writer, access, limits) as reader:
            work = lineage_work(_with_revisions(resolved.refs, writer, access), writer, reader)
            summary.known, summary.incompatible = work.known, work.incompatible
            kept = LineageRows(store, summary.run_id, work)
            for place in sorted({*range(len(work.refs))} - {*work.models} - work.failed):
                ref = work.refs[place]
                writer.tell(Event("skipped", ref.repo_id, bytes=ref.nbytes))
            here = not is_there(address) and work.seconds <= LITTLE and limits == Limits()
            prints = _read_here(work, writer, reader) if here else {}
        try:
            if here:
                _compare_here(work, writer, kept, prints)
            else:
                _on_ray(work, writer, kept, address, access, limits)
            rows = judged(work.refs, dict(sorted(work.rows.items())), level)
            _count(summary, rows)
            summary.rows = kept.commit(rows)
        except BaseException:
            with suppress(StoreError):
                kept.commit_computed()
            raise
        finally:
            summary.added = kept.added
    return summary


def _with_revisions(
    refs: Sequence[ModelRef], writer: RunWriter[LineageSummary], access: HubAccess | None
) -> list[ModelRef]:
    found = []
    for ref in refs:
        try:
            found.append(resolve_revision(ref))
        except Exception as error:  # of contents that no reader foresees, too
            writer.fail(failure(ref, "lineage", error, access=access))
    return found


def _read_here(
    work: LineageWork, writer: RunWriter[LineageSummary], reader: ModelReader
) -> dict[int, Fingerprint]:
    """Fingerprints of the models that are to be read, made beside this process."""
    prints: dict[int, Fingerprint] = {}

    def done(place: int, found: Fingerprint) -> None:
        ref = work.refs[place]
        prints[place] = found
        writer.summary.read += 1
        writer.tell(Event("scanned", ref.repo_id, layers=found.layers, bytes=ref.nbytes))

    reader.each(fingerprint, {place: work.refs[place] for place in work.models}, done)
    writer.summary.remarks += [
        (work.refs[place].repo_id, prints[place].remark)
        for place in sorted(prints)
        if prints[place].remark
    ]
    return prints


def _compare_here(
    work: LineageWork,
    writer: RunWriter[LineageSummary],
    kept: LineageRows,
    prints: Mapping[int, Fingerprint],
) -> None:
    """Compute the pairs that are missing in this process."""
    for i, j in work.missing:
        if i in prints and j in prints:
            a, b = work.refs[i], work.refs[j]
            try:
                work.rows[i, j] = compared_rows(a, b, prints[i], prints[j])
            except Exception as error:  # of numbers that no measure foresees
                writer.note(failure(a, "lineage", error).about(f"with {b.repo_id}"))
            kept.commit_if_due()


def _on_ray(
    work: LineageWork,
    writer: RunWriter[LineageSummary],
    kept: LineageRows,
    address: str | None,
    access: HubAccess | None,
    limits: Limits,
) -> None:
    """Compute what is missing on the workers of a cluster."""
    from zoo_analysis.cluster.comparing.lineage_schedule import LineageSchedule
    from zoo_analysis.cluster.processes.downloads import Downloads
    from zoo_analysis.cluster.processes.ray_workers import RayWorkers
    from zoo_analysis.cluster.session import ray_session

    if not work.missing:
        return
    if not is_there(address):
        writer.tell(Event("starting", "Ray"))
    with ray_session(address) as link:
        gated = None
        if any(work.refs[place].source == "hub" for place in work.models):
            gated = replace(access or default_access(), gate=Downloads(DOWNLOADS))
        schedule = LineageSchedule(writer, work, gated, limits)
        run_tasks(schedule.next_task, RayWorkers(link), kept.commit_if_due)
    writer.summary.remarks += schedule.remarks


def _count(summary: LineageSummary, rows: Sequence[KinshipRow]) -> None:
    for row in rows:
        if row.measure == "kinship":
            summary.pairs += 1
            summary.related += bool(row.related)
            summary.undecided += row.related is None
            summary.undeclared += bool(row.related) and row.declared is None
            summary.unrelated += row.related is False and row.declared is not None
