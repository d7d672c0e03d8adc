"""The user's own catalogues: checked before they are written, and never read half written."""

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tomlkit.items import Array

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.path import SCHEME
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.sources.catalogues.format import Catalogue, load_catalogue, own_catalogues

_NAME = re.compile(r"[\w][\w.-]*")


def add_to_catalogue(
    name: str,
    repositories: Sequence[str] = (),
    query: HubQuery | None = None,
    series: str | None = None,
    title: str | None = None,
) -> Catalogue:
    """Add repositories and a query to one of the user's catalogues, which is made if need be.

    What the user has written in the file stays as it is, with its comments; a repository that it
    has at the same revision is not added again.

    Args:
        name: of the catalogue.
        repositories: ``OWNER/NAME`` or ``OWNER/NAME@REVISION``.
        query: what the hub is asked for; one without conditions is none.
        series: of what is added.
        title: of a new catalogue.

    Returns:
        The catalogue as it is now.

    Raises:
        SourceError: a name that cannot be one, nothing to add, or a catalogue that is malformed.
    """
    asked = query is not None and query != HubQuery()
    if not repositories and not asked:
        raise SourceError("nothing to add; name repositories, or ask for `author`, `filter`, …")
    path = _path(name)
    known: set[tuple[str, str | None]] = set()
    if path.is_file():
        known = {(model.repo_id, model.revision) for model in load_catalogue(path).models}
        text = path.read_text(encoding="utf-8")
    else:
        text = tomlkit.dumps({"title": title or name})
    models = []
    for repository in repositories:
        repo_id, _, revision = repository.removeprefix(SCHEME).partition("@")
        if (repo_id, revision or None) not in known:
            models.append({"repo_id": repo_id, "revision": revision or None, "series": series})
            known.add((repo_id, revision or None))
    text = with_tables(text, "models", models)
    if query is not None and asked:
        conditions = msgspec.structs.asdict(query)
        text = with_tables(text, "queries", [conditions | {"series": query.series or series}])
    return _write(path, text)


def copy_catalogue(file: Path, name: str | None = None) -> Catalogue:
    """Take a catalogue's file over into the user's own.

    Args:
        file: of the catalogue, as anybody wrote it.
        name: of the user's catalogue; the file's unless given.

    Raises:
        SourceError: it is no catalogue, or one of that name is there.
    """
    load_catalogue(file)
    path = _path(name or file.stem)
    if path.exists():
        raise SourceError(f"{path} is there already; choose another name or edit it")
    return _write(path, file.read_text(encoding="utf-8"))


def _path(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise SourceError(f"{name!r} cannot be a catalogue's name; use letters, digits, - and _")
    return own_catalogues() / f"{name}.toml"


def _write(path: Path, text: str) -> Catalogue:
    """The catalogue at `path`, written as `text` if that is a valid one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder) / path.name
        draft.write_text(text, encoding="utf-8")
        try:
            load_catalogue(draft)
        except SourceError as error:
            raise SourceError(str(error).replace(str(draft), str(path))) from error
        if path.exists():
            shutil.copymode(path, draft)
        os.replace(draft, path)
    return load_catalogue(path)


def with_tables(text: str, key: str, tables: Sequence[dict[str, Any]]) -> str:
    """The text of a TOML file with more tables in the list `key`, at its end."""
    told = [{n: v for n, v in values.items() if v not in (None, ())} for values in tables]
    if not told:
        return text
    document = tomlkit.parse(text)
    if isinstance(there := document.get(key), Array):  # written as models = [{…}, {…}]
        there.extend(told)
        return document.as_string()
    return f"{text.rstrip()}\n\n{tomlkit.dumps({key: told})}"
