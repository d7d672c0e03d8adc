"""The account of a run: rows on their way into the store, what it tells, and what it came to."""

import json
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Generic, Literal, Self, TypeVar, cast

import pyarrow as pa

from zoo_analysis.answers.defaults import LEAST_COVERAGE
from zoo_analysis.cluster.commits import commit_each
from zoo_analysis.cluster.worker import Failure
from zoo_analysis.sources import Accuracy, ModelRef, Problem
from zoo_analysis.store import ModelRows, Store
from zoo_analysis.store.records import table_of
from zoo_analysis.store.runs import made_by, new_run_id, record_run
from zoo_analysis.store.schemas import FAILURES, SIMILARITIES

#: Rows are committed when there are so many models or similarities, or after so many seconds.
_MODELS, _SIMILARITIES, BATCH_SECONDS = 32, 20_000, 10.0


@dataclass(frozen=True)
class Event:
    """Something done in a run.

    Attributes:
        kind: of a scan: a model, or a piece of one; of a comparison: a model captured or failed, a
            pair compared or given up.
        what: the model's repo_id, or those of the pair.
        layers: that were measured.
        bytes: of weights that are done with.
    """

    kind: Literal["scanned", "skipped", "failed", "piece", "captured", "compared", "dropped"]
    what: str
    layers: int = 0
    bytes: float = 0.0


class RunSummary:
    """The part that the summaries of all runs share."""

    failed: int
    seconds: float
    failures: list[Failure]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        plain = {name: value for name, value in vars(self).items() if name != "failures"}
        return plain | {"failures": [failure.as_dict() for failure in self.failures]}

    def committed(self, models: Sequence[ModelRows], similarities: int) -> None:
        """Count rows that are in the store now."""

    def columns(self) -> Mapping[str, Any]:
        """Its columns of the table `scans`."""
        raise NotImplementedError


@dataclass
class Summary(RunSummary):
    """A scan's account of itself.

    Attributes:
        scan_id: key of its rows in `scans` and `failures`.
        scanned: models whose rows were committed.
        skipped: models the store held already.
        failed: models in `failures`.
        layers: rows added to `layers`.
        parameters_total: of the scanned models.
        parameters_measured: of those, what lies in layers that can be measured.
        incomplete: models of whose matrices less than `LEAST_COVERAGE` is measured.
        not_understood: models with tensors that are not understood.
        seconds: wall clock.
        store: the store's URI.
        method: the method's id.
        failures: what failed.
        remarks: what sources left out of account: of which model, and in a sentence what.
    """

    store: str
    method: str
    scan_id: str = field(default_factory=new_run_id)
    scanned: int = 0
    skipped: int = 0
    failed: int = 0
    layers: int = 0
    parameters_total: int = 0
    parameters_measured: int = 0
    incomplete: list[str] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)

    def committed(self, models: Sequence[ModelRows], similarities: int) -> None:
        """Count rows that were committed."""
        self.scanned += len(models)
        self.layers += sum(len(rows.layers) for rows in models)
        for rows in models:
            model, left_out = cast("Mapping[str, Any]", rows.model), rows.left_out
            self.parameters_total += model.get("parameters_total") or 0
            self.parameters_measured += model.get("parameters_measured") or 0
            coverage = model.get("coverage")
            if coverage is not None and coverage < LEAST_COVERAGE:
                self.incomplete.append(model["repo_id"])
            if left_out is not None and "not-understood" in left_out["reason"].to_pylist():
                self.not_understood.append(model["repo_id"])

    def columns(self) -> Mapping[str, Any]:
        """Columns of the table `scans`, and others."""
        return vars(self)


@dataclass
class CorrelateSummary(RunSummary):
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
    run_id: str = field(default_factory=new_run_id)
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

    def committed(self, models: Sequence[ModelRows], similarities: int) -> None:
        """Count rows that were committed."""
        self.rows += similarities

    def columns(self) -> Mapping[str, Any]:
        """Columns of the table `scans`."""
        scanned = self.forwarded + self.cached
        told = {"scan_id": self.run_id, "method": "correlate", "scanned": scanned, "skipped": 0}
        return told | {"failed": self.failed, "layers": 0, "seconds": self.seconds}


_S = TypeVar("_S", bound=RunSummary)


@dataclass
class RunWriter(Generic[_S]):
    """A run's way into the store, and all that it tells.

    Inside the `with`, rows are collected and committed in batches. At its end, whatever ended it,
    the rest is committed and the run is recorded in `scans`. All rows of a model, and all of a pair
    of models, go into one commit: the row of the whole is there if those of the layers are.

    Attributes:
        store: where to.
        summary: what the run came to so far.
        on_event: called for each `Event`.
        config: what the run was asked for, as plain values.
        models: measured, not yet committed.
        similarities: rows of pairs not yet committed, less whose run they are of.
    """

    store: Store
    summary: _S
    on_event: Callable[[Event], None] | None
    config: Mapping[str, Any]
    models: list[ModelRows] = field(default_factory=list)
    similarities: list[pa.Table] = field(default_factory=list)
    _accuracies: list[Accuracy] = field(default_factory=list)
    _failures: list[dict[str, Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._run_id = str(self.summary.columns()["scan_id"])
        self._started, self._committed_at = datetime.now(UTC), time.monotonic()
        self._clock = self._committed_at
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.commit()
        finally:
            self.summary.seconds = round(time.monotonic() - self._clock, 3)
            columns = {**self.summary.columns(), "versions": json.dumps(versions())}
            record_run(self.store, self._started, self.config, columns)

    def tell(self, event: Event) -> None:
        """Report an event."""
        if self.on_event:
            self.on_event(event)

    def report(self, ref: ModelRef) -> None:
        """Add what a model's card and catalogues report of it, where that is new."""
        self._accuracies += ref.accuracies

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Count members of the sources that cannot be read as failures."""
        for problem in problems:
            ref = ModelRef(problem.repo_id, None, "", "local", 0)
            self.fail(Failure(ref, problem.stage, problem.error, problem.message))

    def fail(self, failed: Failure, done: float = 0.0) -> None:
        """Count a model that failed, after so many bytes of it were told of."""
        self.note(failed)
        self.tell(Event("failed", failed.ref.repo_id, bytes=failed.ref.nbytes - done))

    def note(self, failed: Failure) -> None:
        """Count a failure that is told of in another event."""
        self.summary.failed += 1
        self.summary.failures.append(failed)
        self._failures.append(failed.row(self._run_id))

    def commit_if_due(self) -> None:
        """Commit where a batch is full or has waited long."""
        rows = sum(map(len, self.similarities))
        overdue = time.monotonic() - self._committed_at > BATCH_SECONDS
        full = len(self.models) >= _MODELS or rows >= _SIMILARITIES
        if full or (overdue and (self.models or rows)):
            self.commit()

    def commit(self) -> None:
        """Commit all that is there; what failed is recorded even where the rows cannot be."""
        try:
            self._commit_rows()
        finally:
            self._commit_reports()
            self._committed_at = time.monotonic()

    def _commit_rows(self) -> None:
        models, self.models = self.models, []
        models, unwritten = commit_each(self.store, models, self._run_id)
        for failed in unwritten:
            self.note(failed)
        similarities, self.similarities = self.similarities, []
        if similarities:
            rows = pa.concat_tables(similarities)
            mine = {"run_id": self._run_id, "computed_at": datetime.now(UTC)}
            self.store.append("similarities", made_by(rows, SIMILARITIES, **mine))
        self.summary.committed(models, sum(map(len, similarities)))

    def _commit_reports(self) -> None:
        if self._accuracies:
            self.store.append("accuracies", table_of(Accuracy, self._accuracies))
            self._accuracies.clear()
        if self._failures:
            rows = pa.Table.from_pylist(self._failures, schema=FAILURES)
            self.store.append("failures", rows)
            self._failures.clear()


def versions() -> dict[str, str]:
    """Versions of Python and of what the numbers depend on."""
    out = {"python": platform.python_version()}
    for name in ("zoo-analysis", "torch", "numpy", "scipy", "ray", "deltalake"):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return out
