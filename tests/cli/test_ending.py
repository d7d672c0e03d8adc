"""A command that a signal ends says so in a line, and only it writes to its standard output."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WAIT = """
import sys, time
from zoo_analysis.cli.app import app, main
@app.command()
def wait() -> None:
    print("ready", file=sys.stderr, flush=True)
    try:
        time.sleep(60)
    except KeyboardInterrupt as stop:
        time.sleep(1)  # in which it ends what it does
        stop.add_note("4 models are kept")
        raise
main(["wait"])
"""
#: DuckDB makes an error of its own of a signal that comes while it works.
QUERY = """
import sys
from zoo_analysis.cli.app import app, main
@app.command()
def ask() -> None:
    import duckdb
    print("ready", file=sys.stderr, flush=True)
    duckdb.sql("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b").fetchall()
main(["ask"])
"""
NOISE = """
import os, subprocess, sys
from zoo_analysis.cli.app import app, main
@app.command()
def noise() -> None:
    os.write(1, b"of C\\n")
    subprocess.run(["echo", "of a process"])
    print("[1]")
main(["noise"])
"""


def started(code: str, before: Callable[[], object] | None = None) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code]
    return subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT, preexec_fn=before
    )


def ignore_hangup() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_a_signal_that_comes_in_a_query_ends_the_command_likewise() -> None:
    process = started(QUERY)
    assert process.stderr is not None
    while process.stderr.readline() != "ready\n":
        pass
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, err) == (143, "zoo: stopped by SIGTERM\n")


@pytest.mark.parametrize(
    ("sent", "named", "status"),
    [
        (["SIGINT"], "SIGINT", 130),
        (["SIGTERM", "SIGTERM", "SIGHUP"], "SIGTERM", 143),
        (["SIGHUP"], "SIGHUP", 129),
    ],
)
def test_a_signal_ends_a_command_with_one_line_and_its_own_status(
    sent: list[str], named: str, status: int
) -> None:
    with started(WAIT) as run:
        assert run.stderr is not None
        assert run.stderr.readline() == "ready\n"
        for name in sent:
            time.sleep(0.2)  # those that come at once are heard in no particular order
            run.send_signal(signal.Signals[name])
        out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (status, "")
    assert err == f"zoo: stopped by {named}; 4 models are kept\n"


def test_a_signal_that_is_ignored_stays_so() -> None:
    with started(WAIT, ignore_hangup) as run:
        assert run.stderr is not None
        run.stderr.readline()
        for number in (signal.SIGHUP, signal.SIGTERM):
            time.sleep(0.2)
            run.send_signal(number)
        _, err = run.communicate(timeout=60)
    assert (run.returncode, err.split(";")[0]) == (143, "zoo: stopped by SIGTERM")


def test_what_libraries_and_their_processes_print_is_not_on_standard_output() -> None:
    with started(NOISE) as run:
        out, err = run.communicate(timeout=60)
    assert (out, err) == ("[1]\n", "of C\nof a process\n")
