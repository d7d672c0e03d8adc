"""The state of a run, told while it lives in a small file of the store."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from zoo_analysis.store.live.pending import DEAD_AFTER
from zoo_analysis.store.live.process import Process
from zoo_analysis.store.live.small_files import SmallFiles
from zoo_analysis.store.tables import Location

#: Beside the tables: a file of each run that is not over, or whose process died.
FOLDER: Final = "runs"
#: Seconds between two beats of a run, and without one after which it counts as dead.
BEAT, SILENT = 5.0, 60.0


@dataclass(frozen=True)
class RunState:
    """The state of a run so far.

    Attributes:
        scan_id: its key in `scans`.
        method: of a scan, or ``correlate``.
        process: that runs it.
        started_at: when, as an ISO time.
        beat: counts up as long as it lives.
        unit: what is counted: models, or steps of a comparison.
        total: units that there are.
        done: units measured, known before, or given up because of another's failure.
        skipped: of these, known before.
        failed: units that failed; not among those done.
        running: units begun.
        elsewhere: units that another run does at the moment.
        layers: measured.
        bytes: of the weights of models that are over, less those that were known before; once for
            each method that a scan measures them by.
        bytes_total: of all models but those.
        seconds: since the start.
        causes: how often what failed, by stage and error.
        end: how it ended, where that could not be recorded in `scans`; empty while it lives.
    """

    scan_id: str
    method: str
    process: Process
    started_at: str
    beat: int = 0
    unit: str = "models"
    total: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0
    running: int = 0
    elsewhere: int = 0
    layers: int = 0
    bytes: int = 0
    bytes_total: int = 0
    seconds: float = 0.0
    causes: Mapping[str, int] = field(default_factory=dict)
    end: str = ""

    @property
    def waiting(self) -> int:
        """Units that are neither begun nor over."""
        return max(0, self.total - self.done - self.failed - self.running)

    @property
    def an_hour(self) -> float:
        """Units measured an hour."""
        return 3600 * (self.done - self.skipped) / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the rest will take at the pace so far, by bytes of weights where they count.

        None where nothing was measured yet.
        """
        done, total = self.done + self.failed - self.skipped, self.total - self.skipped
        if self.bytes_total:
            done, total = self.bytes, self.bytes_total
        return self.seconds * max(0, total - done) / done if done else None


@dataclass(frozen=True)
class Told:
    """The file of a run.

    Attributes:
        state: of the run.
        held: keys of what it does, which no other run is to begin.
        asking: keys of what it is about to take, if nobody holds them.
        written: when the file was, by the clock that dates it.
    """

    state: RunState
    held: frozenset[str] = frozenset()
    asking: frozenset[str] = frozenset()
    written: float = 0.0

    def encoded(self) -> bytes:
        """The content of its file."""
        keys = {"held": sorted(self.held), "asking": sorted(self.asking)}
        return json.dumps({"state": asdict(self.state), **keys}).encode()


def decoded(content: bytes, written: float) -> Told:
    """The state that the content of a file tells; what newer versions add is passed over."""
    told: dict[str, Any] = json.loads(content)
    given = {
        name: told["state"][name] for name in RunState.__annotations__ if name in told["state"]
    }
    state = RunState(**given | {"process": Process(**given["process"])})
    return Told(state, frozenset(told["held"]), frozenset(told["asking"]), written)


def forget(location: Location, older_than: float, *, dry_run: bool = False) -> int:
    """Remove the files of runs that are over, and halves of files, if they are old enough.

    Args:
        location: of the store.
        older_than: seconds since a file was written, by the clock that dates it.
        dry_run: only count.

    Returns:
        How many files.

    Raises:
        StoreError: they cannot be read.
    """
    files = SmallFiles(location, FOLDER)
    now = files.now()
    gone = [name for name, each in told_of(location).items() if _is_over(each, now, older_than)]
    names = [f"{name}.json" for name in gone]
    names += [half.name for half in files.halves() if now - half.written >= max(older_than, SILENT)]
    for name in () if dry_run else names:
        files.delete(name)
    return len(names)


def _is_over(told: Told, now: float, older_than: float) -> bool:
    alive = False if told.state.end else told.state.process.alive()
    age = now - told.written
    return age >= older_than if alive is False else not alive and age >= max(older_than, DEAD_AFTER)


def told_of(location: Location) -> dict[str, Told]:
    """The files of all runs of a store, by scan_id, the oldest first."""
    files, out = SmallFiles(location, FOLDER), {}
    for file in files.list():
        if (content := files.get(file.name)) is not None:
            out[file.name.removesuffix(".json")] = decoded(content, file.written)
    return out
