"""Every command line of the documents is one: its commands, options and values exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from zoo_analysis.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: How a line of a code block begins, after a prompt, or after a time of cron.
_BEGIN = re.compile(r"(?: {4}|\$ )(?:[\d *]+ )?(?=zoo )")


def commands(page: Path) -> Iterator[list[str]]:
    """The words after `zoo` of every line, with those that it goes on in."""
    lines = iter(page.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if not (begin := _BEGIN.match(line)):
            continue
        text = line[begin.end() :]
        while True:
            try:
                words = shlex.split(text, comments=True)[1:]
                break
            except ValueError:  # within quotation marks, or at a backslash
                text = text.removesuffix("\\") + "\n" + next(lines)
        if words and not words[0].startswith("-"):
            yield words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_documented_line_is_understood(page: Path, tmp_path: Path) -> None:
    for words in commands(page):
        command, rest = get_command(app), list(words)
        while rest and (below := getattr(command, "commands", {})):
            command = below[rest.pop(0)]
        rest = [str(tmp_path) if word == "DIR" else word for word in rest]
        assert command.make_context(command.name or "zoo", rest).params, words


def test_the_readme_has_many() -> None:
    assert len(list(commands(ROOT / "README.md"))) > 80
