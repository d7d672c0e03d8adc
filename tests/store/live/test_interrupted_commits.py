"""Writers that die inside a commit: what they leave is counted and removed, and no living one's."""

import shutil
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from tests.support.small_models import model_rows
from zoo_analysis.errors import StoreError
from zoo_analysis.store import Store, open_store, upkeep
from zoo_analysis.store import store as store_module
from zoo_analysis.store.integrity import check
from zoo_analysis.store.live import pending
from zoo_analysis.store.live.small_files import SmallFiles
from zoo_analysis.texts import one_line

ROOT = Path(__file__).parents[3]
#: A writer that breaks off after so many appends of a commit, which are to `layers`, `esds`,
#: `models`, `averages`, `left_out` and `commits`; then with the next commit; and then is gone.
DIE = textwrap.dedent(
    """
    import os, sys
    from dataclasses import replace
    sys.path.insert(0, sys.argv[1])
    import pyarrow as pa
    from tests.support.small_models import model_rows
    from zoo_analysis.store import open_store, tables
    append, written = tables.append, []
    def failing(location, name, rows):
        if len(written) == after:
            raise KeyboardInterrupt
        append(location, name, rows)
        written.append(name)
    tables.append = failing
    out = pa.table({"tensor": ["*"], "count": [1], "elements": [3], "reason": ["vector"]})
    for after in map(int, sys.argv[3:]):
        written.clear()
        whole = [model_rows(f"lab/{after}-{i}") for i in range(8)]
        batch = [replace(rows, averages={"alpha": 2.0}, left_out=out) for rows in whole]
        try:
            open_store(sys.argv[2]).commit_models(batch, "scan")
        except KeyboardInterrupt:
            pass
    os._exit(9)
    """
)


def die_in_commits(store: Store, *after: int) -> None:
    """Let a writer of eight models a commit break off after so many appends, and die."""
    command = [sys.executable, "-c", DIE, str(ROOT), store.uri, *map(str, after)]
    assert subprocess.run(command, timeout=120).returncode == 9


def rows(store: Store, name: str) -> int:
    return DeltaTable(store.location.table_uri(name)).to_pyarrow_table().num_rows


def test_what_writers_leave_who_die_at_each_step_is_counted_and_removed(store: Store) -> None:
    store.commit_models([model_rows("lab/whole")], "scan")
    before = store.run("FROM layers ORDER BY ALL")
    die_in_commits(store, 0, 1, 2, 3, 4, 5, 6)
    found = check(store)
    assert (found.models, found.unpublished, found.problems) == (9, 8 * 5, ())
    done = {part.table: part.orphans for part in upkeep.compact(store.location)}
    assert done["layers"] == 5 * 8 * 2
    assert [done[name] for name in ("models", "averages", "left_out")] == [3 * 8, 2 * 8, 1 * 8]
    assert check(store).unpublished == 0
    assert rows(store, "layers") == rows(store, "esds") == 9 * 2
    assert store.run("FROM layers WHERE repo_id = 'lab/whole' ORDER BY ALL").equals(before)
    assert SmallFiles(store.location, "pending").list() == []
    upkeep.vacuum(store.location, timedelta(0))
    names = {path.name for path in (Path(store.uri) / "layers").glob("*.parquet")}
    assert len(names) == 1


def test_a_living_writers_rows_are_neither_counted_nor_removed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, seen = store_module.tables.append, []

    def meanwhile(location: object, name: str, more: object) -> None:
        append(location, name, more)  # type: ignore[arg-type]
        if name == "models":
            monkeypatch.undo()
            seen.append(check(store).unpublished)
            seen.append(sum(part.orphans for part in upkeep.compact(store.location)))

    monkeypatch.setattr(store_module.tables, "append", meanwhile)
    store.commit_models([model_rows("lab/slow")], "scan")
    assert seen == [0, 0]
    assert check(store).problems == ()
    assert store.run("SELECT count(*) AS n FROM layers")["n"].to_pylist() == [2]


def test_another_machines_writer_is_dead_after_an_hour_by_the_clock_of_the_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.commit_models([model_rows("lab/whole")], "scan")
    die_in_commits(store, 3)
    monkeypatch.setattr("zoo_analysis.store.live.process._space", lambda: "another boot")
    assert check(store).unpublished == 0
    now = SmallFiles.now
    monkeypatch.setattr(SmallFiles, "now", lambda self: now(self) - 7200)  # set back
    assert check(store).unpublished == 0
    monkeypatch.setattr(SmallFiles, "now", lambda self: now(self) + 3700)
    assert check(store).unpublished == 8


def test_a_machine_that_slept_inside_a_commit_does_not_publish_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 1000.0])
    monkeypatch.setattr(pending, "_clock", lambda: next(times))
    with pytest.raises(StoreError, match="took 1000 s: commit it anew"):
        store.commit_models([model_rows("lab/slept")], "scan")
    monkeypatch.undo()
    assert open_store(store.uri).committed() == set()
    store.commit_models([model_rows("lab/slept")], "scan")
    assert len(store.committed()) == 1


def test_a_full_disk_is_the_cause_that_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.commit_models([model_rows("lab/first")], "scan")
    full = shutil.disk_usage(store.uri)._replace(free=0)
    monkeypatch.setattr("zoo_analysis.folders.shutil.disk_usage", lambda path: full)
    with pytest.raises(StoreError, match=r"cannot write .*: .*No space left on device"):
        store.commit_models([model_rows("lab/second")], "scan")
    monkeypatch.undo()
    assert check(store).problems == ()
    assert len(store.committed()) == 1


def test_a_chain_of_causes_is_one_line_with_the_first_and_the_last() -> None:
    chain = (
        "Generic LocalFileSystem error\n  \x1b[31m↳\x1b[0m Unable to copy\n ↳ No space left (28)\n"
    )
    assert one_line(OSError(chain)) == "Generic LocalFileSystem error: No space left (28)"
