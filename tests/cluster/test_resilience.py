"""Processes that die, runs that are killed, two runs at once: nothing is lost or doubled."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from tests.support.held import BESIDE, GO, HELD
from tests.support.scanned_models import MakeModel
from zoo_analysis import open_store, scan
from zoo_analysis.cluster.scanning import scan_schedule
from zoo_analysis.cluster.scanning.scan_tasks import (
    ModelToScan,
    ScannedBatch,
    ScanSettings,
    scan_models,
)
from zoo_analysis.measure import rows as measured
from zoo_analysis.spectra import LayerResult
from zoo_analysis.store.integrity import check
from zoo_analysis.weights import Checkpoint, LayerSpec

ROOT = Path(__file__).parents[2]
BIG = ((2100, 2100),) * 3


def workers_busy_with(task: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(f"ray::{task}" in part for part in process.info["cmdline"] or ()):
            found.append(process)
    return found


@pytest.mark.usefixtures("local_ray")
def test_a_worker_killed_in_the_middle_loses_nothing(make_model: MakeModel, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    folder = make_model("big", BIG)
    killed: list[int] = []
    over = threading.Event()

    def kill_one() -> None:
        while not over.is_set() and not killed:
            for process in workers_busy_with("measure_piece"):
                process.send_signal(signal.SIGKILL)
                killed.append(process.pid)
                break
            time.sleep(0.02)

    killer = threading.Thread(target=kill_one)
    killer.start()
    summary = scan([str(folder)], store)
    over.set()
    killer.join()
    assert killed, "no worker was caught at work"
    assert (summary.scanned, summary.failed, summary.layers) == (1, 0, 3)
    assert open_store(store).sql("SELECT count(*) FROM layers").fetchall() == [(3,)]


@pytest.mark.usefixtures("local_ray")
def test_a_worker_that_always_dies_is_a_failure_and_the_rest_is_scanned(
    make_model: MakeModel, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    make_model("big", BIG)
    tree = make_model("small").parent
    over = threading.Event()
    killed = []

    def kill_all() -> None:
        while not over.is_set():
            for process in workers_busy_with("measure_piece"):
                process.send_signal(signal.SIGKILL)
                killed.append(process.pid)
            time.sleep(0.02)

    killer = threading.Thread(target=kill_all)
    killer.start()
    try:
        summary = scan([str(tree)], store)
    finally:
        over.set()
        killer.join()
    assert (summary.scanned, summary.failed) == (1, 1)
    ((repo_id, stage, attempts),) = (
        open_store(store).sql("SELECT repo_id, stage, attempts FROM failures").fetchall()
    )
    assert (repo_id, stage, attempts) == ("zoo/big", "measure", 3)
    assert len(killed) >= 3


def test_a_killed_run_resumes_without_repeating_a_model(
    make_model: MakeModel, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    for i in range(5):
        make_model(f"m{i}", BESIDE)
    tree = make_model(HELD).parent
    command = [sys.executable, "-m", "zoo_analysis.cli", "scan", str(tree), "--store", store]
    code = (
        f"from tests.support.held import held_scan; held_scan({str(tree)!r}, '--store', {store!r})"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=ROOT,
        env=os.environ | {GO: str(tmp_path / "go")},
    )
    done = 0
    deadline = time.monotonic() + 120
    while not done and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.2)
        done = len(open_store(store).committed())
    assert run.poll() is None, "the run was over before it could be killed"
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    done = len(open_store(store).committed())
    assert 0 < done < 6
    second = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, check=True, timeout=300
    )
    assert f'"scanned": {6 - done}, "skipped": {done}' in second.stdout
    counts = open_store(store).sql(
        "SELECT count(*), count(DISTINCT (repo_id, layer)), count(DISTINCT repo_id) FROM layers"
    )
    assert counts.fetchall() == [(5 + 2, 5 + 2, 6)]


def deadly(models: Sequence[ModelToScan], settings: ScanSettings) -> ScannedBatch:
    """What models of a zoo become of which one has a layer that nothing survives."""
    measure_layer = measured.measure_layer

    def die(checkpoint: Checkpoint, spec: LayerSpec, *others: Any) -> LayerResult:
        if "killer" in str(checkpoint.path) and spec.layer == "layers.1":
            with (Path(checkpoint.path).parent / "deaths.txt").open("a") as file:
                file.write(f"{len(models)}\n")
            os.kill(os.getpid(), signal.SIGSEGV)
        return measure_layer(checkpoint, spec, *others)

    measured.measure_layer = die
    return scan_models(models, settings)


@pytest.mark.parametrize("where", ["ray", "local"])
def test_of_a_batch_only_the_model_fails_that_kills_its_process(
    where: str,
    make_model: MakeModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if where == "ray":
        request.getfixturevalue("local_ray")
    else:
        monkeypatch.setattr("zoo_analysis.cluster.scan.is_there", lambda address: False)
    monkeypatch.setattr(scan_schedule, "scan_models", deadly)
    for i in range(9):
        make_model(f"m{i}")
    tree = make_model("killer").parent
    store = str(tmp_path / "store")
    summary = scan([str(tree)], store)
    assert (summary.scanned, summary.failed, summary.layers) == (9, 1, 18)
    kept = open_store(store)
    told = kept.sql("SELECT repo_id, stage, error, message, attempts FROM failures").fetchall()
    died = "its process was ended in layers.1 by SIGSEGV"
    assert told == [("zoo/killer", "measure", "ProcessDied", died, 3)]
    deaths = [int(line) for line in (tree / "deaths.txt").read_text().split()]
    assert deaths == [10, 1, 1]
    assert check(kept).problems == ()
    calm, calm_tree = str(tmp_path / "calm"), tmp_path / "calm-zoo" / "zoo"
    shutil.copytree(tree, calm_tree, ignore=shutil.ignore_patterns("killer", "deaths.txt"))
    monkeypatch.undo()
    scan([str(calm_tree)], calm)
    columns = "* EXCLUDE (seconds)"
    for table in ("layers", "esds", "left_out"):
        sql = f"SELECT {columns if table == 'layers' else '*'} FROM {table} ORDER BY ALL"
        assert kept.sql(sql).fetchall() == open_store(calm).sql(sql).fetchall()


@pytest.mark.exhaustive
@pytest.mark.usefixtures("local_ray")
def test_two_scans_at_once_show_each_model_once(make_model: MakeModel, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    for i in range(6):
        make_model(f"m{i}")
    tree = make_model("last").parent
    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, "-m", "zoo_analysis.cli", "scan", str(tree), "--store", store]
    runs = [subprocess.Popen([*command, "--address", address]) for _ in range(2)]
    assert [run.wait(timeout=240) for run in runs] == [0, 0]
    counts = open_store(store).sql("SELECT count(*), count(DISTINCT (repo_id, layer)) FROM layers")
    assert counts.fetchall() == [(14, 14)]
