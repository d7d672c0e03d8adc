"""A query ends in bounded time and memory, and tells nothing of the process that runs it."""

import os
import stat
import subprocess
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attacks.limits import within
from tests.support.small_models import model_rows
from zoo_analysis.errors import QueryError
from zoo_analysis.store import Store, open_store
from zoo_analysis.store.query_limits import QueryLimits

#: Queries that would never end, by how they escape.
ENDLESS = {
    "rows": "SELECT count(*) FROM range(100000000000)",
    "recursion": "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM t) "
    "SELECT count(*) FROM t",
    "recursion that yields": "WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x FROM t) "
    "SELECT x FROM t WHERE x > 1",
    "product": "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range > b.range",
    "scalar": "SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))",
}
#: Queries that want more memory than there may be, by what takes it.
LARGE = {
    "answer": "SELECT * FROM range(1000000000)",
    "list": "SELECT list(range) FROM range(1000000000)",
    "text": "SELECT string_agg(repeat('x', 1000000), '') FROM range(100000)",
}
#: What says something about the process and not about the store.
TELLING = [
    "SELECT * FROM pg_settings",
    "SELECT * FROM pg_catalog.pg_settings",
    "SELECT setting FROM \"PG_SETTINGS\" WHERE name = 'temp_directory'",
    "SELECT current_setting('temp_directory')",
    "SELECT pg_catalog.current_setting('temp_directory')",
    "SELECT 'temp_directory'.current_setting()",
    "SELECT (SELECT current_setting('allowed_paths'))",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_temporary_files()",
    "SELECT * FROM duckdb_memory()",
    "SELECT * FROM duckdb_databases",
    "SELECT * FROM duckdb_logs",
    "SELECT * FROM pragma_database_list",
    "WITH s AS (FROM pg_settings) SELECT * FROM s",
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = open_store(tmp_path_factory.mktemp("asked") / "store")
    made.commit_models([model_rows()], "scan")
    return made


@pytest.mark.parametrize("sql", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_query_ends(store: Store, sql: str) -> None:
    with within(20), pytest.raises(QueryError, match=r"took longer than 0\.2 s"):
        store.run(sql, timeout=0.2)
    assert store.run("SELECT count(*) FROM models")[0].to_pylist() == [1]


def test_what_times_a_query_is_not_the_last_that_holds_its_connection() -> None:
    """Else the connection is closed in a thread, which aborts a process that is at its end."""
    import duckdb

    connection = duckdb.connect()
    held = weakref.ref(connection)
    assert QueryLimits().fetch(QueryLimits().ask(connection, "SELECT 1 AS one"))[0][0].as_py() == 1
    del connection
    assert held() is None


def test_time_that_is_over_between_planning_and_work_is_over(store: Store) -> None:
    """DuckDB forgets an interrupt that comes between them."""
    import duckdb

    answer = store.sql(ENDLESS["product"], timeout=0.01)
    time.sleep(0.1)
    with within(20), pytest.raises((duckdb.Error, OSError), match="Interrupted"):
        answer.fetchall()


def test_an_answer_that_is_computed_when_it_is_fetched_has_a_limit_too(store: Store) -> None:
    import duckdb

    with within(20), pytest.raises((duckdb.Error, OSError), match="Interrupted"):
        store.sql(ENDLESS["rows"], timeout=0.2).fetchall()


@pytest.mark.parametrize("sql", LARGE.values(), ids=LARGE)
def test_a_query_that_wants_all_memory_is_refused(store: Store, sql: str) -> None:
    with within(20), pytest.raises(QueryError, match=r"more than 100 MB of memory"):
        store.run(sql, memory=100_000_000)


@pytest.mark.parametrize("sql", TELLING)
def test_settings_and_paths_of_the_process_are_not_told(store: Store, sql: str) -> None:
    with pytest.raises(QueryError, match="is refused"):
        store.run(sql)


def test_what_duckdb_says_of_a_full_memory_names_no_folder(store: Store) -> None:
    with pytest.raises(QueryError) as caught:
        store.run("SELECT list(range) FROM range(1000000000)", memory=50_000_000)
    assert "zoo-duckdb" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("seconds", "memory"), [(0, 1), (-1, 1), (float("nan"), 1), (1, 0)])
def test_a_limit_of_nothing_is_refused(store: Store, seconds: float, memory: int) -> None:
    with pytest.raises(QueryError, match=r"a query's (time|memory) is above 0"):
        store.run("SELECT 1", timeout=seconds, memory=memory)


def test_what_does_not_fit_into_memory_goes_to_a_folder_of_the_users_own(store: Store) -> None:
    place = Path(str(QueryLimits().settings()["temp_directory"]))
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert str(os.getpid()) not in str(place)  # a name that can be guessed can be a link of others
    assert not place.exists()
    sql = "SELECT count(*) FROM (SELECT DISTINCT hash(range) FROM range(5000000))"
    with ThreadPoolExecutor(1) as threads, within(60):
        answer = threads.submit(store.run, sql, memory=50_000_000)
        spilled = set()
        while not answer.done():
            spilled |= {file.suffix for file in place.parent.rglob("*.tmp")}
            time.sleep(0.01)
        assert answer.result()[0].to_pylist() == [5_000_000]
    assert spilled


def zoo(store: Store, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`zoo query` in a process of its own, which its last limit may end."""
    line = (
        "import sys; from zoo_analysis.cli import ask, main; ask._GRACE = 0.5; main(sys.argv[1:])"
    )
    return subprocess.run(
        [sys.executable, "-c", line, "query", *arguments, "--store", store.uri],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_ends_what_duckdb_cannot_interrupt(store: Store, tmp_path: Path) -> None:
    endless = "SELECT len(list_distinct(range(40000000)))"  # one call, ten seconds and more
    done = zoo(store, tmp_path, endless, "--timeout", "0.5")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "zoo: the query took longer than 0.5 s; ask for less, or give it more time\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_command_holds_memory_that_duckdb_does_not_count(store: Store, tmp_path: Path) -> None:
    done = zoo(store, tmp_path, "SELECT list_sum(range(1000000000))", "--memory", "200MB")
    assert (done.returncode, done.stdout) == (2, "")
    assert "more than 200 MB of memory" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
