"""Lineages of models, told from their weights: each is read once, in this process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from zoo_analysis.cluster.account import Event, RunSummary
from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.listening import listeners
from zoo_analysis.cluster.worker import Failure, failure
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.pairwise.lineage.fingerprint import Fingerprint, fingerprint
from zoo_analysis.pairwise.lineage.relatives import kinship_rows
from zoo_analysis.pairwise.settings import LEVEL
from zoo_analysis.sources import ModelRef, resolve_revision, resolve_sources
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.records import table_of
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow
from zoo_analysis.store.runs import made_by, new_run_id
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
        read: that could be read.
        pairs: of these.
        related: pairs that are kin.
        undecided: pairs of which nothing can be told: no layer in common.
        undeclared: pairs that are kin, of which no card says so.
        unrelated: pairs that cards call kin, and are not.
        failed: rows of `failures`.
        seconds: wall clock.
        rows: that were added to `lineage`.
        failures: what failed.
    """

    store: str
    level: float
    run_id: str = field(default_factory=lambda: new_run_id("lineage"))
    models: int = 0
    read: int = 0
    pairs: int = 0
    related: int = 0
    undecided: int = 0
    undeclared: int = 0
    unrelated: int = 0
    failed: int = 0
    seconds: float = 0.0
    rows: pa.Table = field(default_factory=LINEAGE.empty_table)
    failures: list[Failure] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return super().as_dict() | {"rows": self.rows.to_pylist()}

    def columns(self) -> dict[str, Any]:
        """Columns of the table `scans`."""
        told = {"scan_id": self.run_id, "method": "lineage", "scanned": self.read, "skipped": 0}
        return told | {"failed": self.failed, "layers": 0, "seconds": self.seconds}

    def kept(self) -> str:
        """The rows that were committed."""
        return f"{len(self.rows)} rows of this comparison are in {self.store}"


def lineage(
    sources: Sequence[str] | str = (),
    store: Store | str | Path | None = None,
    *,
    level: float = LEVEL,
    access: HubAccess | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
) -> LineageSummary:
    """Tell of each two models whether one came from the other, or both from one, by their weights.

    Each model is read once and kept in brief, some 10 to 100 MB; all pairs are compared in this
    process, and their rows added to the table `lineage`.

    Args:
        sources: as `sources.resolve_sources` takes them; none is all that the store's scans were
            of.
        store: a store, or what `open_store` takes.
        level: chance of a false alarm of the independence test among all pairs together.
        access: how to reach the hub; None is `hub.access.default_access`.
        on_event: told of each model when it is read; a notebook shows a bar unless given.
        on_start: told how many models there are, and the bytes of their weights.

    Returns:
        The account, with the rows; models that failed are rows of `failures`.

    Raises:
        SourceError: a source that is nothing.
        StoreError: a store that cannot be written, or none to tell the sources.
        ZooError: fewer than two models.
    """
    store = as_store(store)
    if not sources:
        sources = store.run(_SOURCES)["source"].to_pylist()
    resolved = resolve_sources(sources, access) if sources else None
    if resolved is None or len(resolved.refs) + len(resolved.problems) < 2:
        count = len(resolved.refs) if resolved else 0
        raise ZooError(f"{count} models: lineage is of two and more; name more sources")
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
        refs, prints = _read(resolved.refs, writer, access)
        rows = kinship_rows(refs, prints, level)
        _count(summary, rows)
        now = {"run_id": summary.run_id, "computed_at": datetime.now(UTC)}
        summary.rows = made_by(table_of(KinshipRow, rows), LINEAGE, **now)
        store.append("lineage", summary.rows)
    return summary


def _read(
    refs: Sequence[ModelRef], writer: RunWriter[LineageSummary], access: HubAccess | None
) -> tuple[list[ModelRef], list[Fingerprint]]:
    read: list[ModelRef] = []
    prints: list[Fingerprint] = []
    for ref in refs:
        try:
            known = resolve_revision(ref)
            prints.append(fingerprint(known, access))
        except Exception as error:  # of weights that no reader foresees, too
            writer.fail(failure(ref, "lineage", error, access=access))
            continue
        read.append(known)
        writer.summary.read += 1
        writer.tell(Event("scanned", ref.repo_id, layers=prints[-1].layers, bytes=ref.nbytes))
    return read, prints


def _count(summary: LineageSummary, rows: Sequence[KinshipRow]) -> None:
    for row in rows:
        if row.measure == "kinship":
            summary.pairs += 1
            summary.related += bool(row.related)
            summary.undecided += row.related is None
            summary.undeclared += bool(row.related) and row.declared is None
            summary.unrelated += row.related is False and row.declared is not None
