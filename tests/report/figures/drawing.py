"""What a figure shows, read from its drawing (SVG): its marks, frames and legends."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from zoo_analysis.report.figures.figure_files import _clean, _drawn

_PLACE = re.compile(r"translate\(([-\d.e]+),([-\d.e]+)\)")


@dataclass(frozen=True)
class Mark:
    """A mark of the data: its kind (``symbol``, ``line``, ``rect``, …) and its attributes."""

    kind: str
    attributes: dict[str, str]

    @property
    def colour(self) -> str | None:
        """Of its area, else of its line."""
        fill = self.attributes.get("fill", "none")
        return self.attributes.get("stroke") if fill in ("none", "transparent") else fill

    @property
    def dashed(self) -> bool:
        """True of a line that is not drawn through."""
        return self.attributes.get("stroke-dasharray", "1,0") != "1,0"

    @property
    def hollow(self) -> bool:
        """True of a ring."""
        return self.kind == "symbol" and self.attributes.get("fill") in (
            None,
            "none",
            "transparent",
        )


class Drawing:
    """The marks of a chart by the frames (width, height) that they stand in, and its legends.

    Attributes:
        caption: below its title.
        texts: all that is written.
        axes: labels of each axis.
        panels: of each frame its sides and marks.
        legends: of each its title (None without one) and its entries: text, and the symbol's mark.
    """

    def __init__(self, chart: Any) -> None:
        spec = _clean(chart.to_dict())
        self.caption = " ".join(spec["title"]["subtitle"])
        root = ET.fromstring(_drawn(spec, "svg"))
        self.texts = ["".join(node.itertext()) for node in root.iter("{*}text")]
        self.axes = [
            ["".join(node.itertext()) for node in _shown(group)]
            for group in root.iter("{*}g")
            if "role-axis-label" in group.get("class", "")
        ]
        self.panels: list[tuple[tuple[float, float], list[Mark]]] = []
        self.legends: list[tuple[str | None, list[tuple[str, Mark]]]] = []
        self._read(root, (0.0, 0.0))

    def _read(self, node: ET.Element, frame: tuple[float, float]) -> None:
        for child in node:
            role = child.get("class", "")
            if "role-legend" in role and "mark-group" in role and "entry" not in role:
                self.legends.append(_legend(child))
            elif role.startswith("mark-") and "role-mark" in role and "mark-group" not in role:
                marks = list(_marks(child, role.split()[0].removeprefix("mark-")))
                if not self.panels or self.panels[-1][0] is not frame:
                    self.panels.append((frame, []))
                self.panels[-1][1].extend(marks)
            elif "role-axis" not in role and "role-title" not in role:
                inner = _frame(child)
                self._read(child, frame if inner is None else inner)

    @property
    def marks(self) -> list[Mark]:
        """Of all panels."""
        return [mark for _, marks in self.panels for mark in marks]


def place(mark: Mark) -> tuple[float, float]:
    """A symbol's middle, in pixels from the corner of its frame."""
    found = _PLACE.search(mark.attributes["transform"])
    assert found is not None
    return float(found[1]), float(found[2])


def _shown(group: ET.Element) -> Iterator[ET.Element]:
    """Texts that are not hidden where they would overlap."""
    return (node for node in group.iter("{*}text") if node.get("opacity") == "1")


def _frame(node: ET.Element) -> tuple[float, float] | None:
    background = node.find("{*}path[@class='background']")
    found = (
        re.fullmatch(r"M[\d.]+,[\d.]+h([\d.]+)v([\d.]+)h.*", background.get("d", ""))
        if (background is not None)
        else None
    )
    return (float(found[1]), float(found[2])) if found else None


def _marks(group: ET.Element, kind: str) -> Iterator[Mark]:
    for node in group.iter():
        if node is not group and not node.tag.endswith("}g"):
            yield Mark(kind, dict(node.attrib))


def _legend(group: ET.Element) -> tuple[str | None, list[tuple[str, Mark]]]:
    title, texts, symbols = None, [], []
    for node in group.iter():
        role = node.get("class", "")
        if "role-legend-title" in role:
            title = "".join(node.itertext())
        elif "role-legend-label" in role:
            texts.append("".join(node.itertext()))
        elif "role-legend-symbol" in role:
            symbols.extend(_marks(node, "symbol"))
    return title, list(zip(texts, symbols, strict=False))
