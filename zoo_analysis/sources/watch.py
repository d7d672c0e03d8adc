"""Watches of the hub: models that are new, changed, gone or gated since the last look.

[[watches]]
name = "timm"                    # required
author = "timm"                  # and whatever else a catalogue's [[queries]] may say
repositories = ["owner/name"]    # looked at one by one; instead of a query, or beside it
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.access import HubAccess, default_access
from zoo_analysis.hub.api import hub_infos, list_models
from zoo_analysis.hub.description import HubModel
from zoo_analysis.hub.query import HubConditions, HubQuery, Text
from zoo_analysis.hub.refusals import explain, is_gone
from zoo_analysis.sources.hub import described
from zoo_analysis.sources.ref import ModelRef, Problem
from zoo_analysis.sources.toml_files import read_toml

What = Literal["new", "revision", "gone", "gated", "renamed"]


class Watch(HubConditions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models of the hub that are looked at again and again: by a query, by name, or both."""

    name: Text = None  # type: ignore[assignment]  # where it is missing `__post_init__` says so
    repositories: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if self.query is None and not self.repositories:
            raise ValueError("nothing to watch; give author, filter, … or repositories")
        if self.name is None:
            raise ValueError("`name` is None; it must be a text that is not empty")

    @property
    def query(self) -> HubQuery | None:
        """The conditions, the latest change first; None where only repositories are named."""
        asked = {name: getattr(self, name) for name in HubConditions.__struct_fields__}
        return HubQuery(**asked, sort="last_modified") if any(asked.values()) else None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    watches: tuple[Watch, ...] = ()


@dataclass(frozen=True)
class Release:
    """Something seen on a watch; `refs` are the repository's models, where they can be scanned."""

    watch: str
    repo_id: str
    revision: str | None
    event: What
    refs: tuple[ModelRef, ...] = ()


@dataclass(frozen=True)
class Known:
    """The commits and the state of a repository that earlier looks of one watch have seen.

    Attributes:
        revisions: every commit, the latest last.
        gone: it had vanished.
        gated: it was gated.
    """

    revisions: tuple[str, ...] = ()
    gone: bool = False
    gated: bool = False


def load_watches(path: Path) -> list[Watch]:
    """The watches of a file, checked.

    Raises:
        SourceError: it cannot be read, or says what a watch cannot say.
    """
    watches = list(read_toml(path, _File).watches)
    if not watches:
        raise SourceError(f"{path}: no [[watches]]; write at least one")
    names = [watch.name for watch in watches]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SourceError(f"{path}: two watches are called {twice.pop()!r}; rename one")
    return watches


def look(
    watch: Watch,
    known: Mapping[str, Known],
    since: datetime | None = None,
    complete: bool = False,
    access: HubAccess | None = None,
    on_problem: Callable[[Problem], None] = lambda problem: None,
) -> list[Release]:
    """Releases on a watch that are not known yet.

    The hub is listed latest change first, and the listing stops at the first commit that is known:
    a look with nothing new costs one page. What has vanished from a query can only be told from a
    complete listing; repositories named one by one are asked for one by one.

    Args:
        watch: what to look at.
        known: what earlier looks of this watch have seen, by repo_id.
        since: what was changed last before this is left out.
        complete: list everything.
        access: how to reach the hub; None is `hub.access.default_access`.
        on_problem: told of each repository that cannot be told apart, or asked for, and of what is
            no model in new ones.

    Raises:
        SourceError: the hub cannot be reached, or refuses.
    """
    out: list[Release] = []
    seen: set[str] = set()
    access = access or default_access()
    if watch.query is not None:
        for info in list_models(watch.query, access):
            seen.add(info.id)
            if info.problem:
                on_problem(*described(info).problems)
                continue
            if since is not None and info.modified and info.modified < since:
                break
            before = known.get(info.id, Known())
            out += _news(watch.name, info, before, on_problem)
            if not complete and info.sha in before.revisions:
                break
    for name, found in hub_infos(watch.repositories, access).items():
        if isinstance(found, Exception):
            if is_gone(found) and name in known:
                out += _gone(watch.name, name, known)
            else:
                line = explain(found, name, access)
                on_problem(Problem(name, type(found).__name__, line))
            continue
        if found.id != name:
            out += _renamed(watch.name, name, found, known)
        seen.add(found.id)
        out += _news(watch.name, found, known.get(found.id, Known()), on_problem)
    if complete and since is None and watch.query is not None and watch.query.limit is None:
        for repo_id in sorted(set(known) - seen - set(watch.repositories)):
            out += _gone(watch.name, repo_id, known)
    return out


def parse_since(text: str) -> datetime:
    """A time from ``7d``, ``12h``, ``2w`` ago, or an ISO date or time (UTC).

    Raises:
        SourceError: it is neither.
    """
    units = {"h": "hours", "d": "days", "w": "weeks"}
    if text[:-1].isdigit() and text[-1] in units:
        return datetime.now(UTC) - timedelta(**{units[text[-1]]: int(text[:-1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SourceError(f"`since` {text!r}: write 7d, 12h, 2w or 2025-01-31") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _news(
    watch: str, info: HubModel, before: Known, on_problem: Callable[[Problem], None]
) -> list[Release]:
    out = []
    if info.sha not in before.revisions:
        event: What = "revision" if before.revisions else "new"
        models = described(info)
        for problem in models.problems:
            on_problem(problem)
        out.append(Release(watch, info.id, info.sha, event, models.refs))
    if info.gated and not before.gated:
        out.append(Release(watch, info.id, info.sha, "gated"))
    return out


def _gone(watch: str, repo_id: str, known: Mapping[str, Known]) -> list[Release]:
    before = known.get(repo_id)
    if before is None or before.gone or not before.revisions:
        return []
    return [Release(watch, repo_id, before.revisions[-1], "gone")]


def _renamed(watch: str, old: str, info: HubModel, known: Mapping[str, Known]) -> list[Release]:
    before = known.get(old)
    if before is None or before.gone or info.id in known:
        return []
    return [Release(watch, old, before.revisions[-1], "renamed")]
