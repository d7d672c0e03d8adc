"""Many writers and readers at once, in threads and processes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from zoo_analysis.store import ModelRows, Store, open_store

Make = Callable[..., ModelRows]


def _commit(uri: str, rows: list[ModelRows]) -> None:
    store = open_store(uri)
    for one in rows:
        store.commit_models([one], "scan")
        store.append("failures", pa.table({"scan_id": [uri], "repo_id": [one.model["repo_id"]]}))


def test_processes_that_all_create_the_store_lose_nothing(store: Store, model_rows: Make) -> None:
    context = multiprocessing.get_context("spawn")
    each = [[model_rows(f"writer{w}/{i}") for i in range(4)] for w in range(3)]
    workers = [context.Process(target=_commit, args=(store.uri, rows)) for rows in each]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 3
    assert len(store.committed()) == 12
    assert store.run("SELECT count(*) AS n FROM layers")["n"].to_pylist() == [24]
    assert store.run("SELECT count(*) AS n FROM failures")["n"].to_pylist() == [12]


def test_threads_racing_to_commit_one_model_show_it_once(store: Store, model_rows: Make) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda i: store.commit_models([model_rows()], f"scan {i}"), range(6)))
    query = """
        SELECT (SELECT count(*) FROM layers) l, (SELECT count(*) FROM models) m, count(*) c
        FROM commits
    """
    assert store.run(query).to_pylist() == [{"l": 2, "m": 1, "c": 1}]
    assert store.run("SELECT count(*) AS n FROM raw.commits")["n"].to_pylist() == [6]


def test_a_reader_during_writes_always_sees_whole_models(store: Store, model_rows: Make) -> None:
    store.commit_models([model_rows("lab/first")], "scan")
    done = threading.Event()

    def write() -> None:
        for i in range(12):
            store.commit_models([model_rows(f"lab/{i}", alphas=[2, 3, 4])], "scan")
        done.set()

    torn = """
        SELECT c.repo_id FROM commits c
        LEFT JOIN (SELECT repo_id, count(*) n FROM layers GROUP BY ALL) l USING (repo_id)
        LEFT JOIN (SELECT repo_id, count(*) n FROM esds GROUP BY ALL) e USING (repo_id)
        LEFT JOIN models m USING (repo_id)
        WHERE m.repo_id IS NULL
            OR l.n IS DISTINCT FROM CASE WHEN c.repo_id = 'lab/first' THEN 2 ELSE 3 END
            OR e.n IS DISTINCT FROM l.n
    """
    writer = threading.Thread(target=write)
    writer.start()
    looks = 0
    while not done.is_set():
        assert store.run(torn).num_rows == 0
        looks += 1
    writer.join()
    assert looks > 0
    assert len(store.committed()) == 13


def test_a_writer_killed_anywhere_leaves_a_store_that_a_rerun_completes(
    store: Store, model_rows: Make
) -> None:
    script = textwrap.dedent(
        """
        import sys, pathlib
        sys.path.insert(0, sys.argv[1])
        from tests.support.small_models import model_rows
        from zoo_analysis.store import open_store
        store = open_store(sys.argv[2])
        print("ready", flush=True)
        for i in range(1000):
            store.commit_models([model_rows(f"lab/{i}")], "scan")
        """
    )
    here = str(Path(__file__).parents[2])
    for pause in (0.15, 0.4):
        process = subprocess.Popen(
            [sys.executable, "-c", script, here, store.uri], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    done = {repo_id for repo_id, _, _ in store.committed()}
    missing = [f"lab/{i}" for i in range(1000) if f"lab/{i}" not in done]
    store.commit_models([model_rows(name) for name in missing[:3]], "rerun")
    counts = store.run("SELECT repo_id, count(*) AS n FROM layers GROUP BY ALL")
    assert set(counts["n"].to_pylist()) == {2}
    assert set(counts["repo_id"].to_pylist()) == {repo_id for repo_id, _, _ in store.committed()}
