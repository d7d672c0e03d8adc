"""Models by the names that users give: paths, catalogues, packaged weights, repositories."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.path import SCHEME
from zoo_analysis.lookup import listed, near
from zoo_analysis.sources.catalogues.format import catalogue_names, catalogue_path, load_catalogue
from zoo_analysis.sources.catalogues.models import PACKAGED, catalogue_models, only, packaged_models
from zoo_analysis.sources.hub import hub_models
from zoo_analysis.sources.local import local_models, name_of
from zoo_analysis.sources.ref import ModelRef, Problem, Resolved

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def resolve_sources(sources: Sequence[str] | str, access: HubAccess | None = None) -> Resolved:
    """Models that sources name, each once, in the order they are named.

    A source is ``packaged:NAME`` (also ``packaged:demo``, ``packaged:all``), a path that exists
    (checkpoint file, model directory in hub layout, tree of such directories, catalogue TOML), the
    name of a catalogue (the user's own, or one that comes with the package), or a repository on the
    hub, ``OWNER/NAME`` or ``OWNER/NAME@REVISION``, with or without ``hf://``; the first that fits.

    Args:
        sources: as given on the command line, or one alone.
        access: how to reach the hub; None is `hub.access.default_access`.

    Returns:
        The models, with what their configurations, cards and catalogues say of them (no weights
        are read; revisions on the hub are commits, those of models on disk are None), and the
        members of sources that cannot be scanned.

    Raises:
        SourceError: a source is nothing of these; says what was probably meant.
    """
    sources = listed(sources)
    refs: dict[tuple[str, str | None, str], ModelRef] = {}
    problems: dict[Problem, None] = {}
    on_hub = [source for source in dict.fromkeys(sources) if _names_repository(source)]
    found = hub_models(on_hub, access) if on_hub else {}
    for source in sources:
        resolved = only(found[source]) if source in found else _resolve(source, access)
        for ref in resolved.refs:
            refs.setdefault((ref.repo_id, ref.revision, ref.path), ref)
        problems.update(dict.fromkeys(resolved.problems))
    return Resolved(_told_apart(list(refs.values())), tuple(problems))


def _told_apart(refs: list[ModelRef]) -> tuple[ModelRef, ...]:
    """Models on disk with as much of their paths as tells them apart: runs are no revisions."""
    alike: dict[str, list[ModelRef]] = {}
    for ref in refs:
        if ref.source == "local" and ref.revision is None:
            alike.setdefault(ref.repo_id, []).append(ref)
    names: dict[str, str] = {}
    for repo_id, group in alike.items():
        paths = [Path(ref.path) for ref in group if ref.repo_id == name_of(Path(ref.path)).repo_id]
        for path in paths if len(paths) > 1 else ():
            last = repo_id.rpartition("/")[2]
            if any(other != path and other.parent == path.parent for other in paths):
                last = path.name  # net.pt beside net.pth
            parents, length = path.parent.parts[1:], 1
            same = [other.parent.parts[1:] for other in paths if other.parent != path.parent]
            while length < len(parents) and any(p[-length:] == parents[-length:] for p in same):
                length += 1
            names[str(path)] = "/".join((*parents[-length:], last))
    return tuple(_renamed(ref, names.get(ref.path, ref.repo_id)) for ref in refs)


def _renamed(ref: ModelRef, repo_id: str) -> ModelRef:
    accuracies = tuple(replace(accuracy, repo_id=repo_id) for accuracy in ref.accuracies)
    return replace(ref, repo_id=repo_id, accuracies=accuracies) if repo_id != ref.repo_id else ref


def _names_repository(source: str) -> bool:
    """True for a source that can only be a repository on the hub."""
    if source.startswith(SCHEME):
        return True
    if not _HUB_ID.fullmatch(source):
        return False
    return not os.path.exists(source) and not Path(source.split("/")[0]).exists()


def _resolve(source: str, access: HubAccess | None) -> Resolved:
    if source.startswith(PACKAGED):
        return packaged_models(source.removeprefix(PACKAGED), access)
    if not source.strip():
        raise SourceError(
            "an empty source names nothing; give a path, a catalogue or packaged:NAME"
        )
    path = Path(os.path.expanduser(source))
    if os.path.exists(path):  # unlike Path.exists, False for names that no file could have
        if path.suffix == ".toml" and path.is_file():
            return catalogue_models(load_catalogue(path), access=access)
        return local_models(path)
    if source in catalogue_names():
        return catalogue_models(load_catalogue(catalogue_path(source)), access=access)
    raise SourceError(_unknown(source))


def _unknown(source: str) -> str:
    nothing = f"no file, directory or catalogue is called {source!r}"
    if hint := near(source, catalogue_names(), ""):
        return f"{nothing}; {hint}"
    if _HUB_ID.fullmatch(source):
        return f"{nothing}; if a repository on the hub is meant, write {SCHEME}{source}"
    return f"{nothing}; catalogues are {', '.join(catalogue_names())}, and see packaged:all"
