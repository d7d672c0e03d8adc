"""Runs as they stand: those that live, those that died, and the last one that ended."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, cast

import pyarrow as pa

from zoo_analysis.errors import ZooError
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.live.run_state import BEAT, SILENT, RunState, Told, told_of
from zoo_analysis.store.records import table_of
from zoo_analysis.store.runs import RunEnd

#: A run's: it runs, it ended, or nothing is heard of it.
State = RunEnd | Literal["running", "silent"]
#: Imports are rows of `scans`, too, and no runs that anybody waits for.
_ROWS: Final = """
SELECT scan_id, method, state, host, pid, started_at, finished_at, seconds, models, scanned,
    skipped, failed, layers, bytes
FROM scans WHERE starts_with(scan_id, $scan) AND NOT starts_with(scan_id, 'import')
ORDER BY started_at DESC, scan_id DESC LIMIT 20
"""
_CAUSES: Final = """
SELECT stage || '/' || error AS cause, count(*) AS failures FROM failures WHERE scan_id = $scan
GROUP BY ALL ORDER BY failures DESC, cause
"""
#: What a scan has left in the store that did not live to tell, under its own method.
_KEPT: Final = """
WITH kept AS (FROM commits WHERE scan_id = $scan AND method = $method)
SELECT (SELECT count(*) FROM kept) AS models,
    (SELECT count(*) FROM kept JOIN layers USING (repo_id, revision, method)) AS layers,
    (SELECT sum(bytes) FROM kept JOIN models USING (repo_id, revision))::BIGINT AS bytes
"""
#: Pairs that a comparison has left in the store.
_PAIRS: Final = """
SELECT count(DISTINCT (repo_id_a, revision_a, repo_id_b, revision_b)) AS pairs
FROM similarities WHERE run_id = $scan AND layer_a IS NULL AND layer_b IS NULL
"""
#: Scans that a refusal names.
_NAMED: Final = 5


@dataclass(frozen=True)
class RunStatus:
    """A run as it stands.

    Attributes:
        scan_id: its key in `scans` and `failures`.
        state: ``running``; how it ended; ``died`` where its process is gone, or ``silent`` where
            that does not beat any more: another machine's, or one that hangs.
        method: of a scan, or ``correlate``.
        host: machine of its process.
        pid: of its process.
        started_at: when it began.
        seconds: that it took so far, or in all.
        unit: what is counted: models, or steps of a comparison.
        total: units that there are; None where that is not known any more.
        done: units measured or known before; of a scan that died, what of them is in the store.
        skipped: of these, known before.
        running: units begun.
        waiting: units not begun.
        elsewhere: of these, those that another run does.
        failed: units that failed.
        layers: measured.
        bytes: of the weights of models that are over, less those known before.
        bytes_total: of all models but those.
        an_hour: units measured an hour.
        seconds_left: that the rest takes at the pace so far.
        causes: stage and error of what failed, as ``open/CheckpointError``, the commonest first.
        failures: how often each.
    """

    scan_id: str
    state: State
    method: str
    host: str | None
    pid: int | None
    started_at: datetime
    seconds: float
    unit: str
    total: int | None
    done: int
    skipped: int
    running: int
    waiting: int
    elsewhere: int
    failed: int
    layers: int
    bytes: int | None
    bytes_total: int | None
    an_hour: float
    seconds_left: float | None
    causes: tuple[str, ...]
    failures: tuple[int, ...]


@dataclass(frozen=True)
class RunStatuses:
    """Runs of a store as they stand, the latest first.

    Attributes:
        store: its URI.
        runs: those asked for.
    """

    store: str
    runs: tuple[RunStatus, ...]

    def table(self) -> pa.Table:
        """A row a run: the attributes of `RunStatus`."""
        return table_of(RunStatus, self.runs)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        runs = []
        for run in self.runs:
            told = asdict(run) | {"started_at": run.started_at.isoformat()}
            del told["failures"]
            runs.append(told | {"causes": dict(zip(run.causes, run.failures, strict=True))})
        return {"store": self.store, "runs": runs}


def status(store: Store | str | Path | None = None, scan: str | None = None) -> RunStatuses:
    """Scans and comparisons as they stand, from wherever the store is reached.

    A run that lives tells of itself every few seconds. Whether it lives is seen at its process,
    where that is one of this machine, and else at its beats: this waits for the next one where the
    clocks do not leave it beyond doubt.

    Args:
        store: a store, or what `open_store` takes.
        scan: the beginning of a scan_id; None is what runs, or else what began last.

    Returns:
        The runs.

    Raises:
        StoreError: there is no store, or it cannot be read.
        ZooError: no such scan, or several.
    """
    store = as_store(store)
    told = told_of(store.location)
    asked = store.exists() or not told  # of a run that has committed nothing yet its file tells
    rows = store.run(_ROWS, {"scan": scan or ""}).to_pylist() if asked else []
    recorded = {row["scan_id"]: row for row in rows}
    for scan_id, row in recorded.items():
        if row["finished_at"]:  # its process was killed before it removed its file
            told.pop(scan_id, None)
    names = {name for name in {*told, *recorded} if name.startswith(scan or "")}
    if scan in names:
        names = {scan}
    if not names:
        if not scan:
            raise ZooError(f"no scan was made into {store.uri} yet: `zoo scan SOURCE` makes one")
        raise ZooError(f"no scan {scan} in {store.uri}: `zoo query scans` lists them")
    if scan and len(names) > 1:
        raise ZooError(f"{scan!r} begins several scans: {', '.join(sorted(names)[:_NAMED])}")
    states = _states(store, {name: told[name] for name in names if name in told})
    runs = [
        _told(store, told[name].state, states[name])
        if name in told
        else _recorded(store, recorded[name])
        for name in names
    ]
    runs.sort(key=lambda run: (run.started_at, run.scan_id), reverse=True)
    running = [run for run in runs if run.state == "running"]
    return RunStatuses(store.uri, tuple(running or runs[:1]))


def _states(store: Store, told: Mapping[str, Told]) -> dict[str, State]:
    """Whether runs live that have a file."""
    states: dict[str, State] = {}
    doubtful = {}
    for name, each in told.items():
        alive, age = each.state.process.alive(), time.time() - each.written
        if each.state.end:
            states[name] = cast(State, each.state.end)
        elif alive is not False and not -BEAT <= age <= (SILENT if alive else 3 * BEAT):
            doubtful[name] = each.state.beat
        else:
            states[name] = "died" if alive is False else "running"
    if doubtful:
        time.sleep(1.5 * BEAT)
        again = told_of(store.location)
        for name, beat in doubtful.items():
            beats = name not in again or again[name].state.beat != beat
            states[name] = "running" if beats else "silent"
    return states


def _told(store: Store, run: RunState, state: State) -> RunStatus:
    """A run that has a file. What it had measured and not committed ended with it."""
    if state != "running":
        run = replace(run, running=0)
        if run.unit == "models" and store.exists():
            kept = _kept(store, run.scan_id, run.method)
            done = {"done": run.skipped + kept["models"], "bytes": kept["bytes"] or 0}
            run = replace(run, layers=kept["layers"], **done)
    causes = sorted(run.causes.items(), key=lambda each: (-each[1], each[0]))
    return RunStatus(
        scan_id=run.scan_id,
        state=state,
        method=run.method,
        host=run.process.host,
        pid=run.process.pid,
        started_at=datetime.fromisoformat(run.started_at),
        seconds=run.seconds,
        unit=run.unit,
        total=run.total or None,
        done=run.done,
        skipped=run.skipped,
        running=run.running,
        waiting=run.waiting,
        elsewhere=run.elsewhere,
        failed=run.failed,
        layers=run.layers,
        bytes=run.bytes,
        bytes_total=run.bytes_total,
        an_hour=run.an_hour,
        seconds_left=run.seconds_left if state == "running" else None,
        causes=tuple(cause for cause, _ in causes),
        failures=tuple(count for _, count in causes),
    )


def _recorded(store: Store, row: Mapping[str, Any]) -> RunStatus:
    """A run that has no file: it is over, or its file is lost."""
    over, compares = row["finished_at"] is not None, row["method"] == "correlate"
    causes = store.run(_CAUSES, {"scan": row["scan_id"]}).to_pylist()
    if not (over or compares):
        kept = _kept(store, row["scan_id"], row["method"])
        row = {**row, **kept, "models": row["models"], "scanned": kept["models"]}
    scanned, skipped, failed = (row[name] or 0 for name in ("scanned", "skipped", "failed"))
    seconds, total = row["seconds"] or 0.0, row["models"]
    if compares:  # of it `scanned` are the models that were run
        scanned += store.run(_PAIRS, {"scan": row["scan_id"]})["pairs"][0].as_py()
    # What is left of a comparison that came to its end was given up because of what failed.
    done = total if compares and row["state"] == "finished" else scanned + skipped
    return RunStatus(
        scan_id=row["scan_id"],
        state=row["state"] if over else "died",
        method=row["method"],
        host=row["host"],
        pid=row["pid"],
        started_at=row["started_at"],
        seconds=seconds,
        unit="steps" if compares else "models",
        total=total if over else total or None,
        done=done,
        skipped=skipped,
        running=0,
        waiting=max(0, total - done - failed) if total else 0,
        elsewhere=0,
        failed=failed,
        layers=row["layers"] or 0,
        bytes=row["bytes"],
        bytes_total=None,
        an_hour=3600 * (done - skipped) / seconds if seconds else 0.0,
        seconds_left=None,
        causes=tuple(each["cause"] for each in causes),
        failures=tuple(each["failures"] for each in causes),
    )


def _kept(store: Store, scan: str, method: str) -> dict[str, Any]:
    kept: dict[str, Any] = store.run(_KEPT, {"scan": scan, "method": method}).to_pylist()[0]
    return kept
