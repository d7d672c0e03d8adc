"""Summaries of catalogues and of their members, from their files alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo_analysis.errors import SourceError
from zoo_analysis.lookup import near
from zoo_analysis.sources.catalogues.format import (
    CatalogueEntry,
    catalogue_names,
    catalogue_path,
    load_catalogue,
    own_catalogues,
)

if TYPE_CHECKING:
    import pyarrow as pa


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
    """One model of a catalogue, or one query.

    Attributes:
        source: its name for a scan (``packaged:vgg11``, ``me/net@v1``); None of a file, which only
            the catalogue names; of a query what it asks for (``all with author timm``).
        series: that the catalogue says.
        accuracies: how many it reports of the model.
        package: that carries it.
        repository: its repo_id.
        revision: that the catalogue says.
    """

    source: str | None
    series: str | None
    accuracies: int | None
    package: str | None
    repository: str | None
    revision: str | None


def list_catalogues() -> "pa.Table":
    """All catalogues by name: the user's own, and those that come with the package.

    Returns:
        Columns of `CatalogueSummary`.

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
    return _table(CatalogueSummary, out)


def catalogue_members(name: str) -> "pa.Table":
    """Models of a catalogue, then its queries.

    Args:
        name: of the catalogue, or the path of its ``.toml`` file.

    Returns:
        Columns of `CatalogueMember`.

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
            _source(entry),
            entry.series or found.series,
            len(entry.accuracies),
            entry.package,
            entry.repo_id,
            entry.revision,
        )
        for entry in found.models
    ]
    for query in found.queries:
        told = msgspec.structs.asdict(query).items()
        asked = {key: value for key, value in told if value not in (None, ()) and key != "series"}
        text = ", ".join(f"{key} {_words(value)}" for key, value in asked.items())
        series = query.series or found.series
        members.append(CatalogueMember(f"all with {text}", series, None, None, None, None))
    return _table(CatalogueMember, members)


def _words(value: object) -> str:
    return " and ".join(value) if isinstance(value, tuple) else str(value)


def _source(entry: CatalogueEntry) -> str | None:
    if entry.package is not None:
        return f"packaged:{entry.repo_id.rpartition('/')[2]}"
    if entry.file is not None:
        return None
    return f"{entry.repo_id}@{entry.revision}" if entry.revision else entry.repo_id


def _table(row: type, rows: list[Any]) -> "pa.Table":
    from zoo_analysis.store.records import table_of

    return table_of(row, rows)
