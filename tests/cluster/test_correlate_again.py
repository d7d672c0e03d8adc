"""Comparisons that failed in part are done again, and those that overlap share what they do."""

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from zoo_analysis import open_store, retry, status
from zoo_analysis.cluster.account import CorrelateSummary
from zoo_analysis.cluster.correlate import correlate
from zoo_analysis.store import Store

pytestmark = pytest.mark.usefixtures("local_ray")

SAMPLES = 23
WHOLE = "FROM similarities WHERE layer_a IS NULL AND layer_b IS NULL"


def pairs(store: Store, run: str = "") -> list[tuple[object, ...]]:
    sql = f"SELECT repo_id_a, repo_id_b {WHOLE} AND starts_with(run_id, $run) ORDER BY ALL"
    return store.sql(sql, {"run": run}).fetchall()


def compare(store: Store, sources: Sequence[Path]) -> CorrelateSummary:
    named = list(map(str, sources))
    return correlate(named, store, measures="cka", probe="digits", samples=SAMPLES)


def test_of_a_comparison_only_what_failed_is_done_again(compared_zoo: Path, tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    tree = tmp_path / "zoo"
    for name in ("resnet0", "resnet1", "vit"):
        shutil.copytree(compared_zoo / name, tree / name)
    weights = tree / "vit" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    first = compare(store, [tree])
    assert (first.pairs, first.failed) == (1, 1)
    (told,) = status(store).runs
    assert (told.method, told.state, told.unit) == ("correlate", "finished", "steps")
    assert (told.total, told.done, told.waiting, told.failed) == (3 + 3, 6, 0, 1)
    assert told.causes[0].startswith("capture/")
    weights.write_bytes(whole)
    done = retry(store, first.run_id)
    assert (done.of, done.models) == (first.run_id, 1)
    assert isinstance(done.summary, CorrelateSummary)
    assert (done.summary.pairs, done.summary.failed) == (2, 0)
    assert pairs(store, done.summary.run_id) == [
        ("zoo/resnet0", "zoo/vit"),
        ("zoo/resnet1", "zoo/vit"),
    ]
    assert len(pairs(store)) == len(set(pairs(store))) == 3
    assert retry(store).summary is None, "nothing failed in the retry"


def test_comparisons_of_overlapping_zoos_compute_the_common_pairs_once(
    compared_zoo: Path, tmp_path: Path
) -> None:
    store = open_store(tmp_path / "store")
    names = ("resnet0", "resnet1", "resnet2", "vit")
    folders = [compared_zoo / name for name in names]
    done: list[CorrelateSummary] = []

    def run(chosen: Sequence[Path]) -> None:
        done.append(compare(open_store(store.uri), chosen))

    threads = [threading.Thread(target=run, args=(part,)) for part in (folders[:3], folders[1:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [summary.failed for summary in done] == [0, 0]
    assert all(summary.pairs + summary.skipped == 3 for summary in done)
    assert sum(summary.pairs for summary in done) == 5, "of six, one is common"
    both = {tuple(sorted(pair)) for pair in pairs(store)}
    assert len(pairs(store)) == len(both) == 5
