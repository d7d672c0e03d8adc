"""Prose for readers, wrapped as tables are: to the terminal, elsewhere to ``$COLUMNS``, or 80."""

import re
import sys
import textwrap
from typing import Final, TextIO

from rich.console import Console

from zoo_analysis.texts import printable

#: A blank at which no line is broken, as between a name and its value.
JOINED: Final = "\xa0"
#: Longest text of several words that is kept on one line.
_SHORT: Final = 40
#: The minus of numbers in sentences: on a terminal all have the one that can be typed and searched.
_MINUS: Final = re.compile(r"−(?=[\d.])")
#: A command to go on with, which one copies: `zoo`, its name, and what looks like an argument.
_COMMAND: Final = re.compile(
    r"\bzoo (?:(?:accuracies|catalog|series|store|plot) )?[a-z-]+"
    r"(?: (?:--?[a-z]\S*|[^\s(]*[A-Z/*=][^\s)]*))*"
)
#: Before what goes on of a line.
_HANGING: Final = "  "


def say(*lines: str, error: bool = False) -> None:
    """Lines on standard output or error, wrapped, and cleaned of what would steer the terminal.

    Args:
        lines: paths and other words are left whole; what goes on is indented by two more.
        error: to standard error instead.
    """
    stream = sys.stderr if error else sys.stdout
    say_whole(*(part for line in lines for part in wrapped(line, stream)), error=error)


def say_whole(*lines: str, error: bool = False) -> None:
    """Lines that one copies, as commands and SQL: not wrapped, only cleaned."""
    stream = sys.stderr if error else sys.stdout
    stream.writelines(f"{printable(line)}\n" for line in lines)
    stream.flush()


def joined(text: str) -> str:
    """A text whose words stay on one line, unless it is long."""
    return text.replace(" ", JOINED) if len(text) <= _SHORT else text


def wrapped(line: str, stream: TextIO | None = None) -> list[str]:
    """A line as lines that fit the terminal of a stream; `JOINED` is a blank that is not broken."""
    line = _MINUS.sub("-", line)
    begin = line[: len(line) - len(line.lstrip(" "))]
    line = _COMMAND.sub(lambda command: command[0].replace(" ", JOINED), line)
    text = JOINED.join(map(printable, line.split(JOINED)))
    lines = textwrap.wrap(
        text,
        Console(file=stream).width,
        subsequent_indent=begin + _HANGING,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(JOINED, " ") for line in lines] or [""]
