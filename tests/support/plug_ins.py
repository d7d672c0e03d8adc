"""Measures of other packages, as their entry points would add them."""

from importlib.metadata import EntryPoint

import pytest

from zoo_analysis.similarity import registry


def install(monkeypatch: pytest.MonkeyPatch, **points: object) -> None:
    """Entry points by name, with what they load to or fail with."""

    def load(self: EntryPoint) -> object:
        found = points[self.name]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(EntryPoint, "load", load)
    listed = [EntryPoint(name, f"pack:{name}", registry.GROUP) for name in points]
    monkeypatch.setattr(registry, "entry_points", lambda group: listed)
