"""Runs are watched while they live, known when they died, retried, and share what they do."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.command import zoo
from tests.support.held import BESIDE, GO, HELD
from tests.support.placed import until
from tests.support.scanned_models import MakeModel
from zoo_analysis import open_store, retry, scan, status
from zoo_analysis.cluster.account import Event
from zoo_analysis.errors import ZooError
from zoo_analysis.store.live.run_state import told_of

ROOT = Path(__file__).parents[2]


def started(*arguments: object) -> subprocess.Popen[str]:
    return process("-m", "zoo_analysis.cli", *map(str, arguments))


def held(tmp_path: Path, *arguments: object) -> subprocess.Popen[str]:
    """A scan that goes on until it is killed."""
    code = f"from tests.support.held import held_scan; held_scan(*{list(map(str, arguments))})"
    return process("-c", code, **{GO: str(tmp_path / "go")})


def process(*arguments: str, **env: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=pipe,
        stderr=pipe,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        env=os.environ | env,
    )


def until_some_are_committed(store: str, run: subprocess.Popen[str], some: int = 1) -> int:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and run.poll() is None:
        if (done := len(open_store(store).committed())) >= some:
            return done
        time.sleep(0.1)
    raise AssertionError("the run was over before it could be looked at")


def rows(store: str, sql: str) -> list[tuple[object, ...]]:
    return open_store(store).sql(sql).fetchall()


def test_a_scan_is_watched_from_another_process_and_known_to_be_dead_when_it_was_killed(
    make_model: MakeModel, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    for i in range(5):
        make_model(f"m{i}", BESIDE)
    tree = make_model(HELD).parent
    with held(tmp_path, tree, "--store", store) as run:
        until_some_are_committed(store, run)
        until(lambda: status(store).runs[0].done > 0 and status(store).runs[0].running > 0)
        (alive,) = status(store).runs
        assert (alive.state, alive.pid, alive.total) == ("running", run.pid, 6)
        assert alive.done + alive.running + alive.waiting + alive.failed == 6
        assert 0 < (alive.bytes or 0) < (alive.bytes_total or 0)
        assert alive.seconds_left is not None
        ((state, host),) = rows(store, "SELECT state, host FROM scans")
        assert (state, host) == ("running", alive.host)
        shown = zoo("status", "--store", store).out
        assert f"{alive.scan_id} ({alive.method}): running" in shown
        os.killpg(run.pid, signal.SIGKILL)
    (dead,) = status(store, alive.scan_id[:17]).runs
    assert (dead.state, dead.running, dead.seconds_left) == ("died", 0, None)
    told = json.loads(zoo("status", alive.scan_id, "--store", store, "--json").out)
    assert told["runs"][0]["state"] == "died"
    again = scan([str(tree)], store, device="cpu")
    assert again.skipped > 0
    assert again.scanned + again.skipped == 6
    (last,) = status(store).runs
    assert (last.scan_id, last.state, last.done) == (again.scan_id, "finished", 6)
    with pytest.raises(ZooError, match="no scan nothing"):
        status(store, "nothing")


def test_a_signal_ends_a_scan_whose_finished_models_are_kept(
    make_model: MakeModel, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    for i in range(5):
        make_model(f"m{i}", BESIDE)
    tree = make_model(HELD).parent
    with held(tmp_path, tree, "--store", store, "--json") as run:
        until_some_are_committed(store, run)
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate(timeout=120)
    kept = len(open_store(store).committed())
    assert (run.returncode, out) == (143, "")
    last = f"zoo: stopped by SIGTERM; {kept} models of this scan are in {store}: "
    assert err.splitlines()[-1] == last + "the same command goes on from there"
    assert "Traceback" not in err
    assert rows(store, "SELECT state, scanned FROM scans") == [("interrupted", kept)]
    assert told_of(open_store(store).location) == {}


def test_only_what_failed_is_done_again_and_only_of_the_cause_that_is_named(
    make_model: MakeModel, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    tree = make_model("good").parent
    broken = make_model("broken") / "model.safetensors"
    empty = make_model("empty") / "model.safetensors"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:100])
    empty.write_bytes(b"")
    first = scan([str(tree)], store, device="cpu")
    assert (first.scanned, first.failed) == (1, 2)
    (before,) = status(store).runs
    assert sum(before.failures) == 2
    broken.write_bytes(whole)
    empty.write_bytes(whole)
    make_model("new")
    with pytest.raises(ZooError, match="failed of 'capture'; causes are"):
        retry(store, causes="capture")
    told: list[Event] = []
    done = retry(store, first.scan_id, on_event=told.append)
    assert (done.of, done.models) == (first.scan_id, 2)
    assert {event.what for event in told} == {"zoo/broken", "zoo/empty"}
    assert done.summary is not None
    assert (done.summary.failed, len(open_store(store).committed())) == (0, 3)
    assert rows(store, "SELECT config->>'retry_of' FROM scans ORDER BY started_at DESC")[0] == (
        first.scan_id,
    )
    answer = zoo("retry", "--store", store)
    assert (answer.code, answer.out) == (0, f"nothing failed in {status(store).runs[0].scan_id}\n")


def test_a_model_that_its_sources_do_not_name_any_more_fails_again(
    make_model: MakeModel, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    tree = make_model("good").parent
    file = make_model("gone") / "model.safetensors"
    file.write_bytes(b"")
    scan([str(tree)], store, device="cpu")
    file.unlink()
    file.parent.rmdir()
    done = retry(store)
    assert done.summary is not None
    (failed,) = done.summary.failures
    assert (failed.ref.repo_id, failed.stage) == ("zoo/gone", "source")
    assert "not among the sources of scan" in failed.message


def test_two_scans_of_one_zoo_at_once_do_hardly_anything_twice(
    make_model: MakeModel, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    for i in range(40):
        make_model(f"m{i:02}", ((700, 700),) * 2)
    tree = make_model("last").parent
    runs = [started("scan", tree, "--store", store, "--device", "cpu", "--json") for _ in range(2)]
    outs = [json.loads(run.communicate(timeout=280)[0]) for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert all(out["scanned"] + out["skipped"] == 41 for out in outs)
    assert 41 <= sum(out["scanned"] for out in outs) <= 42
    assert rows(store, "SELECT count(*), count(DISTINCT (repo_id, layer)) FROM layers") == [
        (82, 82)
    ]


def test_what_a_dead_run_had_taken_another_does_and_what_a_living_one_has_it_waits_for(
    make_model: MakeModel, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    for i in range(6):
        make_model(f"m{i}")
    tree = make_model("slow", ((2000, 2000),) * 3).parent
    slow = started("scan", tree / "slow", "--store", store, "--device", "cpu")
    deadline = time.monotonic() + 60
    while not any(each.held for each in told_of(open_store(store).location).values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    found = []
    other = threading.Thread(target=lambda: found.append(scan([str(tree)], store, device="cpu")))
    other.start()
    assert slow.wait(timeout=200) == 0
    other.join()
    (done,) = found
    assert (done.scanned, done.skipped, done.failed) == (6, 1, 0)


def test_two_comparisons_at_once_compute_each_number_once(
    compared_zoo: Path, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    pair = [compared_zoo / name for name in ("resnet0", "resnet1")]
    given = ("--measure", "weight_cka", "--store", store, "--json")
    runs = [started("correlate", *pair, *given) for _ in range(2)]
    outs = [json.loads(run.communicate(timeout=280)[0]) for run in runs]
    assert sorted((out["pairs"], out["skipped"]) for out in outs) == [(0, 1), (1, 0)]
    whole = "SELECT count(*) FROM similarities WHERE layer_a IS NULL"
    assert rows(store, whole) == [(1,)]
    (last,) = status(store).runs
    assert (last.method, last.state) == ("correlate", "finished")
    assert retry(store).summary is None
