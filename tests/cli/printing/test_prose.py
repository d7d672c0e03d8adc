"""Prose fits the terminal as tables do, and what one copies stays whole."""

import re
from pathlib import Path

import pytest

from tests.support.command import zoo
from zoo_analysis.cli.printing.prose import JOINED, say, say_whole

PATH = "/data/" + "/".join(["a-folder-of-models"] * 8)


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def test_prose_in_a_pipe_is_80_columns_wide_and_as_wide_as_columns_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "a sentence of words that goes on " * 12
    for width in (80, 40):
        if width != 80:
            monkeypatch.setenv("COLUMNS", str(width))
        say(text)
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= width
        assert len(lines) >= len(text) // width
        assert " ".join(" ".join(lines).split()) == " ".join(text.split())


def test_a_path_is_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"failed: {PATH} (open): not a zip file, and too long a line to be told in one")
    assert PATH in capsys.readouterr().out.split()


def test_what_goes_on_is_indented_further(capsys: pytest.CaptureFixture[str]) -> None:
    say("  " + "word " * 30)
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.match(r"  \w", first)
    assert all(re.match(r"    \w", line) for line in rest)


def test_a_name_stays_beside_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    say(", ".join(f"number{n:02}{JOINED}value{n:02}" for n in range(20)))
    out = capsys.readouterr().out
    assert JOINED not in out
    assert all(f"number{n:02} value{n:02}" in out for n in range(20))


def test_a_command_within_a_sentence_stays_on_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for command in ("zoo scan run/checkpoint-*", "zoo accuracies sync --from SOURCE", "zoo retry"):
        for words in range(20):
            say("word " * words + f"and then: {command}, or not; and so on it goes for a while")
            assert f"{command}," in capsys.readouterr().out


def test_a_number_has_the_minus_that_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    say("τ −0.93 (−1 to −.5, p 2e−05); the difference a − b")
    assert capsys.readouterr().out == "τ -0.93 (-1 to -.5, p 2e-05); the difference a − b\n"


def test_commands_stay_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"zoo show owner/name --store {PATH}"
    say_whole(command)
    assert capsys.readouterr().out == f"{command}\n"


def test_prose_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("one\x1b[2Jtwo\nthree")
    say_whole("one\x1b[2Jtwo\nthree")
    assert capsys.readouterr().out == "one�[2Jtwo three\n" * 2


def test_errors_are_wrapped_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = zoo("query", "FROM models", "--store", tmp_path / "nothing", width=80)
    assert answer.code == 2
    lines = answer.err.splitlines()
    assert len(lines) > 1
    assert all(len(line) <= 80 or len(line.split()) == 1 for line in lines)
