"""A run as others see it while it lives: its row of `scans`, its file in the store, its metrics."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from zoo_analysis.cluster.account import Event, RunSummary, versions
from zoo_analysis.cluster.processes.gauges import Gauges
from zoo_analysis.cluster.worker import Failure
from zoo_analysis.errors import StoreError
from zoo_analysis.store import Store
from zoo_analysis.store.live.heartbeat import Heartbeat
from zoo_analysis.store.live.process import this_process
from zoo_analysis.store.live.run_state import RunState
from zoo_analysis.store.runs import RunEnd, record_run
from zoo_analysis.store.schemas import SCANS

#: Seconds between two rows of a living run in `scans`.
_RECORDED: Final = 300.0


class RunProgress:
    """How far a run is, counted from what it tells of.

    Args:
        scan_id: of the run.
        method: of a scan, or ``correlate``.

    Attributes:
        running: units that are begun.
        elsewhere: units that another run does.
    """

    def __init__(self, scan_id: str, method: str) -> None:
        self.running = self.elsewhere = 0
        self._start, self._total, self._bytes_total = time.monotonic(), 0, 0.0
        self._counts, self._causes = Counter[str](), Counter[str]()
        self._state = RunState(
            scan_id,
            method,
            this_process(),
            datetime.now(UTC).isoformat(),
            unit="steps" if method == "correlate" else "models",
        )

    def begin(self, total: int, nbytes: float = 0.0) -> None:
        """Begin with so many units of work, and so many bytes of weights."""
        self._total, self._bytes_total = total, nbytes

    def read_again(self, nbytes: float) -> None:
        """Begin with further work on bytes of weights, of units that are counted already."""
        self._bytes_total += nbytes

    def count(self, event: Event) -> None:
        """Count what is told of."""
        if not event.further:
            self._counts.update({event.kind: 1, "layers": event.layers})
        if event.kind == "skipped":
            self._bytes_total -= event.bytes
        else:
            self._counts["bytes"] += int(event.bytes)

    def fail(self, failed: Failure) -> None:
        """Count a failure by its cause."""
        self._causes[f"{failed.stage}/{failed.error}"] += 1

    def state(self) -> RunState:
        """The state that it came to so far."""
        over = ("scanned", "skipped", "captured", "compared", "dropped")
        return replace(
            self._state,
            total=self._total,
            done=sum(self._counts[kind] for kind in over),
            skipped=self._counts["skipped"],
            failed=self._counts["failed"],
            running=self.running,
            elsewhere=self.elsewhere,
            layers=self._counts["layers"],
            bytes=self._counts["bytes"],
            bytes_total=int(self._bytes_total),
            seconds=round(time.monotonic() - self._start, 3),
            causes=dict(self._causes),
        )


class WatchedRun:
    """A run that tells of itself: in `scans`, in the store's folder `runs`, and as metrics of Ray.

    Args:
        store: of the run.
        summary: what it came to so far.
        config: what it was asked for, as plain values.

    Attributes:
        progress: how far it is.
    """

    def __init__(self, store: Store, summary: RunSummary, config: Mapping[str, Any]) -> None:
        self._store, self._summary, self._config = store, summary, config
        columns = summary.columns()
        self._method = str(columns["method"])
        self.progress = RunProgress(str(columns["scan_id"]), self._method)
        self._pulse = Heartbeat(store.location, self.progress.state, self._beat)
        self._gauges = Gauges()
        self._started, self._clock = datetime.now(UTC), time.monotonic()
        self._recorded_at = self._clock

    def begin(self) -> None:
        """Tell that it runs.

        Raises:
            StoreError: the store cannot be written.
        """
        self._record("running")
        self._pulse.__enter__()

    def end(self, how: RunEnd) -> None:
        """Tell that it is over, and let go of what it took.

        Raises:
            StoreError: the store cannot be written.
        """
        unrecorded: str = how
        try:
            self._record(how)
            unrecorded = ""
        finally:
            self._pulse.end(unrecorded)

    def take(self, repo_ids: Iterable[str]) -> frozenset[str]:
        """Take models for this run; returns those that no other run of its method has."""
        names = {self._claim(repo_id): repo_id for repo_id in repo_ids}
        return frozenset(names[name] for name in self._pulse.take(names))

    def release(self, repo_ids: Iterable[str]) -> None:
        """Leave models to whatever other run wants them: they are in the store, or failed."""
        self._pulse.release(map(self._claim, repo_ids))

    @property
    def alone(self) -> bool:
        """True while no other run of this store has been seen."""
        return self._pulse.alone

    def _claim(self, repo_id: str) -> str:
        return f"{self._method} {repo_id}"

    def _record(self, state: RunEnd | Literal["running"]) -> None:
        self._summary.seconds = round(time.monotonic() - self._clock, 3)
        now = self.progress.state()
        columns = {
            "models": now.total,
            "bytes": now.bytes,
            "host": now.process.host,
            "pid": now.process.pid,
            "versions": json.dumps(versions()),
            **self._summary.columns(),
        }
        columns = {name: value for name, value in columns.items() if name in SCANS.names}
        record_run(self._store, self._started, self._config, columns, state)

    def _beat(self, state: RunState) -> None:
        self._gauges.show(state)
        if time.monotonic() - self._recorded_at > _RECORDED:
            self._recorded_at = time.monotonic()
            with suppress(StoreError):  # commits say so
                self._record("running")
