"""What dead runs told of themselves goes with a vacuum, and what living ones tell stays."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.command import zoo
from tests.support.small_models import model_rows
from zoo_analysis.store import Store, upkeep
from zoo_analysis.store.live.process import Process, this_process
from zoo_analysis.store.live.run_state import FOLDER, RunState, Told, told_of
from zoo_analysis.store.live.small_files import SmallFiles

HOUR = 3600
HERE = this_process()
ELSEWHERE = Process("other", "another boot", 1, 1)
#: The process had this one's id once: the system counts its start otherwise.
GONE = Process(HERE.host, HERE.space, HERE.pid, HERE.started + 1)


def tell(store: Store, name: str, process: Process, age: float, end: str = "") -> None:
    state = RunState(name, "default", process, "2026-01-01T00:00:00+00:00", end=end)
    SmallFiles(store.location, FOLDER).put(f"{name}.json", Told(state).encoded())
    os.utime(Path(store.uri) / FOLDER / f"{name}.json", (time.time() - age,) * 2)


@pytest.fixture
def told(store: Store) -> Store:
    store.commit_models([model_rows("lab/net")], "scan")
    tell(store, "alive", HERE, 30 * HOUR)
    tell(store, "failed-here", HERE, 30 * HOUR, "failed")
    tell(store, "killed", GONE, 30 * HOUR)
    tell(store, "just-killed", GONE, 60)
    tell(store, "there", ELSEWHERE, 600)
    tell(store, "silent-there", ELSEWHERE, 2 * HOUR)
    return store


@pytest.mark.parametrize(
    ("retention", "going"),
    [
        (timedelta(days=7), set()),
        (timedelta(days=1), {"failed-here", "killed"}),
        (timedelta(hours=1), {"failed-here", "killed", "silent-there"}),
        (timedelta(0), {"failed-here", "killed", "silent-there", "just-killed"}),
    ],
)
def test_a_vacuum_forgets_runs_that_have_been_dead_for_the_retention(
    told: Store, retention: timedelta, going: set[str]
) -> None:
    before = set(told_of(told.location))
    counted = upkeep.vacuum(told.location, retention, dry_run=True)
    assert set(told_of(told.location)) == before
    assert counted[-1] == upkeep.Vacuumed("runs", len(going))
    assert upkeep.vacuum(told.location, retention)[-1] == counted[-1]
    assert set(told_of(told.location)) == before - going


def test_ages_are_by_the_clock_that_dates_the_files(
    told: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert upkeep.vacuum(told.location, timedelta(days=1))[-1].files == 2


def test_half_of_a_file_goes_too_and_that_is_said(told: Store) -> None:
    half = Path(told.uri) / FOLDER / "killed.json.0a1b2c3d.half"
    half.write_bytes(b"{")
    os.utime(half, (time.time() - 30 * HOUR,) * 2)
    answer = zoo("store", "vacuum", "--older-than", "1d", "--store", told.uri, "-f", "csv")
    assert (answer.code, answer.out.splitlines()[-1]) == (0, "runs,3")
    assert not half.exists()
