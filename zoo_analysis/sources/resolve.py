"""Models by the names that users give: paths, catalogues, packaged weights, repositories."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.path import SCHEME
from zoo_analysis.lookup import listed, near
from zoo_analysis.sources.catalogues.format import catalogue_names, catalogue_path, load_catalogue
from zoo_analysis.sources.catalogues.models import PACKAGED, catalogue_models, packaged_models
from zoo_analysis.sources.hub import hub_models
from zoo_analysis.sources.local import local_models
from zoo_analysis.sources.path_names import name_of
from zoo_analysis.sources.ref import ModelRef, Problem, Resolved
from zoo_analysis.weights.readers.by_suffix import suffixes

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def resolve_sources(
    sources: Sequence[str] | str, access: HubAccess | None = None, variant: str = ""
) -> Resolved:
    """Models that sources name, each once, in the order they are named.

    A source is ``packaged:NAME`` (also ``packaged:demo``, ``packaged:all``), a path that exists
    (checkpoint file, model directory in hub layout, tree of such directories, catalogue TOML), the
    name of a catalogue (the user's own, or one that comes with the package), or a repository on the
    hub, ``OWNER/NAME`` or ``OWNER/NAME@REVISION``, with or without ``hf://``; with it also a folder
    or file of one and a variant, ``hf://OWNER/NAME/PART:VARIANT@REVISION``; the first that fits.

    Args:
        sources: as given on the command line, or one alone.
        access: how to reach the hub; None is `hub.access.default_access`.
        variant: of the weights (``fp16``, ``non_ema``), where there are several; "" prefers the
            plain ones. A model has it in its name, ``owner/name:fp16``; one that does not have it
            is taken plain, with a remark.

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
    found = hub_models(on_hub, access, variant) if on_hub else {}
    for source in sources:
        resolved = found[source] if source in found else _resolve(source, access, variant)
        for ref in resolved.refs:
            refs.setdefault((ref.repo_id, ref.revision, ref.path), ref)
        problems.update(dict.fromkeys(resolved.problems))
    whole = tuple(map(_whole, sources))
    return Resolved(_told_apart(list(refs.values())), tuple(problems), whole)


def _whole(source: str) -> str:
    """A source as it is named from anywhere on this machine."""
    path = Path(os.path.expanduser(source))
    return str(path.absolute()) if os.path.exists(path) else source


def _told_apart(refs: list[ModelRef]) -> tuple[ModelRef, ...]:
    """Models on disk with as much of their paths as tells them apart: runs are no revisions."""
    alike: dict[str, list[ModelRef]] = {}
    for ref in refs:
        if ref.source == "local" and ref.revision is None:
            alike.setdefault(ref.repo_id, []).append(ref)
    names: dict[str, str] = {}
    for repo_id, group in alike.items():
        if len(group) == 1:
            continue
        paths = {ref.path: path for ref in group if (path := _called_by(ref)) is not None}
        files = set(paths.values())
        beside = Counter(path.parent for path in files)
        folders = {path.parent.parts[1:] for path in files}
        ends = Counter(folder[-n:] for folder in folders for n in range(1, len(folder) + 1))
        for place, path in paths.items() if len(paths) > 1 else ():
            # Of net.pt beside net.pth the name of the file.
            last = path.name if beside[path.parent] > 1 else repo_id.rpartition("/")[2]
            parents = path.parent.parts[1:]
            lengths = range(1, len(parents))
            length = next((n for n in lengths if ends[parents[-n:]] == 1), len(parents))
            names[place] = "/".join((*parents[-length:], last))
    return tuple(_renamed(ref, names.get(ref.path, ref.repo_id)) for ref in refs)


def _called_by(ref: ModelRef) -> Path | None:
    """The path by which a model on disk is called, the folder's for a variant; None: by another."""
    path = Path(ref.path)
    for named, repo_id in ((path, ref.repo_id), (path.parent, ref.repo_id.rpartition(":")[0])):
        if repo_id and name_of(named).repo_id == repo_id:
            return named
    return None


def _renamed(ref: ModelRef, repo_id: str) -> ModelRef:
    """A model called otherwise, and what it is a part of."""
    if repo_id == ref.repo_id:
        return ref
    accuracies = tuple(
        replace(each, repo_id=repo_id.removesuffix(ref.repo_id.removeprefix(each.repo_id)))
        for each in ref.accuracies
    )
    return replace(ref, repo_id=repo_id, accuracies=accuracies)


def _names_repository(source: str) -> bool:
    """True for a source that can only be a repository on the hub."""
    if source.startswith(SCHEME):
        return True
    if not _HUB_ID.fullmatch(source):
        return False
    return not os.path.exists(source) and not Path(source.split("/")[0]).exists()


def _resolve(source: str, access: HubAccess | None, variant: str) -> Resolved:
    if source.startswith(PACKAGED):
        return packaged_models(source.removeprefix(PACKAGED), access, variant)
    if not source.strip():
        raise SourceError(
            "an empty source names nothing; give a path, a catalogue or packaged:NAME"
        )
    path = Path(os.path.expanduser(source))
    if os.path.exists(path):  # unlike Path.exists, False for names that no file could have
        if path.suffix == ".toml" and path.is_file():
            return catalogue_models(load_catalogue(path), access=access, variant=variant)
        return local_models(path, variant)
    if source in catalogue_names():
        return catalogue_models(
            load_catalogue(catalogue_path(source)), access=access, variant=variant
        )
    raise SourceError(_unknown(source))


def _unknown(source: str) -> str:
    path = Path(os.path.expanduser(source))
    if source.startswith((".", "/", "~")) or source.endswith(("/", ".toml", *suffixes())):
        return _not_there(source, path)
    nothing = f"no file, directory or catalogue is called {source!r}"
    if hint := near(source, catalogue_names(), ""):
        return f"{nothing}; {hint}"
    if _HUB_ID.fullmatch(source):
        return f"{nothing}; if a repository on the hub is meant, write {SCHEME}{source}"
    return f"{nothing}; catalogues are {', '.join(catalogue_names())}, and see packaged:all"


def _not_there(source: str, path: Path) -> str:
    """The words for a path that leads nowhere: how far it leads, and what is there instead."""
    nothing = f"there is no file or directory {source!r}"
    above = next((each for each in path.absolute().parents if os.path.isdir(each)), Path("/"))
    if above != path.absolute().parent:
        return f"{nothing}: of its path {above} is there, and no more"
    try:
        there = os.listdir(above)
    except OSError:
        there = []
    return f"{nothing}; {near(path.name, there, f'{above} has nothing of a name like it')}"
