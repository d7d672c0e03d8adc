"""The look of all figures, their captions, and the data that they embed."""

import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from hashlib import blake2s
from typing import Any, Final, TypeVar

import altair as alt
from altair.utils.schemapi import SchemaBase

from zoo_analysis.texts import printable

#: Okabe & Ito 2008: told apart by colour-blind readers.
BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"
YELLOW: Final = "#F0E442"
GREY: Final = "#8A8A8A"
BLACK: Final = "#1A1A1A"
CATEGORIES: Final = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, GREY)
SHAPES: Final = (
    *("circle", "square", "triangle-up", "cross", "diamond"),
    *("triangle-right", "triangle-down", "triangle-left"),
)
#: Groups that differ in colour or shape.
APART: Final = len(CATEGORIES) * len(SHAPES)
#: Scales of colour from low to high, and from negative to positive; for colour-blind readers too.
SEQUENTIAL: Final = "cividis"
DIVERGING: Final = "blueorange"
#: Sides of a panel, in pixels.
WIDTH: Final = 560
HEIGHT: Final = 320
#: Characters of a name in a chart, and of a title; longer ones are cut in the middle.
_LONGEST: Final = 48
_TITLE: Final = 90
#: Pixels that a character of a caption takes.
_CHARACTER: Final = 5.6

_CONFIG: Final[Mapping[str, Any]] = {
    "font": "sans-serif",
    "background": "white",
    "view": {"stroke": "#dddddd"},
    "axis": {"gridColor": "#eeeeee", "labelLimit": 320, "titleFontWeight": "normal"},
    "title": {
        "anchor": "start",
        "fontSize": 14,
        "subtitleColor": "#555555",
        "subtitlePadding": 4,
        "offset": 12,
    },
    "legend": {"labelLimit": 360, "titleFontWeight": "normal"},
    "range": {"category": list(CATEGORIES)},
}

#: What would end, or hide the end of, the script in which a notebook is shown a chart's JSON:
#: altair writes it there as it is.
_ENDS_SCRIPT: Final = re.compile(r"<(?=/?script|!--)", re.I)

_Chart = TypeVar("_Chart", bound=alt.TopLevelMixin)


def finished(chart: _Chart, title: str, caption: Iterable[str], width: float = WIDTH) -> _Chart:
    """A chart with its title, its caption below that, a description for screen readers, and theme.

    Args:
        chart: whole.
        title: what is shown.
        caption: sentences; empty ones are left out.
        width: of the panels together, in pixels, at which the caption is wrapped.
    """
    told = " ".join(printable(each) for each in caption if each)
    lines = textwrap.wrap(told, max(40, int(width / _CHARACTER)))
    heading = {"text": short(title, _TITLE), "subtitle": lines}
    settings: Any = chart
    settings.title, settings.description = heading, f"{heading['text']}. {told}"
    settings.config = dict(_CONFIG)
    _contain(chart)
    return chart


def _contain(part: Any) -> Any:
    """The texts of a chart, of which none ends a script: ``‹/script>``. It changes the chart."""
    match part:
        case str():
            return _ENDS_SCRIPT.sub("‹", part)
        case list() | tuple():
            return [_contain(each) for each in part]
        case dict():
            return {_contain(name): _contain(value) for name, value in part.items()}
        case SchemaBase():
            part._kwds.update(_contain(part._kwds))
    return part


def short(name: str, longest: int = _LONGEST) -> str:
    """A name as it may stand in a chart, the same for the same name.

    A longer one is cut in its middle, where a hash keeps it apart from others.
    """
    if len(name) > longest:
        mark = f"…{blake2s(name.encode(errors='replace'), digest_size=2).hexdigest()}…"
        side = (longest - len(mark)) // 2
        name = name[:side] + mark + name[-side:]
    return printable(name)


def layered(layers: Sequence[alt.Chart], width: float, height: float) -> alt.LayerChart:
    """Charts over each other, in a panel of these sides in pixels."""
    chart: alt.LayerChart = alt.LayerChart(layer=list(layers))
    return chart.properties(width=width, height=height)


def told_apart(groups: int) -> tuple[list[str], list[str]]:
    """Colours and shapes of groups: no two of the first `APART` have both in common."""
    each = len(CATEGORIES)
    colours = [CATEGORIES[i % each] for i in range(groups)]
    return colours, [SHAPES[(i + i // each) % len(SHAPES)] for i in range(groups)]


def embedded(rows: Iterable[Mapping[str, Any]]) -> alt.InlineData:
    """Rows as a chart embeds them: plain values, `short` texts, null for what is not finite."""
    return alt.InlineData(
        values=[{name: _plain(value) for name, value in row.items()} for row in rows]
    )


def number(value: float | None, digits: int = 3) -> str:
    """A number of a caption, in significant digits."""
    return (
        "unknown"
        if value is None or not math.isfinite(value)
        else f"{value:.{digits}g}".replace("-", "−")
    )


def counted(count: int, noun: str) -> str:
    """A count of things: ``1 layer``, ``2,000 layers``, ``2 series``."""
    return f"{count:,} {noun}" + ("" if count == 1 or noun.endswith("s") else "s")


def decimals(value: float | None) -> str:
    """A correlation, or what else lies between −1 and 1, with two decimals."""
    if value is None or not math.isfinite(value):
        return "unknown"
    return f"{round(value, 2) + 0:.2f}".replace("-", "−")


def interval(low: float | None, high: float | None) -> str:
    """The ends of an interval with two decimals each; empty where they are unknown."""
    return "" if low is None or high is None else f"{decimals(low)} to {decimals(high)}"


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, str):
        return short(value, _TITLE)
    if isinstance(value, Decimal):  # sums of DuckDB's
        value = int(value) if value == int(value) else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value
