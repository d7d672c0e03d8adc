"""Two thousand small models scanned while whatever works on them is killed: `pytest -m soak`."""

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.support.faults import kill, started, two_nodes, workers
from tests.support.scanned_models import MakeModel
from zoo_analysis import open_store
from zoo_analysis.store.integrity import check

MODELS, MINUTES = 2000, float(os.environ.get("SOAK_MINUTES", "10"))


@pytest.mark.soak
def test_nothing_is_lost_nothing_is_twice_and_memory_is_flat(
    make_model: MakeModel, tmp_path: Path
) -> None:
    store, chance = str(tmp_path / "store"), random.Random(0)
    for i in range(MODELS):
        make_model(f"m{i:04}", ((60, 40),) * 4)
    tree = tmp_path / "zoo"
    until = time.monotonic() + 60 * MINUTES
    held: list[int] = []
    with two_nodes() as cluster:
        command = ("scan", tree, "--store", store, "--address", cluster.address)
        run = started(*command)
        while time.monotonic() < until and len(open_store(store).committed()) < MODELS:
            time.sleep(chance.uniform(2, 8))
            with contextlib.suppress(psutil.NoSuchProcess):
                held.append(psutil.Process(run.pid).memory_info().rss)
            what = chance.random()
            if what < 0.7 and (busy := workers(cluster)):
                kill(chance.choice(busy))
            elif what < 0.8:
                node = next(node for node in cluster.list_all_nodes() if not node.head)
                cluster.remove_node(node, allow_graceful=False)
                cluster.add_node(num_cpus=1)
            elif what > 0.9 or run.poll() is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(run.pid, signal.SIGKILL)
                run.communicate()
                run = started(*command)
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.communicate(timeout=60)
        run.kill()
        with started(*command) as last:  # what was killed three times over, and the rest
            _, err = last.communicate(timeout=590)
        assert last.returncode == 0, err
    found = check(open_store(store))
    assert (found.models, found.layers, found.problems) == (MODELS, 4 * MODELS, ())
    assert max(held) < 1 << 30, "a driver holds what is under way, however much is done"
