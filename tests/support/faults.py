"""Runs that something happens to, and what must hold of the store afterwards."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pyarrow as pa
from pandas.testing import assert_frame_equal
from ray.cluster_utils import Cluster

from zoo_analysis import open_store
from zoo_analysis.store import upkeep
from zoo_analysis.store.integrity import check

ROOT = Path(__file__).parents[2]
#: A scan whose process is killed at its n-th append to a table of models.
DYING = """
import os, signal, sys
from zoo_analysis.store import tables
append, left = tables.append, [int(sys.argv[1])]
def dying(location, name, rows):
    if name in ("layers", "esds", "models", "left_out", "commits"):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    append(location, name, rows)
tables.append = dying
from zoo_analysis.cli import main
main(sys.argv[2:])
"""


#: A scan whose clock is set back by so many seconds after each commit.
SET_BACK = """
import sys, time
from datetime import datetime
from zoo_analysis.cli import main
from zoo_analysis.cluster import scan
from zoo_analysis.store import tables
real, append, back = time.time, tables.append, [0.0]
class SetBack(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.fromtimestamp(time.time(), tz)
time.time = lambda: real() - back[0]
for name, module in list(sys.modules.items()):
    if name.startswith("zoo_analysis") and getattr(module, "datetime", None) is datetime:
        module.datetime = SetBack
def setting_back(location, name, rows):
    append(location, name, rows)
    if name == "commits":
        back[0] += float(sys.argv[1])
tables.append = setting_back
main(sys.argv[2:])
"""


def started(
    *arguments: object, dies_at: int | None = None, set_back: float | None = None
) -> subprocess.Popen[str]:
    """A `zoo` command in a process group of its own.

    Args:
        arguments: of the command line.
        dies_at: so many appends it is killed at.
        set_back: so many seconds its clock is set back after each commit.
    """
    words = [str(argument) for argument in arguments]
    here = ["-m", "zoo_analysis.cli"]
    if dies_at is not None:
        here = ["-c", DYING, str(dies_at)]
    if set_back is not None:
        here = ["-c", SET_BACK, str(set_back)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *here, *words],
        stdout=pipe,
        stderr=pipe,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def numbers(store: str) -> list[pa.Table]:
    """All that a scan measured, less how long it took."""
    asked = ("SELECT * EXCLUDE (seconds) FROM layers ORDER BY ALL", "FROM esds ORDER BY ALL")
    return [open_store(store).run(sql) for sql in (*asked, "FROM models ORDER BY ALL")]


def assert_as_if_nothing_happened(store: str, undisturbed: str) -> None:
    """The tables equal another store's, agree with each other, and lose what dead writers left."""
    found = check(open_store(store))
    assert found.problems == ()
    assert_equal_to_rounding(store, undisturbed)
    upkeep.compact(open_store(store).location)
    upkeep.vacuum(open_store(store).location, timedelta(0))
    assert check(open_store(store)).unpublished == 0
    assert_equal_to_rounding(store, undisturbed)


def assert_equal_to_rounding(store: str, other: str) -> None:
    """The numbers of two stores are equal, but for the order of sums.

    A large layer is measured by as many threads as nothing else needs at that moment, and each
    number of them adds in an order of its own.
    """
    for one, another in zip(numbers(store), numbers(other), strict=True):
        assert one.schema == another.schema
        assert_frame_equal(one.to_pandas(), another.to_pandas(), rtol=1e-9, atol=1e-9)


def workers(cluster: Cluster) -> list[psutil.Process]:
    """Processes at work on the nodes of a cluster, and those beside them."""
    found = []
    for node in cluster.list_all_nodes():
        for info in node.all_processes.get("raylet", []):
            with contextlib.suppress(psutil.NoSuchProcess):
                found += psutil.Process(info.process.pid).children(recursive=True)
    named = ("ray::watched", "ray::scan_models", "ray::measure_piece", "serving")
    out = []
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(name in word for word in process.cmdline() for name in named):
                out.append(process)
    return out


def kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)


@contextlib.contextmanager
def two_nodes() -> Iterator[Cluster]:
    """A cluster of a head without processors, and two nodes of one."""
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        yield cluster
    finally:
        cluster.shutdown()
