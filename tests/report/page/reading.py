"""Reading a report's files without a browser."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_VOID = {"meta", "link", "img", "input"}


class Page(HTMLParser):
    """The elements of a page in their order, and the text of each, whole where lines may break."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open = [""]
        self._goes_on = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._goes_on = tag == "wbr"
        if tag == "wbr":
            return
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()
        self._goes_on = False

    def handle_data(self, data: str) -> None:
        if self._goes_on:
            data = self.texts.pop()[1] + data
        self.texts.append((self._open[-1], data))
        self._goes_on = False

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str | None = None) -> str:
        """Text of the page, or what stands directly in elements of a kind."""
        return " ".join(data for name, data in self.texts if tag in (None, name))


def data_of(path: Path) -> Any:
    """The value that a script of data sets."""
    text = path.read_text(encoding="utf-8")
    found = re.fullmatch(r'\(window\.zooData\?\?=\{\}\)\["[^"]+"\]=(.*);\n', text, re.DOTALL)
    assert found is not None, path
    return json.loads(found[1])
