"""Models by the names that users give: paths, catalogues, packaged weights, repositories."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.path import SCHEME
from zoo_analysis.sources.catalogues.format import catalogue_names, catalogue_path, load_catalogue
from zoo_analysis.sources.catalogues.models import PACKAGED, catalogue_models, only, packaged_models
from zoo_analysis.sources.hub import hub_models
from zoo_analysis.sources.local import local_models
from zoo_analysis.sources.ref import ModelRef, Problem, Resolved
from zoo_analysis.suggestions import near

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def resolve_sources(sources: Sequence[str], access: HubAccess | None = None) -> Resolved:
    """Models that sources name, each once, in the order they are named.

    A source is ``packaged:NAME`` (also ``packaged:demo``, ``packaged:all``), a path that exists
    (checkpoint file, model directory in hub layout, tree of such directories, catalogue TOML), the
    name of a catalogue (the user's own, or one that comes with the package), or a repository on the
    hub, ``OWNER/NAME`` or ``OWNER/NAME@REVISION``, with or without ``hf://``; the first that fits.

    Args:
        sources: as given on the command line.
        access: how to reach the hub; None is `hub.access.default_access`.

    Returns:
        The models, with what their configurations, cards and catalogues say of them (no weights
        are read; revisions on the hub are commits, those of models on disk are None), and the
        members of sources that cannot be scanned.

    Raises:
        SourceError: a source is nothing of these; says what was probably meant.
    """
    refs: dict[tuple[str, str | None, str], ModelRef] = {}
    problems: dict[Problem, None] = {}
    on_hub = [source for source in dict.fromkeys(sources) if _names_repository(source)]
    found = hub_models(on_hub, access) if on_hub else {}
    for source in sources:
        resolved = only(found[source]) if source in found else _resolve(source, access)
        for ref in resolved.refs:
            refs.setdefault((ref.repo_id, ref.revision, ref.path), ref)
        problems.update(dict.fromkeys(resolved.problems))
    return Resolved(tuple(refs.values()), tuple(problems))


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
