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
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from zoo_analysis.errors import SourceError
from zoo_analysis.folders import data_dir
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.suggestions import near


@dataclass(frozen=True)
class ReportedAccuracy:
    """One reported number of a catalogue's model, with its provenance."""

    dataset: str
    metric: str
    value: float
    source: str
    split: str | None = None
    source_url: str | None = None


@dataclass(frozen=True)
class CatalogueEntry:
    """One model of a catalogue."""

    repo_id: str
    revision: str | None = None
    package: str | None = None
    file: str | None = None
    architecture: str | None = None
    series: str | None = None
    library: str | None = None
    pipeline_tag: str | None = None
    license: str | None = None
    base_model: str | None = None
    demo: bool = False
    accuracies: tuple[ReportedAccuracy, ...] = field(default=())


@dataclass(frozen=True)
class Catalogue:
    """A collection of models, as its file gives it."""

    path: Path
    title: str
    models: tuple[CatalogueEntry, ...]
    description: str = ""
    series: str | None = None
    queries: tuple[HubQuery, ...] = ()


_TOP_KEYS = ("title", "description", "series", "models", "queries")
_KINDS = {
    str: "a text that is not empty",
    float: "a number",
    int: "a whole number",
    bool: "true or false",
}
_T = TypeVar("_T")


def own_catalogues() -> Path:
    """The folder of the user's own catalogues: ``$ZOO_CATALOG``, else in the user's settings."""
    import typer

    return Path(os.environ.get("ZOO_CATALOG") or Path(typer.get_app_dir("zoo")) / "catalog")


def catalogue_names() -> list[str]:
    """The names of the user's own catalogues and of those that come with the package."""
    folders = (own_catalogues(), data_dir("catalog"))
    return sorted({path.stem for folder in folders for path in folder.glob("*.toml")})


def catalogue_path(name: str) -> Path:
    """The file of a catalogue; the user's own goes before one that comes with the package."""
    own = own_catalogues() / f"{name}.toml"
    return own if own.is_file() else data_dir("catalog") / f"{name}.toml"


def load_catalogue(path: Path) -> Catalogue:
    """Read and check a catalogue.

    Args:
        path: of its TOML file.

    Returns:
        The catalogue.

    Raises:
        SourceError: the file cannot be read, is not TOML, or says what a catalogue cannot say;
            names the file, the model and the key.
    """
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not valid TOML: {error}") from error
    where = str(path)
    known_keys(table, _TOP_KEYS, where)
    models = tables(table, "models", where)
    queries = tables(table, "queries", where)
    if not models and not queries:
        raise SourceError(f"{where}: no [[models]] and no [[queries]]; write at least one")
    return Catalogue(
        path=path,
        title=_value(table, "title", str, where, path.stem),
        description=_value(table, "description", str, where, ""),
        series=_value(table, "series", str, where, "") or None,
        models=tuple(_entry(model, i, where) for i, model in enumerate(models, start=1)),
        queries=tuple(
            checked(HubQuery, query, f"{where}: query {i}") for i, query in enumerate(queries, 1)
        ),
    )


def _entry(table: Mapping[str, Any], index: int, where: str) -> CatalogueEntry:
    here = f"{where}: model {index} ({table.get('repo_id', 'no repo_id')})"
    reported = tables(table, "accuracies", here)
    rest = {key: value for key, value in table.items() if key != "accuracies"}
    known_keys(table, tuple(f.name for f in fields(CatalogueEntry)), here)
    accuracies = tuple(
        checked(ReportedAccuracy, accuracy, f"{here}: accuracy {i}")
        for i, accuracy in enumerate(reported, start=1)
    )
    entry = checked(CatalogueEntry, {**rest, "accuracies": accuracies}, here)
    if entry.package and not entry.file:
        raise SourceError(f"{here}: `package` without `file`; say which of its files to read")
    return entry


def checked(cls: type[_T], table: Mapping[str, Any], where: str) -> _T:
    """A dataclass from a TOML table: known keys only, required ones present, types as declared."""
    declared = fields(cls)  # type: ignore[arg-type]
    known_keys(table, tuple(f.name for f in declared), where)
    missing = [f.name for f in declared if f.default is MISSING and f.name not in table]
    if missing:
        raise SourceError(f"{where}: `{missing[0]}` is missing; add it")
    hints = get_type_hints(cls)
    values = {key: _typed(value, hints[key], f"{where}: `{key}`") for key, value in table.items()}
    return cls(**values)


def _typed(value: Any, hint: Any, what: str) -> Any:
    if hint == tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            raise SourceError(f"{what} is {value!r}; it must be a list of texts")
        return tuple(value)
    wanted = [t for t in get_args(hint) or (hint,) if t in (str, float, bool, int)]
    if not wanted:  # the tuples of tables, which are checked where they are made
        return value
    if wanted[0] is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not wanted[0] or value == "":
        raise SourceError(f"{what} is {value!r}; it must be {_KINDS[wanted[0]]}")
    return value


def _value(table: Mapping[str, Any], key: str, kind: type[_T], where: str, default: _T) -> _T:
    return _typed(table[key], kind, f"{where}: `{key}`") if key in table else default


def tables(table: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """The list of tables called `key`; SourceError if it is something else."""
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise SourceError(f"{where}: `{key}` is {value!r}; it must be a list of tables, [[{key}]]")
    return value


def known_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """SourceError if a table has a key that is not among the known ones."""
    for key in table:
        if key not in known:
            hint = near(key, known, f"known are {', '.join(known)}", form="`{}`")
            raise SourceError(f"{where}: unknown key `{key}`; {hint}")
