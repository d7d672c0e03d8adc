"""Summaries of catalogues and of their members, from their files alone."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from zoo_analysis.errors import SourceError
from zoo_analysis.sources.catalogues.format import (
    catalogue_names,
    catalogue_path,
    load_catalogue,
    own_catalogues,
)
from zoo_analysis.suggestions import near


@dataclass(frozen=True)
class CatalogueSummary:
    """One catalogue: how many models and queries it has, and its file if it is the user's own."""

    name: str
    title: str
    models: int
    queries: int
    file: str | None


@dataclass(frozen=True)
class CatalogueMember:
    """One model of a catalogue, or one query (``all with author timm``)."""

    repository: str
    revision: str | None
    series: str | None
    package: str | None
    accuracies: int | None


def list_catalogues() -> list[CatalogueSummary]:
    """All catalogues by name: the user's own, and those that come with the package.

    Raises:
        SourceError: one of the user's own is malformed.
    """
    out = []
    for name in catalogue_names():
        path = catalogue_path(name)
        found = load_catalogue(path)
        file = str(path) if path.parent == own_catalogues() else None
        summary = CatalogueSummary(name, found.title, len(found.models), len(found.queries), file)
        out.append(summary)
    return out


def catalogue_members(name: str) -> list[CatalogueMember]:
    """Models of a catalogue, then its queries.

    Args:
        name: of the catalogue, or the path of its ``.toml`` file.

    Raises:
        SourceError: there is none, with the name that was probably meant; or it is malformed.
    """
    path = Path(name) if name.endswith(".toml") else catalogue_path(name)
    if not path.is_file():
        names = catalogue_names()
        hint = near(name, names, f"there are {', '.join(names)}")
        raise SourceError(f"no catalogue is called {name!r}; {hint}")
    found = load_catalogue(path)
    members = [
        CatalogueMember(
            entry.repo_id,
            entry.revision,
            entry.series or found.series,
            entry.package,
            len(entry.accuracies),
        )
        for entry in found.models
    ]
    for query in found.queries:
        told = msgspec.structs.asdict(query).items()
        asked = {key: value for key, value in told if value not in (None, ()) and key != "series"}
        text = ", ".join(f"{key} {value}" for key, value in asked.items())
        series = query.series or found.series
        members.append(CatalogueMember(f"all with {text}", None, series, None, None))
    return members
