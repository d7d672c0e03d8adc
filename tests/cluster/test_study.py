"""`zoo study` runs a study on Ray and keeps what it found."""

import json
from pathlib import Path

import pytest

from tests.support.command import zoo
from zoo_analysis import open_store
from zoo_analysis.cluster import study as command
from zoo_analysis.studies.catalogue import get_study, studies


def printed(*arguments: str) -> str:
    return zoo(*arguments).out


def test_studies_are_listed_with_what_was_published() -> None:
    rows = json.loads(printed("studies", "-f", "json"))
    assert [row["name"] for row in rows] == [*studies()]
    assert all(row["finding"] and row["minutes"] > 0 for row in rows)


def test_an_unknown_study_is_one_line() -> None:
    answer = zoo("study", "series-qualty")
    assert answer.code == 2
    assert answer.err.splitlines() == [
        "zoo: no study is called 'series-qualty'; did you mean series-quality?"
    ]


@pytest.mark.usefixtures("local_ray")
def test_a_study_is_printed_with_its_verdict_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = command.study

    def small(*args: object, **options: object) -> command.StudyRun:
        return run(*args, **options, small=True)  # type: ignore[arg-type]

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(command, "study", small)
    where = str(tmp_path / "store")
    text = printed("study", "wcka-calibration", "--seeds", "2", "--store", where)
    assert "distance from 0 of random networks" in text
    assert get_study("wcka-calibration").finding in text
    assert "Cannot be said: over 2 networks the root-mean-square distance" in text
    again = json.loads(
        printed("study", "wcka-calibration", "--seeds", "2", "--store", where, "--json")
    )
    store = open_store(where)
    rows = store.run("SELECT * FROM studies ORDER BY computed_at").to_pylist()
    assert len(rows) == 2 * len(again["estimates"])
    assert {(row["study"], row["seeds"]) for row in rows} == {("wcka-calibration", 2)}
    assert len({row["run_id"] for row in rows}) == 2
    assert rows[-1]["run_id"] == again["run_id"]
    assert all(row["verdict"] == again["verdict"] and row["computed_at"] for row in rows)
    assert list((tmp_path / "cache" / "zoo-analysis" / "studies").glob("*.safetensors"))
