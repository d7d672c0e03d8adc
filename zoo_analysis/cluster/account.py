"""Rows on their way into the store, and the account of them."""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pyarrow as pa

from zoo_analysis.cluster.scan_tasks import OpenedModel
from zoo_analysis.cluster.summary import Event, Summary
from zoo_analysis.cluster.worker import Failure
from zoo_analysis.measure.rows import Measured
from zoo_analysis.sources import ModelRef
from zoo_analysis.spectra import Method
from zoo_analysis.store import ModelRows, Store
from zoo_analysis.store.schemas import ACCURACIES, FAILURES

#: Finished models are committed when there are this many, or after this many seconds.
_BATCH, BATCH_SECONDS = 32, 10.0


@dataclass
class Book:
    """Collects what tasks yield, commits it in batches, and tells of it."""

    store: Store
    how: Method
    summary: Summary
    tell: Callable[[Event], None]
    finished: list[ModelRows] = field(default_factory=list)
    accuracies: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    committed_at: float = field(default_factory=time.monotonic)

    def skip_known(self, ref: ModelRef, known: frozenset[tuple[str, str, str]]) -> bool:
        if ref.revision is None or (ref.repo_id, ref.revision, self.how.id) not in known:
            return False
        self.skip(ref)
        return True

    def skip(self, ref: ModelRef) -> None:
        self._report(ref)
        self.summary.skipped += 1
        self.tell(Event("skipped", ref.repo_id, bytes=ref.nbytes))

    def fail(self, failed: Failure, done: float = 0.0) -> None:
        self.summary.failed += 1
        self.summary.failures.append(failed)
        self.failures.append(failed.row(self.summary.scan_id))
        self.tell(Event("failed", failed.ref.repo_id, bytes=failed.ref.nbytes - done))

    def finish(self, opened: OpenedModel, measured: Measured, done: float = 0.0) -> None:
        ref = opened.ref
        model = asdict(ref) | {
            "bytes": ref.nbytes,
            "parameters": opened.parameters,
            "weights_format": opened.format,
        }
        for name in ("nbytes", "path", "accuracies"):
            del model[name]
        self.finished.append(ModelRows(model, self.how.id, measured.layers, measured.esds))
        self._report(ref)
        self.tell(Event("scanned", ref.repo_id, len(measured.layers), ref.nbytes - done))
        self.commit_if_due()

    def commit_if_due(self) -> None:
        overdue = time.monotonic() - self.committed_at > BATCH_SECONDS
        if len(self.finished) >= _BATCH or (self.finished and overdue):
            self.commit()

    def commit(self) -> None:
        finished, self.finished = self.finished, []
        self.store.commit_models(finished, self.summary.scan_id)
        self.summary.scanned += len(finished)
        self.summary.layers += sum(len(rows.layers) for rows in finished)
        for table, schema, rows in (
            ("accuracies", ACCURACIES, self.accuracies),
            ("failures", FAILURES, self.failures),
        ):
            if rows:
                self.store.append(table, pa.Table.from_pylist(rows, schema=schema))
                rows.clear()
        self.committed_at = time.monotonic()

    def _report(self, ref: ModelRef) -> None:
        self.accuracies.extend(asdict(accuracy) for accuracy in ref.accuracies)


def versions() -> dict[str, str]:
    """Of Python and of what the numbers depend on."""
    out = {"python": platform.python_version()}
    for name in ("zoo-analysis", "torch", "numpy", "scipy", "ray", "deltalake"):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return out
