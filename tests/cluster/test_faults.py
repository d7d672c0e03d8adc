"""Whatever dies, and whenever: a rerun makes the store what an undisturbed scan makes it."""

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.support.faults import (
    assert_as_if_nothing_happened,
    kill,
    started,
    two_nodes,
    workers,
)
from tests.support.placed import until
from tests.support.scanned_models import MakeModel
from zoo_analysis import open_store, scan, status

#: Appends of two commits of a scan, at each of which its process is killed; more are exhaustive.
STEPS = [1, 4, *(pytest.param(step, marks=pytest.mark.exhaustive) for step in (2, 3))]
STEPS += [pytest.param(step, marks=pytest.mark.exhaustive) for step in range(5, 11)]


@pytest.fixture
def tree(make_model: MakeModel) -> Path:
    for i in range(12):
        make_model(f"m{i:02}", ((300, 200),) * 2)
    return make_model("large", ((2100, 2100),) * 2).parent


@pytest.fixture
def undisturbed(tree: Path, tmp_path: Path) -> str:
    store = str(tmp_path / "undisturbed")
    assert scan([str(tree)], store, device="cpu").scanned == 13
    return store


def go_on(tree: Path, store: str, *options: object) -> None:
    with started("scan", tree, "--store", store, *options) as run:
        _, err = run.communicate(timeout=280)
    assert run.returncode == 0, err


@pytest.mark.parametrize("step", STEPS)
def test_a_driver_that_is_killed_inside_a_commit(
    tree: Path, undisturbed: str, tmp_path: Path, step: int
) -> None:
    store = str(tmp_path / "store")
    with started("scan", tree, "--store", store, "--device", "cpu", dies_at=step) as run:
        run.communicate(timeout=200)
    assert run.returncode in (-signal.SIGKILL, 0), "it dies, or there were not so many commits"
    go_on(tree, store, "--device", "cpu")
    assert_as_if_nothing_happened(store, undisturbed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(4))
def test_a_driver_and_all_that_it_started_killed_at_any_time(
    tree: Path, undisturbed: str, tmp_path: Path, seed: int
) -> None:
    store = str(tmp_path / "store")
    moment = random.Random(seed).uniform(1, 15)
    with started("scan", tree, "--store", store, "--device", "cpu") as run:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(moment)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
    go_on(tree, store, "--device", "cpu")
    assert_as_if_nothing_happened(store, undisturbed)


@pytest.mark.exhaustive
def test_workers_and_a_node_that_are_killed_on_a_cluster(
    tree: Path, undisturbed: str, tmp_path: Path
) -> None:
    store, chance = str(tmp_path / "store"), random.Random(5)
    with two_nodes() as cluster:
        with started("scan", tree, "--store", store, "--address", cluster.address) as run:
            for _ in range(3):
                time.sleep(chance.uniform(1, 4))
                if busy := workers(cluster):
                    kill(chance.choice(busy))
            lost = next(node for node in cluster.list_all_nodes() if not node.head)
            cluster.remove_node(lost, allow_graceful=False)
            cluster.add_node(num_cpus=1)
            _, err = run.communicate(timeout=280)
        assert run.returncode in (0, 3), err
        go_on(tree, store, "--address", cluster.address)
    assert_as_if_nothing_happened(store, undisturbed)


@pytest.mark.exhaustive
def test_a_head_that_is_lost_is_one_line_and_nothing_finished_is_lost(
    tree: Path, undisturbed: str, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    with two_nodes() as cluster:
        with started("scan", tree, "--store", store, "--address", cluster.address) as run:
            until(open_store(store).committed)
            (gcs,) = cluster.head_node.all_processes["gcs_server"]
            kill(psutil.Process(gcs.process.pid))
            out, err = run.communicate(timeout=200)
        said = [line for line in err.splitlines() if line.startswith("zoo: ")]
        if run.returncode != 0:  # else it was done in the meantime
            assert (run.returncode, out, len(said)) == (2, "", 1), err
            assert "the head of the Ray cluster" in said[0]
            assert f"models of this scan are in {store}" in said[0]
            assert "Traceback" not in err
    go_on(tree, store, "--device", "cpu")
    assert_as_if_nothing_happened(store, undisturbed)


@pytest.mark.exhaustive
def test_a_spot_machine_that_is_taken_away(tree: Path, undisturbed: str, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    with two_nodes() as cluster:
        with started("scan", tree, "--store", store, "--address", cluster.address, "--json") as run:
            time.sleep(12)
            run.send_signal(signal.SIGTERM)
            out, err = run.communicate(timeout=120)
        if run.returncode != 0:
            assert (run.returncode, out) == (143, "")
            assert "Traceback" not in err
            assert err.splitlines()[-1].startswith("zoo: stopped by SIGTERM; ")
        go_on(tree, store, "--address", cluster.address)
    assert_as_if_nothing_happened(store, undisturbed)


@pytest.mark.exhaustive
def test_a_node_that_is_told_to_go_before_it_is_taken_away(
    tree: Path, undisturbed: str, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    with two_nodes() as cluster:
        with started("scan", tree, "--store", store, "--address", cluster.address) as run:
            until(lambda: workers(cluster) or run.poll() is not None)
            going = next(node for node in cluster.list_all_nodes() if not node.head)
            (raylet,) = going.all_processes["raylet"]
            process = psutil.Process(raylet.process.pid)
            for each in (*process.children(recursive=True), process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.send_signal(signal.SIGTERM)
            time.sleep(5)  # after a warning there is a while
            cluster.remove_node(going, allow_graceful=False)
            cluster.add_node(num_cpus=1)
            _, err = run.communicate(timeout=280)
        assert run.returncode in (0, 3), err
        go_on(tree, store, "--address", cluster.address)
    assert_as_if_nothing_happened(store, undisturbed)


@pytest.mark.exhaustive
def test_a_clock_that_is_set_back_after_each_commit(
    tree: Path, undisturbed: str, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    with started("scan", tree / "large", "--store", store, "--device", "cpu") as first:
        first.communicate(timeout=280)
    with started("scan", tree, "--store", store, "--device", "cpu", set_back=86_400) as run:
        _, err = run.communicate(timeout=280)
    assert run.returncode == 0, err
    (told,) = status(store).runs
    assert (told.state, told.skipped, told.done) == ("finished", 1, 13)
    ((backwards,),) = (
        open_store(store)
        .sql("SELECT count(*) FROM scans WHERE finished_at < started_at")
        .fetchall()
    )
    assert backwards == 1, "its clock was set back"
    assert_as_if_nothing_happened(store, undisturbed)
