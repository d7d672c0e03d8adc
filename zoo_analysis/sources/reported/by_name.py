"""Sources of accuracies by name: those of this package, and those that other packages add."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import pyarrow as pa

from zoo_analysis.errors import SourceError
from zoo_analysis.lookup import loaded, near
from zoo_analysis.sources.reported.csv_tables import SOURCE as _CSV
from zoo_analysis.sources.reported.hub_reports import SOURCES as _ON_HUB
from zoo_analysis.sources.reported.open_llm_leaderboard import SOURCE as _OPEN_LLM
from zoo_analysis.sources.reported.source import AccuracySource
from zoo_analysis.sources.reported.timm_tables import SOURCE as _TIMM
from zoo_analysis.sources.reported.torchvision_recipes import SOURCE as _TORCHVISION
from zoo_analysis.store.records import table_of

#: Of entry points; one's name is that of the `AccuracySource` it points to.
GROUP = "zoo_analysis.accuracies"

_BUILT_IN = {source.name: source for source in (*_ON_HUB, _TORCHVISION, _TIMM, _OPEN_LLM, _CSV)}


#: What a source is asked with, by its needs.
_ASKED_WITH: Final = {
    "hub": "the store's models that are on the hub",
    "places": "PATH or URL of tables",
    None: "nothing",
}


@dataclass(frozen=True)
class ReportedBy:
    """A source of accuracies in words: its name, whose numbers it has, what it is asked with."""

    source: str
    about: str
    asked_with: str


def accuracy_sources() -> pa.Table:
    """The sources of accuracies, those of this package first.

    Returns:
        Columns of `ReportedBy`; of a source of another package that does not load, the reason.
    """
    return table_of(ReportedBy, map(_told, _known()))


def _told(name: str) -> ReportedBy:
    try:
        source = accuracy_source(name)
    except SourceError as error:
        return ReportedBy(name, str(error), "")
    return ReportedBy(name, source.about, _ASKED_WITH[source.needs])


def accuracy_source(name: str) -> AccuracySource:
    """The source of accuracies of that name.

    Raises:
        SourceError: there is none, with names near to it; or its entry point is broken.
    """
    known = _known()
    if name not in known:
        hint = near(name, known, f"there are {', '.join(known)}")
        raise SourceError(f"no source of accuracies is called {name!r}; {hint}")
    found = known[name]
    return found if isinstance(found, AccuracySource) else _loaded(found)


def _known() -> Mapping[str, AccuracySource | EntryPoint]:
    added = {point.name: point for point in entry_points(group=GROUP)}
    return _BUILT_IN | {name: point for name, point in added.items() if name not in _BUILT_IN}


def _loaded(point: EntryPoint) -> AccuracySource:
    what = f"the source of accuracies {point.name!r} ({point.value})"
    source = loaded(point, what, SourceError)
    if not isinstance(source, AccuracySource) or source.name != point.name:
        kind = getattr(source, "name", None) or type(source).__name__
        raise SourceError(
            f"{what} gives {kind!r}; it needs to be an AccuracySource named {point.name!r}"
        )
    return source
