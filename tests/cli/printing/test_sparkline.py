"""The line of α over depth."""

import io
import re
from contextlib import redirect_stdout

import pytest

from zoo_analysis.cli.printing.sparkline import write_sparkline


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(alphas: list[float | None], stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    with redirect_stdout(stream):
        write_sparkline(alphas)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_blocks_rise_with_alpha_and_layers_without_one_are_dots() -> None:
    assert drawn([2.0, 3.0, 4.0, 5.0, None, 9.0]) == "α over depth ▁▂▃▄·█ 2 to 9\n"
    assert drawn([3.5]) == "α over depth ▅ 3.5 to 3.5\n"
    assert drawn([None, None]) == ""


def test_a_deep_model_fits_the_line_and_blocks_are_medians() -> None:
    line = drawn([1.0, 1.0, 8.0] * 300)
    assert len(line.rstrip("\n")) == 80
    assert set(re.findall("[▁-█]", line)) == {"▁"}


def test_colour_marks_what_is_over_and_under_trained_and_only_on_a_terminal() -> None:
    alphas = [1.5, 3.0, 7.0]
    assert "\x1b" not in drawn(alphas)
    coloured = drawn(alphas, Terminal())
    assert re.search(r"\x1b\[33m▁\x1b\[0m▃\x1b\[35m█\x1b\[0m", coloured)
