"""Comparisons on two nodes; workers that die, a node that is lost: every pair is there once."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from ray.cluster_utils import Cluster

from zoo_analysis import open_store
from zoo_analysis.cluster.correlate import correlate

JOB = Path(__file__).parents[2] / "jobs" / "correlate.py"
TASKS = ("ray::capture_model", "ray::compare_models")
MEASURES = ("neuronal", "cka", "procrustes", "pwcca")
#: As many, which take long enough for a node to be lost meanwhile.
HEAVY = ("cka_rbf", "knn", "rsa", "pwcca")
WHOLE = (
    "SELECT count(*), count(DISTINCT (measure, repo_id_a, repo_id_b)), count(value) "
    "FROM similarities WHERE layer_a IS NULL"
)


def busy(*tasks: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(task in part for task in tasks for part in process.info["cmdline"] or ()):
            found.append(process)
    return found


class Watch(threading.Thread):
    """Looks every few milliseconds until it is told that it is over."""

    def __init__(self, look: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.look, self.over = look, threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            self.look()
            time.sleep(0.02)

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.join()


@pytest.mark.usefixtures("local_ray")
def test_workers_killed_in_the_middle_lose_nothing(compared_zoo: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    killed: dict[str, int] = {}

    def kill() -> None:
        for task in set(TASKS) - set(killed):
            for process in busy(task)[:1]:
                process.send_signal(signal.SIGKILL)
                killed[task] = process.pid

    with Watch(kill):
        done = correlate([str(compared_zoo)], store, measures=MEASURES, probe="digits", samples=200)
    assert killed.keys() == set(TASKS), "no worker was caught at work"
    assert (done.pairs, done.failed) == (6, 0)
    assert open_store(store).sql(WHOLE).fetchall() == [(24, 24, 24)]


@pytest.mark.usefixtures("local_ray")
def test_a_model_whose_workers_always_die_is_a_failure(compared_zoo: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "store")

    def kill() -> None:
        for process in busy("ray::compare_models"):
            process.send_signal(signal.SIGKILL)

    pair = [str(compared_zoo / name) for name in ("resnet0", "vit")]
    with Watch(kill):
        done = correlate(pair, store, measures=MEASURES[:2], probe="digits", samples=201)
    assert (done.pairs, done.failed, done.forwarded) == (0, 1, 2)
    ((stage, message, attempts),) = (
        open_store(store).sql("SELECT stage, message, attempts FROM failures").fetchall()
    )
    assert (stage, attempts) == ("compare", 3)
    assert str(message).startswith("with zoo/vit: ")


def test_two_nodes_share_the_work_and_losing_one_loses_nothing(
    compared_zoo: Path, node_cache: Path, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(node_cache))
        cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        second = cluster.add_node(num_cpus=1)
    nodes: set[int] = set()
    removed: list[bool] = []

    def lose_the_second() -> None:
        """Once both have worked, and pairs are being compared."""
        for process in () if removed else busy(*TASKS):
            with contextlib.suppress(psutil.NoSuchProcess):
                nodes.add(process.ppid())
        if not removed and len(nodes) == 2 and busy("ray::compare_models"):
            removed.append(True)
            cluster.remove_node(second, allow_graceful=False)

    command = [sys.executable, JOB, compared_zoo, "--probe", "digits", "--samples", 400, "--json"]
    command += ["--measure", ",".join(HEAVY), "--store", store, "--address", cluster.address]
    try:
        with Watch(lose_the_second):
            run = subprocess.run(
                list(map(str, command)), capture_output=True, text=True, timeout=240
            )
    finally:
        cluster.shutdown()
    assert removed, "the run was over before a node could be lost"
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout.splitlines()[-1])  # Ray tells of the node on the lines before
    assert (summary["pairs"], summary["failed"]) == (6, 0)
    assert summary["forwarded"] + summary["cached"] == 4
    assert open_store(store).sql(WHOLE).fetchall() == [(24, 24, 24)]
