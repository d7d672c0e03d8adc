"""Texts of strangers: as they are stored, and as they are printed."""

import dataclasses
import json
import re
from collections.abc import Iterable
from hashlib import blake2s
from typing import Any, Final

#: Characters of a name or a message; longer ones are cut in the middle.
LONGEST: Final = 1000
#: Brackets and commas of a JSON text, of each of which reading makes an object: four for each
#: tensor of the largest models.
MOST_PARTS: Final = 2_000_000
#: Halves of surrogate pairs, which no table takes, and control characters, NUL among them.
_ODD: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
#: Colours, and the arrows of deltalake's chains of causes.
_MARKS: Final = re.compile(r"\x1b\[[0-9;]*m|↳")

#: The largest first.
_UNITS: Final = {"EB": 1e18, "PB": 1e15, "TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3}


def storable(text: str) -> str:
    r"""A text as the tables keep it: valid Unicode on one line, of `LONGEST` characters at most.

    What was different stays different: odd characters are written as Python writes them (``\x1b``,
    ``\ud800``), and what is cut out leaves a hash of the whole.
    """
    if not text.isprintable():
        text = _ODD.sub(lambda odd: odd[0].encode("unicode_escape").decode(), text)
    if len(text) <= LONGEST:
        return text
    mark = f"…{blake2s(text.encode(), digest_size=4).hexdigest()}…"
    side = (LONGEST - len(mark)) // 2
    return text[:side] + mark + text[-side:]


def clean(record: Any, *exact: str) -> None:
    """Make the texts of a frozen dataclass `storable`; for its ``__post_init__``.

    Args:
        record: the instance.
        exact: fields that stay as they are, such as paths.
    """
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, str) and field.name not in exact:
            object.__setattr__(record, field.name, storable(value))


def printable(text: str) -> str:
    """A text as it may go to a terminal: on one line, without what steers the terminal.

    Escapes, marks that turn the direction of writing and other invisible characters are ``�``.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in text)


def few(names: Iterable[str], most: int = 4, between: str = ", ") -> str:
    """The first of some names, and how many more there are: ``a, b and 3 more``.

    Args:
        names: any.
        most: of them that are named.
        between: two names.
    """
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more


def size_in_words(nbytes: float) -> str:
    """A number of bytes as readers are told it, in three digits: ``562 kB``, ``18.8 MB``."""
    for unit, size in _UNITS.items():
        if float(number := f"{nbytes / size:.3g}") >= 1:
            return f"{float(number):g} {unit}"
    return "1 byte" if nbytes == 1 else f"{nbytes:.0f} bytes"


def typeset(number: str) -> str:
    """A number as it is set in sentences, with the true minus: ``−0.93``, ``2e−05``."""
    return number.replace("-", "−")


def one_line(error: object) -> str:
    """A library's error message on one line: what it says first, and what that came from."""
    lines = [_MARKS.sub("", line).strip() for line in str(error).strip().splitlines()]
    said = [line for line in lines if line]
    return ": ".join(dict.fromkeys(said[:1] + said[-1:])) or type(error).__name__


def bounded_json(text: str) -> Any:
    """The value of a JSON text of as many parts as a model's files have at most.

    Args:
        text: JSON.

    Raises:
        ValueError: no JSON, nested too deeply, or of more than `MOST_PARTS` parts.
    """
    if sum(map(text.count, "{[,")) > MOST_PARTS:
        raise ValueError(f"JSON of more than {MOST_PARTS:,} parts")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
