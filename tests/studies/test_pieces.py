"""A study that is killed half-way goes on where it was."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from zoo_analysis.studies.pieces import continued
from zoo_analysis.studies.study import Setting, one_by_one
from zoo_analysis.studies.wcka_calibration import run

ROOT = Path(__file__).parents[2]
#: Does as a study's run does, and lingers after each piece so that it can be killed between two.
STUDY = """
import sys, time
from functools import partial
from pathlib import Path
from zoo_analysis.studies.pieces import continued
from zoo_analysis.studies.study import Setting, one_by_one
from zoo_analysis.studies.wcka_calibration import run

def lingering(function, *arguments):
    done = function(*arguments)
    print("a piece", flush=True)
    time.sleep(1)
    return done

def spread(title, function, arguments):
    return one_by_one(title, partial(lingering, function), arguments)

cache = Path(sys.argv[1])
with continued(spread, cache, "wcka-calibration") as rest:
    run(Setting(cache, seeds=2, spread=rest, small=True))
"""


def results(cache: Path) -> set[Path]:
    return {*(cache / "unfinished").rglob("output.pkl")}


def test_a_killed_study_repeats_no_piece_and_finds_the_same(tmp_path: Path) -> None:
    whole = run(Setting(tmp_path / "whole", seeds=2, small=True))
    cache = tmp_path / "killed"
    killed = subprocess.Popen(
        [sys.executable, "-c", STUDY, str(cache)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert killed.stdout is not None
    for _ in range(3):  # two networks are trained, and one measure has compared them
        assert killed.stdout.readline() == b"a piece\n"
    killed.kill()
    killed.wait()
    before = {path: path.stat().st_mtime_ns for path in results(cache)}
    assert len(before) == 3

    made: set[Path] = set()

    def watched(
        title: str, function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]
    ) -> list[Any]:
        found = one_by_one(title, function, arguments)
        made.update(results(cache))
        return found

    with continued(watched, cache, "wcka-calibration") as spread:
        again = run(Setting(cache, seeds=2, spread=spread, small=True))
        after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before
    assert made > {*before}
    assert not results(cache)
    timed = {"seconds a pair"}
    rows = [
        [row for row in each.table.to_pylist() if row["quantity"] not in timed]
        for each in (whole, again)
    ]
    assert rows[0] == rows[1]


def interrupted(cache: Path) -> set[Path]:
    """The results that a run found when it began; it does one piece and stops."""
    with continued(one_by_one, cache, "a") as spread:
        begun_with = results(cache)
        spread("", time.strftime, [("%Y",)])
        raise Interrupted(begun_with)


class Interrupted(Exception):
    """Of a run, with what it began with."""


def test_what_other_code_found_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Interrupted):
        interrupted(tmp_path)
    with pytest.raises(Interrupted) as of_same_code:
        interrupted(tmp_path)
    assert len(of_same_code.value.args[0]) == 1
    monkeypatch.setattr("zoo_analysis.studies.pieces._code", lambda: "changed")
    with pytest.raises(Interrupted) as of_other_code:
        interrupted(tmp_path)
    assert not of_other_code.value.args[0]
