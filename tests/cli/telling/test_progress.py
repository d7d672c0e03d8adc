"""Long work is told of in one count, and off a terminal in whole lines."""

import re

import pytest

from zoo_analysis.cli.telling import progress
from zoo_analysis.cli.telling.progress import COMPARED, SCANNED, Bar, Bars, RunCounter
from zoo_analysis.cluster.account import Event


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_EVERY", -1.0)


def test_the_share_of_a_scan_is_of_the_bytes_that_it_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Bar("scanning") as bar:
        counter = RunCounter(bar, SCANNED, by_bytes=True)
        counter.on_start(40, 2_000_000_000)
        counter.on_event(Event("scanned", "lab/a", layers=1, bytes=500_000_000))
        counter.on_event(Event("failed", "lab/b", bytes=1_500_000_000))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "scanning: 25% of 2 GB, 1 model, 1 layer",
        "scanning: 100% of 2 GB, 1 model, 1 layer, 1 failed",
    ]


def test_the_share_of_a_comparison_is_of_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("comparing") as bar:
        counter = RunCounter(bar, COMPARED, by_bytes=False)
        counter.on_start(2, 4)
        counter.on_event(Event("captured", "lab/a"))
    assert capsys.readouterr().err.splitlines()[0] == (
        "comparing: 25% of 4 steps, 1 model, 0 comparisons"
    )


def test_the_last_line_is_the_end_even_of_what_nobody_was_told_for_a_while(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Bars() as bars:
        bars.on_progress("training", 0, 3)
        bars.on_progress("training", 1, 3)
        monkeypatch.setattr(progress, "_EVERY", 1e9)
        bars.on_progress("training", 2, 3)
        bars.on_progress("training", 3, 3)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["training: 33% of 3", "training: 100% of 3"]
    assert all(re.fullmatch(r"training: \d+% of 3", line) for line in lines)


def test_short_work_says_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_EVERY", 1e9)
    with Bar("scanning", 1, "of 1") as bar:
        bar.advance(1, "1 model")
    assert capsys.readouterr().err == ""
