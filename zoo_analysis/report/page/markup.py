"""Pages from templates, and data as scripts: what came from a model is text, never markup."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from hashlib import blake2s
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from zoo_analysis.report.figures.theme import short
from zoo_analysis.report.page.cell_texts import (
    LONGEST,
    broken,
    called,
    link,
    parted,
    scaled,
    shown_number,
    shown_numbers,
    web_address,
)
from zoo_analysis.texts import printable

_FOLDER: Final = Path(__file__).parent
#: Digits of a number in data.
_DIGITS: Final = 5


@dataclass(frozen=True)
class Column:
    """A column of a page's table: its heading, what it means, whether it holds numbers or prose."""

    name: str
    about: str = ""
    right: bool = False
    prose: bool = False

    @property
    def kind(self) -> Markup:
        """The attribute of its cells."""
        told = "number" if self.right else "words" if self.prose else ""
        return Markup(f' class="{told}"') if told else Markup()


@dataclass(frozen=True)
class Crumbs:
    """Things that all pages of a report show: its title, its parts, its other pages.

    Attributes:
        title: of the report.
        parts: address and name of each page in the navigation.
        models: a page's address by repository id.
        series: likewise by series.
        version: of the package.
    """

    title: str
    parts: tuple[tuple[str, str], ...]
    models: Mapping[str, str]
    series: Mapping[str, str]
    version: str


def page(template: str, address: str, site: Crumbs, **values: Any) -> str:
    """A page's HTML.

    Args:
        template: its name, less its suffix.
        address: of the page in the report.
        site: of the report.
        values: of the template.
    """
    root = "../" * address.count("/")
    made = _environment().get_template(f"{template}.html")
    return made.render(site=site, address=address, root=root, **values)


def script(name: str, value: Any, digits: int = _DIGITS) -> str:
    """Data as a script that sets ``zooData[name]``: a page from disk may load those, and no JSON.

    Null is what is not finite, and no text ends the script.

    Args:
        name: of the data.
        value: rows, dictionaries and arrays.
        digits: significant ones of its numbers; those that a page rounds further have more.
    """
    text = json.dumps(plain(value, digits), separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c").replace(">", "\\u003e")
    return f'(window.zooData??={{}})["{name}"]={text};\n'


def asset(name: str) -> str:
    """A file of the report's own."""
    return (_FOLDER / "assets" / name).read_text(encoding="utf-8")


def file_stem(name: str) -> str:
    """The name of a file for a model or a series: readable, safe anywhere, another for another."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:48].strip("-")
    mark = blake2s(name.encode(errors="replace"), digest_size=5).hexdigest()
    return f"{readable or 'unnamed'}-{mark}"


def quoted(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def plain(value: Any, digits: int = _DIGITS) -> Any:
    """A value as the data of a report have it, its numbers in so many significant digits."""
    match value:
        case float():
            return _rounded(value, digits)
        case dict():
            return {str(key): plain(each, digits) for key, each in value.items()}
        case list() | tuple():
            return [plain(each, digits) for each in value]
        case str():
            return printable(value)
        case bool() | None | int():
            return value
        case np.ndarray():
            return [plain(each, digits) for each in value.tolist()]
        case _:
            return _rounded(float(value), digits)


def _rounded(value: float, digits: int) -> float | int | None:
    if not isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded


def _shown(value: Any) -> Any:
    """What an expression of a template becomes, before it is escaped."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    return "" if value is None else printable(value) if isinstance(value, str) else value


def _lines(text: str) -> Markup:
    """A text of several lines, whose breaks stay: after a comment SQL needs them."""
    return Markup("\n").join(printable(line) for line in text.split("\n"))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    filters: dict[str, Callable[..., Any]] = {
        "number": shown_number,
        "numbers": shown_numbers,
        "scaled": scaled,
        "broken": broken,
        "called": called,
        "parted": parted,
        "lines": _lines,
        "short": partial(short, longest=LONGEST),
        "web": web_address,
    }
    made.filters |= filters
    made.globals["link"] = link
    return made
