"""Catalogues: one TOML file a collection of models, with their series and reported accuracies.

title = "…"                      # what the collection is
description = "…"
series = "…"                     # of every model that names none itself

[[models]]
repo_id = "owner/name"           # required
revision = "…"                   # a commit sha, or a release's name
package = "…"                    # an installed package that carries `file`
file = "…"                       # checkpoint or directory: inside the package, else beside
                                 # this file; with neither, a repository on the hub
architecture = "timm:…"          # also: series, library, pipeline_tag, license, base_model
demo = true                      # part of the demonstration

[[models.accuracies]]
dataset = "imagenet-1k"          # required, as are metric, value and source
metric = "accuracy"              # "accuracy" is top-1, in percent
value = 75.1
split = "validation"
source = "…"                     # who says so, and where
source_url = "https://…"

[[queries]]                      # models that the hub lists
author = "…"                     # also: pipeline_tag, search, series
filter = ["…", "…"]              # tags that a model must have
max_parameters = 3_000_000_000   # also: min_parameters
limit = 100
sort = "downloads"
"""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from zoo_analysis.folders import data_dir, user_settings
from zoo_analysis.hub.query import HubQuery, Text
from zoo_analysis.sources.card import number
from zoo_analysis.sources.percents import Percent, check_shares
from zoo_analysis.sources.toml_files import read_toml
from zoo_analysis.store.row_kinds.accuracy import Accuracy


class ReportedAccuracy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reported number of a catalogue's model, with its provenance."""

    dataset: Text
    metric: Text
    value: float | str
    source: Text
    split: Text | None = None
    source_url: Text | None = None

    def __post_init__(self) -> None:
        found = number(self.value)
        if found is None or (isinstance(self.value, str) and not self.value.endswith("%")):
            raise ValueError(f"`value` is {self.value!r}; it must be a number")
        told = Percent(found) if isinstance(self.value, str) else found
        msgspec.structs.force_setattr(self, "value", told)


class CatalogueEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of a catalogue."""

    repo_id: Text
    revision: Text | None = None
    package: Text | None = None
    file: Text | None = None
    architecture: Text | None = None
    series: Text | None = None
    library: Text | None = None
    pipeline_tag: Text | None = None
    license: Text | None = None
    base_model: Text | None = None
    demo: bool = False
    accuracies: tuple[ReportedAccuracy, ...] = ()

    def __post_init__(self) -> None:
        if self.package and not self.file:
            raise ValueError("`package` without `file`; say which of its files to read")


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: Text | None = None
    description: Text | None = None
    series: Text | None = None
    models: tuple[CatalogueEntry, ...] = ()
    queries: tuple[HubQuery, ...] = ()

    def __post_init__(self) -> None:
        if not self.models and not self.queries:
            raise ValueError("no [[models]] and no [[queries]]; write at least one")


@dataclass(frozen=True)
class Catalogue:
    """A collection of models, as its file gives it."""

    path: Path
    title: str
    models: tuple[CatalogueEntry, ...]
    description: str = ""
    series: str | None = None
    queries: tuple[HubQuery, ...] = ()


def own_catalogues() -> Path:
    """The folder of the user's own catalogues: ``$ZOO_CATALOGUES``, else in the user's settings."""
    return Path(os.environ.get("ZOO_CATALOGUES") or user_settings() / "catalog")


def catalogue_names() -> list[str]:
    """The names of the user's own catalogues and of those that come with the package."""
    folders = (own_catalogues(), data_dir("catalog"))
    return sorted({path.stem for folder in folders for path in folder.glob("*.toml")})


def catalogue_path(name: str) -> Path:
    """The file of a catalogue; the user's own goes before one that comes with the package."""
    own = own_catalogues() / f"{name}.toml"
    return own if own.is_file() else data_dir("catalog") / f"{name}.toml"


def load_catalogue(path: Path) -> Catalogue:
    """A catalogue, read from its file and checked.

    Args:
        path: of its TOML file.

    Raises:
        SourceError: the file cannot be read, is not TOML, or says what a catalogue cannot say,
            such as shares that are not in percent; names the file, the model and the key.
    """
    file = read_toml(path, _File)
    reported = [
        Accuracy(repo_id=model.repo_id, **msgspec.structs.asdict(each))
        for model in file.models
        for each in model.accuracies
    ]
    check_shares(reported, str(path))
    return Catalogue(
        path=path,
        title=file.title or path.stem,
        models=file.models,
        description=file.description or "",
        series=file.series,
        queries=file.queries,
    )
