"""Cells of the pages' tables: numbers of one form a column, names that break where names do."""

import re
from collections.abc import Sequence
from decimal import Decimal
from math import floor, isfinite
from typing import Any, Final

from markupsafe import Markup, escape

from zoo_analysis.report.figures.theme import short
from zoo_analysis.texts import printable

#: Characters of a name in a page; a longer one is cut in its middle.
LONGEST: Final = 120
#: The largest first.
_UNITS: Final = (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
#: Below 1,000 as many decimals as make four significant digits; from there on none.
_WHOLE_FROM: Final = 999.95
#: Orders of magnitude below 1 that a float has in full.
_SMALLEST: Final = 300
#: Numbers outside of these have an exponent.
_PLAIN: Final = (1e-3, 1e7)


def scaled(value: float | None) -> str:
    """A count as ``4.65 M``."""
    if value is None:
        return ""
    unit, size = next(((u, s) for u, s in _UNITS if abs(value) >= s), ("", 1))
    return f"{float(value) / size:.3g} {unit}".strip()


def shown_number(value: Any) -> str:
    """A number in four significant digits, as `zoo.number` of page.js has it; empty where none is.

    Integers are whole, booleans yes or no.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, Decimal) and value == int(value)):
        return _minus(f"{int(value):,}")
    value = float(value)
    if not isfinite(value):
        return ""
    size = abs(value)
    if value == 0:
        return "0"
    if not _PLAIN[0] <= size < _PLAIN[1]:
        mantissa, _, exponent = f"{value:.3e}".partition("e")
        return _minus(f"{mantissa}e{int(exponent)}")
    return _minus(f"{value:,.0f}" if size >= _WHOLE_FROM else f"{value:#.4g}")


def shown_numbers(values: Sequence[Any]) -> list[str]:
    """Numbers of one column: whole ones where all of them are, else in four significant digits."""
    known = [float(value) for value in values if value is not None]
    if all(isfinite(value) and value.is_integer() and abs(value) < _PLAIN[1] for value in known):
        return [shown_number(None if value is None else int(value)) for value in values]
    return [shown_number(None if value is None else float(value)) for value in values]


def shown_power(log10: float | None) -> str:
    """A number by its logarithm to base 10, as `shown_number` has it, however small it is."""
    if log10 is None:
        return ""
    exponent = floor(log10)
    if exponent > -_SMALLEST:
        return shown_number(10.0**log10)
    return _minus(f"{10 ** (log10 - exponent):.3f}e{exponent}")


def broken(text: str) -> Markup:
    """A text that a line may break after ``/``, ``.`` and ``_``, as names do; markup as it is."""
    return text if isinstance(text, Markup) else parted(escape(printable(text)))


def parted(text: Markup) -> Markup:
    """The same of a text that is escaped already, and has no elements in it."""
    return Markup(re.sub(r"([/._]+)(?=.)", r"\1<wbr>", str(text)))


def called(name: str) -> Markup:
    """A name of a model, series or layer: of bounded length, and broken where names are."""
    return broken(short(name, LONGEST))


def link(address: str | None, name: str) -> Markup:
    """A name, linked where it has a page."""
    text = Markup("<bdi>{}</bdi>").format(called(name))
    return text if address is None else Markup('<a href="{}">{}</a>').format(address, text)


def web_address(text: str | None) -> str | None:
    """An address that may be linked: of the web, and no script."""
    return text if text and re.fullmatch(r"https?://[^\s\"'<>]+", text) else None


def _minus(text: str) -> str:
    return text.replace("-", "−")
