"""Charts as files: PNG, SVG, PDF, HTML that needs no network, and Vega-Lite's JSON."""

import json
import re
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final, Literal, get_args

import altair as alt
import vl_convert

from zoo_analysis.errors import ZooError
from zoo_analysis.texts import printable

FigureFormat = Literal["png", "svg", "pdf", "html", "json"]
#: Of Vega-Lite, whose documents altair makes: v6.1.
_VERSION: Final = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
#: Pixels of a PNG to one of the chart's.
_SCALE: Final = 2.0
#: Characters of a file's name, less its suffix.
_LONGEST_NAME: Final = 100
#: What of the libraries a page uses.
_SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"
#: The page may run what is in it, and fetch nothing.
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:"
)
_PAGE: Final = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<script>$script</script>
</head>
<body>
<div id="figure" role="img" aria-label="$description"></div>
<script>vegaEmbed("#figure", $spec, {"mode": "vega-lite", "actions": {"editor": false}});</script>
</body>
</html>
"""
)


def save(chart: alt.TopLevelMixin, file: str | Path) -> Path:
    """A chart written to a file, in the format that its suffix says.

    Nothing is fetched: vl-convert draws it, and an HTML page carries the JavaScript that it needs.

    Args:
        chart: of any of the figures.
        file: to write: .png, .svg, .pdf, .html or .json (Vega-Lite).

    Returns:
        The file.

    Raises:
        ZooError: another suffix, or a file that cannot be written.
    """
    file = Path(file)
    suffix = file.suffix.lower().removeprefix(".")
    if suffix not in get_args(FigureFormat):
        known = ", ".join(f".{each}" for each in get_args(FigureFormat))
        raise ZooError(f"cannot draw {file}: its suffix is to be one of {known}")
    try:
        file.write_bytes(_drawn(_clean(chart.to_dict()), suffix))
    except OSError as error:
        raise ZooError(f"cannot write {file}: {error.strerror or error}") from error
    return file


def picture(chart: alt.TopLevelMixin) -> tuple[bytes, str, str]:
    """A chart as PNG without its words, its title, and its description."""
    spec = _clean(chart.to_dict())
    title = spec.pop("title")["text"]
    return _drawn(spec, "png"), title, spec.get("description", "").removeprefix(f"{title}. ")


def file_name(*words: str) -> str:
    """The name of a figure's file, from what it shows: letters, digits, dots and dashes, .png.

    Args:
        words: of the command line.
    """
    plain = re.sub(r"[^\w.]+|\.{2,}", "-", " ".join(words))
    plain = re.sub(r"-[-.]*", "-", plain).strip("-.")[:_LONGEST_NAME]
    return f"{plain or 'figure'}.png"


def _clean(part: Any) -> Any:
    """A document whose texts are printable: a control character ends vl-convert's process."""
    match part:
        case str():
            return printable(part)
        case dict():
            return {_clean(name): _clean(value) for name, value in part.items()}
        case list():
            return [_clean(each) for each in part]
        case _:
            return part


def _drawn(spec: dict[str, Any], suffix: str) -> bytes:
    match suffix:
        case "png":
            return vl_convert.vegalite_to_png(spec, vl_version=_VERSION, scale=_SCALE)
        case "svg":
            return vl_convert.vegalite_to_svg(spec, vl_version=_VERSION).encode()
        case "pdf":
            return vl_convert.vegalite_to_pdf(spec, vl_version=_VERSION)
        case "html":
            return _page(spec).encode()
        case _:
            return json.dumps(spec, ensure_ascii=False, indent=1).encode()


def _page(spec: dict[str, Any]) -> str:
    heading = spec.get("title", {})
    return _PAGE.substitute(
        policy=_POLICY,
        title=escape(heading.get("text", "") if isinstance(heading, dict) else str(heading)),
        description=escape(spec.get("description", "")),
        script=vl_convert.javascript_bundle(_SNIPPET, vl_version=_VERSION),
        spec=json.dumps(spec).replace("<", "\\u003c"),  # no text ends the script
    )
