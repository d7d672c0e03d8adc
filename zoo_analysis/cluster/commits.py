"""A run's way into the store: rows are collected, and committed by a thread of their own."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, Self, TypeVar

import pyarrow as pa

from zoo_analysis.cluster.account import Event, RunSummary
from zoo_analysis.cluster.watched_run import WatchedRun
from zoo_analysis.cluster.worker import Failure, unwritten
from zoo_analysis.errors import StoreError
from zoo_analysis.sources import Accuracy, ModelRef, Problem
from zoo_analysis.store import ModelRows, Store
from zoo_analysis.store.model_rows import Tables, apart, assemble_each
from zoo_analysis.store.records import table_of
from zoo_analysis.store.runs import RunEnd, made_by
from zoo_analysis.store.schemas import FAILURES, SIMILARITIES

#: Rows are committed when there are so many models, pairs or bytes, or after so many seconds.
_MODELS, _SIMILARITIES, _BYTES, BATCH_SECONDS = 1024, 20_000, 64 << 20, 5.0
#: Seconds of waiting once nothing is left to be begun: at the end there is little to commit then.
_LAST_SECONDS: Final = 0.5
#: Batches that may wait for the one that is being committed, before the run waits too.
_WAITING: Final = 4
#: Models in a row that are refused alone, too, before the store is to blame.
_REFUSED: Final = 3
#: Seconds before a commit that failed is tried again.
_AGAIN: Final = (0.5, 2.0, 8.0)

_S = TypeVar("_S", bound=RunSummary)


@dataclass
class _Batch:
    """Rows that are committed together; what is written is not there any more."""

    models: list[Tables]
    similarities: list[pa.Table]
    accuracies: list[Accuracy]
    failures: list[dict[str, Any]]
    written: list[Tables] = field(default_factory=list)
    pairs_written: int = 0
    unwritten: list[Failure] = field(default_factory=list)

    def write_until(self, waits: Sequence[float], store: Store, run_id: str) -> None:
        """Commit all, trying again after each of some seconds."""
        for wait in waits:
            try:
                return self._write(store, run_id)
            except Exception:
                time.sleep(wait)
        try:
            self._write(store, run_id)
        except Exception as error:
            self._write_each(store, run_id, error)

    def _write(self, store: Store, run_id: str) -> None:
        """Commit all; what failed is recorded even where the rows cannot be."""
        try:
            if self.models:
                store.publish(self.models, run_id)
                self.written, self.models = self.models, []
            if self.similarities:
                rows = pa.concat_tables(self.similarities)
                mine = {"run_id": run_id, "computed_at": datetime.now(UTC)}
                store.append("similarities", made_by(rows, SIMILARITIES, **mine))
                self.pairs_written, self.similarities = len(rows), []
        finally:
            if self.accuracies:
                store.append("accuracies", table_of(Accuracy, self.accuracies))
                self.accuracies = []
            if self.failures:
                store.append("failures", pa.Table.from_pylist(self.failures, schema=FAILURES))
                self.failures = []

    def _write_each(self, store: Store, run_id: str, together: Exception) -> None:
        """Commit models one by one: a bad one costs itself, unless the store is to blame."""
        left = deque(one for models in self.models for one in apart(models))
        refused: list[tuple[Tables, Exception]] = []
        while left and len(refused) < _REFUSED:
            one = left.popleft()
            try:
                store.publish([one], run_id)
            except Exception as error:
                refused.append((one, error))
                continue
            self.written.append(one)
            self.unwritten += [_unwritten(*each) for each in refused]
            refused = []
        if len(refused) == _REFUSED or not self.written:
            self.models = [*(one for one, _ in refused), *left]
            raise together
        self.models = []
        self.unwritten += [_unwritten(*each) for each in refused]
        self._write(store, run_id)


def _unwritten(rows: Tables, error: Exception) -> Failure:
    repo_id, revision = (rows["models"][name][0].as_py() for name in ("repo_id", "revision"))
    return unwritten(ModelRef(repo_id, revision, "", "local", 0), error)


@dataclass
class RunWriter(Generic[_S]):
    """A run's way into the store, and all that it tells.

    Inside the `with`, rows are collected and committed in batches, while the run goes on. At its
    end, whatever ended it, the rest is committed and the run is recorded in `scans`. All rows of a
    model, and all of a pair of models, go into one commit: the row of the whole is there if those
    of the layers are.

    Attributes:
        store: where to.
        summary: what the run came to so far.
        on_event: called for each `Event`.
        config: what the run was asked for, as plain values.
        watched: the run as others see it.
        similarities: rows of pairs not yet committed, less whose run they are of.
        ending: whether all that is left to be done has been begun.
    """

    store: Store
    summary: _S
    on_event: Callable[[Event], None] | None
    config: Mapping[str, Any]
    similarities: list[pa.Table] = field(default_factory=list)
    ending: bool = False
    _models: list[Tables] = field(default_factory=list)
    _accuracies: list[Accuracy] = field(default_factory=list)
    _failures: list[dict[str, Any]] = field(default_factory=list)
    _bytes: int = 0

    def __enter__(self) -> Self:
        columns = self.summary.columns()
        self._run_id = str(columns["scan_id"])
        self._started, self._committed_at = datetime.now(UTC), time.monotonic()
        self._thread = ThreadPoolExecutor(1, "commits")
        self._underway: tuple[_Batch, Future[None]] | None = None
        self._again: Sequence[float] = _AGAIN
        self.watched = WatchedRun(self.store, self.summary, self.config)
        self.watched.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: object
    ) -> None:
        try:
            self.commit()
        except BaseException as unwritten:
            error = unwritten
            raise
        finally:
            stopped = isinstance(error, KeyboardInterrupt | SystemExit)
            end: RunEnd = "interrupted" if stopped else "failed" if error else "finished"
            try:
                self._thread.shutdown()
                self.watched.end(end)
            except StoreError as untold:
                if error is None:
                    error = untold
                    raise
            finally:
                if error is not None and (kept := self.summary.kept()):
                    error.add_note(f"{kept}: the same command goes on from there")

    def tell(self, event: Event) -> None:
        """Report an event."""
        self.watched.progress.count(event)
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
        self.watched.release([failed.ref.repo_id])
        self.tell(Event("failed", failed.ref.repo_id, bytes=failed.ref.nbytes - done))

    def note(self, failed: Failure) -> None:
        """Count a failure that is told of in another event."""
        self.summary.failed += 1
        self.summary.failures.append(failed)
        self.watched.progress.fail(failed)
        self._failures.append(failed.row(self._run_id))

    def add(self, models: Tables) -> None:
        """Have models committed whose rows are assembled."""
        if models:
            self._models.append(models)
            self._bytes += sum(rows.get_total_buffer_size() for rows in models.values())

    def add_model(self, rows: ModelRows) -> bool:
        """Have a model committed; False, and a failure, where its rows do not fit."""
        tables, bad = assemble_each([rows])
        self.add(tables)
        for error in bad.values():
            self.fail(unwritten(_ref(rows), error))
        return not bad

    def commit_if_due(self) -> None:
        """Begin a commit where a batch is full or has waited long, and hear of what is over.

        Raises:
            StoreError: the store cannot be written, and could not when it was tried again.
        """
        if self._underway and self._underway[1].done():
            self._hear()
        models = sum(len(tables["models"]) for tables in self._models)
        pairs = sum(map(len, self.similarities))
        full = max(models / _MODELS, pairs / _SIMILARITIES, self._bytes / _BYTES)
        wait = _LAST_SECONDS if self.ending else BATCH_SECONDS
        overdue = time.monotonic() - self._committed_at > wait
        if full > _WAITING:
            self._hear()
        if not self._underway and (full >= 1 or (overdue and (models or pairs))):
            self._begin()

    def commit(self) -> None:
        """Commit all that is there, and wait for it.

        Raises:
            StoreError: the store cannot be written, and could not when it was tried again.
        """
        try:
            self._hear()
        finally:
            self._begin()
            self._hear()
        if self._failures:  # of what could not be committed
            self._begin()
            self._hear()

    def _begin(self) -> None:
        batch = _Batch(self._models, self.similarities, self._accuracies, self._failures)
        self._models, self.similarities, self._accuracies, self._failures = [], [], [], []
        self._bytes = 0
        future = self._thread.submit(batch.write_until, self._again, self.store, self._run_id)
        self._underway, self._committed_at = (batch, future), time.monotonic()

    def _hear(self) -> None:
        """Wait for the commit that is underway."""
        if not self._underway:
            return
        batch, future = self._underway
        try:
            future.result()
        except Exception:
            self._again = ()  # at the end it is tried once more
            raise
        finally:
            self._underway = None
            self.summary.committed(batch.written, batch.pairs_written)
            for tables in batch.written:
                self.watched.release(tables["models"]["repo_id"].to_pylist())
            for failed in batch.unwritten:
                self.note(failed)
            self._models[:0], self.similarities[:0] = batch.models, batch.similarities
            self._accuracies[:0], self._failures[:0] = batch.accuracies, batch.failures


def _ref(rows: ModelRows) -> ModelRef:
    model = rows.model.to_pylist()[0] if isinstance(rows.model, pa.RecordBatch) else rows.model
    return ModelRef(str(model.get("repo_id")), str(model.get("revision")), "", "local", 0)
