"""Runs that live are told from dead ones, and what one takes no other begins."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from zoo_analysis.store import Store
from zoo_analysis.store.live import heartbeat
from zoo_analysis.store.live.heartbeat import Heartbeat
from zoo_analysis.store.live.process import Process, this_process
from zoo_analysis.store.live.run_state import FOLDER, RunState, Told, told_of
from zoo_analysis.store.live.small_files import SmallFiles

ROOT = Path(__file__).parents[3]
DIE = """
import os, sys
from zoo_analysis.store import open_store
from zoo_analysis.store.live.heartbeat import Heartbeat
from zoo_analysis.store.live.process import this_process
from zoo_analysis.store.live.run_state import RunState
state = RunState("dead", "default", this_process(), "2026-01-01T00:00:00+00:00")
with Heartbeat(open_store(sys.argv[1]).location, lambda: state) as run:
    run.take(["lab/a", "lab/b"])
    os._exit(9)
"""


def beating(store: Store, name: str, process: Process | None = None) -> Heartbeat:
    state = RunState(name, "default", process or this_process(), "2026-01-01T00:00:00+00:00")
    return Heartbeat(store.location, lambda: state)


def elsewhere(store: Store, name: str, beat: int, *held: str) -> None:
    """The file of a run on another machine, as it writes it."""
    process = Process("other", "another boot", 1, 1)
    state = RunState(name, "default", process, "2026-01-01T00:00:00+00:00", beat)
    told = Told(state, frozenset(heartbeat._key(each) for each in held))
    SmallFiles(store.location, FOLDER).put(f"{name}.json", told.encoded())


def test_what_several_runs_want_at_once_each_time_one_of_them_takes(store: Store) -> None:
    names = [f"lab/{i}" for i in range(60)]
    won: Counter[str] = Counter()
    ready = threading.Barrier(3)

    def run(name: str) -> None:
        with beating(store, name) as mine:
            ready.wait()
            for start in range(0, len(names), 5):
                won.update(mine.take(names[start : start + 5]))
            ready.wait()

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(won.values()) == {1}, "nothing twice"
    assert len(won) == len(names), "and everything by somebody"


def test_what_is_given_up_another_takes(store: Store) -> None:
    with beating(store, "a") as first, beating(store, "b") as second:
        assert first.take(["lab/x", "lab/y"]) == {"lab/x", "lab/y"}
        assert second.take(["lab/x", "lab/y", "lab/z"]) == {"lab/z"}
        assert second.others == {"a"}
        first.release(["lab/x"])
        first.take(["lab/w"])
        assert second.take(["lab/x", "lab/y"]) == {"lab/x"}
    assert told_of(store.location) == {}


def test_a_killed_run_of_this_machine_holds_nothing_any_more(store: Store) -> None:
    done = subprocess.run([sys.executable, "-c", DIE, store.uri], cwd=ROOT, timeout=60)
    assert done.returncode == 9
    (told,) = told_of(store.location).values()
    assert len(told.held | told.asking) == 2
    assert told.state.process.alive() is False
    with beating(store, "next") as run:
        assert run.others == frozenset()
        assert run.take(["lab/a", "lab/b"]) == {"lab/a", "lab/b"}


def test_a_run_elsewhere_lives_as_long_as_its_file_changes_whatever_the_clocks_say(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "SILENT", 0.4)
    file = Path(store.uri) / FOLDER / "there.json"
    elsewhere(store, "there", 1, "lab/a")
    with beating(store, "here") as run:
        for beat, day in enumerate((-30, 30, 0, -1), 2):
            elsewhere(store, "there", beat, "lab/a")
            os.utime(file, (time.time() + 86400 * day,) * 2)
            assert run.take(["lab/a"]) == frozenset()
            time.sleep(0.2)
        time.sleep(0.4)
        assert run.take(["lab/a"]) == {"lab/a"}


def test_a_run_that_was_alone_sees_one_that_comes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("_WARY", 0.0), ("BEAT", 0.2), ("_TOLD", 0.1)):
        monkeypatch.setattr(heartbeat, name, seconds)
    with beating(store, "a") as first:
        assert first.take(["lab/x"]) == {"lab/x"}
        time.sleep(0.5)  # it tells soon of what it took without asking
        with beating(store, "b") as second:
            assert second.take(["lab/x", "lab/y"]) == {"lab/y"}
            time.sleep(0.5)
            assert first.others == {"b"}
            assert first.take(["lab/y"]) == frozenset()


def test_pace_and_time_left_are_of_what_had_to_be_done() -> None:
    state = RunState("a", "m", this_process(), "", total=100, done=60, skipped=40, failed=5)
    assert state.waiting == 35
    half = RunState(**vars(state) | {"seconds": 3600.0, "running": 3})
    assert (half.waiting, half.an_hour) == (32, 20)
    assert half.seconds_left == pytest.approx(3600 * 35 / 25)
    by_bytes = RunState(**vars(half) | {"bytes": 25, "bytes_total": 100})
    assert by_bytes.seconds_left == pytest.approx(3 * 3600)
    assert RunState("a", "m", this_process(), "", total=100).seconds_left is None


def test_a_file_of_a_later_version_is_understood(store: Store) -> None:
    elsewhere(store, "there", 1)
    files = SmallFiles(store.location, FOLDER)
    told = json.loads(files.get("there.json") or b"")
    told["state"]["mood"] = "good"
    files.put("there.json", json.dumps(told).encode())
    assert told_of(store.location)["there"].state.beat == 1
