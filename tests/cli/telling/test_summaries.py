"""What a run came to, told to a person: of many failures the causes, and of few each."""

import pytest

from zoo_analysis.cli.telling.summaries import print_scan
from zoo_analysis.cluster.account import Summary
from zoo_analysis.cluster.worker import Failure
from zoo_analysis.sources import ModelRef


def told(capsys: pytest.CaptureFixture[str], *causes: tuple[str, str, int]) -> str:
    failures = [
        Failure(ModelRef(f"lab/{error}-{number}", None, "", "local", 0), stage, error, "so it is")
        for stage, error, count in causes
        for number in range(count)
    ]
    print_scan(Summary("/store", "default", failed=len(failures), failures=failures))
    return " ".join(capsys.readouterr().out.split())


def test_a_cause_of_failures_is_told_however_many_there_are_of_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = told(capsys, ("revision", "SourceError", 1200), ("measure", "LimitError", 2))
    assert out.count("failed: lab/SourceError") == 10
    assert "… and 1,192 more, in all 1,200 revision/SourceError, 2 measure/LimitError: zoo" in out


def test_few_failures_are_named_each(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, ("open", "CheckpointError", 2), ("measure", "LimitError", 1))
    assert out.count("failed: lab/") == 3
    assert "more" not in out
