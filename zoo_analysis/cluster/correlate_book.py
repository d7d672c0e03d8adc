"""Similarities on their way into the store, and the account of them."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

from zoo_analysis.cluster.correlate_tasks import Compared
from zoo_analysis.cluster.summary import new_scan_id
from zoo_analysis.cluster.worker import Failure
from zoo_analysis.pairwise.pairs import Pair
from zoo_analysis.sources import ModelRef
from zoo_analysis.store import Store
from zoo_analysis.store.schemas import ACCURACIES, FAILURES, SIMILARITIES

#: Rows are committed when there are this many, or after this many seconds.
_BATCH, BATCH_SECONDS = 20_000, 10.0
#: Reasons why models could not be compared that the summary names.
_REASONS = 5


@dataclass(frozen=True)
class CorrelateEvent:
    """Something was done: a model captured or failed, a pair compared or given up."""

    kind: Literal["captured", "compared", "failed", "dropped"]
    what: str


@dataclass
class CorrelateSummary:
    """A comparison's account of itself.

    Attributes:
        store: its URI.
        run_id: key of its rows in `similarities`, `scans` and `failures`.
        probes: what the models were shown.
        models: that were to be compared.
        forwarded: models that were run over their probe.
        cached: models whose activations were kept from an earlier run.
        pairs: pairs of models that were compared.
        skipped: pairs that the store held already, under every measure.
        apart: pairs of an image model and a language model, for which no probe was asked for.
        incomparable: numbers that could not be had of a pair; kept as rows without a value.
        failed: rows of `failures`.
        rows: added to `similarities`.
        seconds: wall clock.
        forward_seconds: of workers bringing models to life and running them.
        compare_seconds: of workers comparing.
        failures: what failed.
        reasons: why numbers could not be had.
    """

    store: str
    run_id: str = field(default_factory=new_scan_id)
    probes: tuple[str, ...] = ()
    models: int = 0
    forwarded: int = 0
    cached: int = 0
    pairs: int = 0
    skipped: int = 0
    apart: int = 0
    incomparable: int = 0
    failed: int = 0
    rows: int = 0
    seconds: float = 0.0
    forward_seconds: float = 0.0
    compare_seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        names = [name for name in self.__dataclass_fields__ if name != "failures"]
        plain = {name: getattr(self, name) for name in names}
        plain["failures"] = [
            {
                "repo_id": failed.ref.repo_id,
                "stage": failed.stage,
                "error": failed.error,
                "message": failed.message,
            }
            for failed in self.failures
        ]
        return plain


@dataclass
class CorrelateBook:
    """Collects what tasks yield, commits it in batches, and tells of it.

    All rows of a pair go into one commit: a whole model's row is there if and only if those of the
    layers are.
    """

    store: Store
    summary: CorrelateSummary
    tell: Callable[[CorrelateEvent], None]
    tables: list[pa.Table] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    committed_at: float = field(default_factory=time.monotonic)
    done: set[tuple[ModelRef, ModelRef]] = field(default_factory=set)

    def report(self, refs: Iterable[ModelRef]) -> None:
        """What the models' cards and catalogues report of them; what is known is not added."""
        refs = list(refs)
        self.summary.models = len(refs)
        rows = [asdict(accuracy) for ref in refs for accuracy in ref.accuracies]
        self.store.append("accuracies", pa.Table.from_pylist(rows, schema=ACCURACIES))

    def captured(self, ref: ModelRef, forwarded: bool, seconds: float) -> None:
        self.summary.forwarded += forwarded
        self.summary.cached += not forwarded
        self.summary.forward_seconds += seconds
        self.tell(CorrelateEvent("captured", ref.repo_id))

    def finish(self, pair: Pair, compared: Compared) -> None:
        self.done.add((pair.a, pair.b))
        self.summary.pairs = len(self.done)
        self.summary.compare_seconds += compared.seconds
        self.summary.incomparable += compared.incomparable
        for reason in compared.reasons:
            if reason not in self.summary.reasons and len(self.summary.reasons) < _REASONS:
                self.summary.reasons.append(reason)
        self.tables.append(compared.rows)
        for failed in compared.failures:
            self.note(failed)
        self.tell(CorrelateEvent("compared", f"{pair.a.repo_id} and {pair.b.repo_id}"))
        self.commit_if_due()

    def fail(self, failed: Failure) -> None:
        self.note(failed)
        self.tell(CorrelateEvent("failed", failed.ref.repo_id))

    def drop(self, pair: Pair) -> None:
        """A pair is given up, for one of its models failed."""
        self.tell(CorrelateEvent("dropped", f"{pair.a.repo_id} and {pair.b.repo_id}"))

    def note(self, failed: Failure) -> None:
        self.summary.failed += 1
        self.summary.failures.append(failed)
        self.failures.append(failed.row(self.summary.run_id))

    def commit_if_due(self) -> None:
        overdue = time.monotonic() - self.committed_at > BATCH_SECONDS
        if sum(map(len, self.tables)) >= _BATCH or (self.tables and overdue):
            self.commit()

    def commit(self) -> None:
        tables, self.tables = self.tables, []
        if tables:
            rows = pa.concat_tables(tables)
            made = {"run_id": self.summary.run_id, "computed_at": datetime.now(UTC)}
            for name, value in made.items():
                dtype = SIMILARITIES.field(name).type
                rows = rows.append_column(name, pa.repeat(pa.scalar(value, dtype), len(rows)))
            self.store.append("similarities", rows)
            self.summary.rows += len(rows)
        if self.failures:
            self.store.append("failures", pa.Table.from_pylist(self.failures, schema=FAILURES))
            self.failures = []
        self.committed_at = time.monotonic()
