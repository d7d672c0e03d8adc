"""Catalogues that the user makes: checked, and written so that no half of one is ever read."""

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo_analysis.errors import SourceError
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

    Args:
        name: of the catalogue.
        repositories: ``OWNER/NAME`` or ``OWNER/NAME@REVISION``.
        query: what the hub is asked for.
        series: of the repositories.
        title: of a new catalogue.

    Raises:
        SourceError: a name that cannot be one, nothing to add, or a catalogue that is malformed.
    """
    if not repositories and query is None:
        raise SourceError("nothing to add; name repositories, or ask for --author, --filter, …")
    path = _path(name)
    text = path.read_text() if path.is_file() else f"title = {_toml(title or name)}\n"
    for repository in repositories:
        repo_id, _, revision = repository.removeprefix("hf://").partition("@")
        table = {"repo_id": repo_id, "revision": revision or None, "series": series}
        text += _table("models", table)
    if query is not None:
        text += _table("queries", asdict(query))
    return _write(path, text)


def copy_catalogue(file: Path, name: str | None = None) -> Catalogue:
    """Take a catalogue's file over into the user's own.

    Raises:
        SourceError: it is no catalogue, or one of that name is there.
    """
    load_catalogue(file)
    path = _path(name or file.stem)
    if path.exists():
        raise SourceError(f"{path} is there already; choose another --name or edit it")
    return _write(path, file.read_text())


def _path(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise SourceError(f"{name!r} cannot be a catalogue's name; use letters, digits, - and _")
    return own_catalogues() / f"{name}.toml"


def _write(path: Path, text: str) -> Catalogue:
    """Write a catalogue if it is a valid one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder) / path.name
        draft.write_text(text)
        try:
            load_catalogue(draft)
        except SourceError as error:
            raise SourceError(str(error).replace(str(draft), str(path))) from error
        if path.exists():
            shutil.copymode(path, draft)
        os.replace(draft, path)
    return load_catalogue(path)


def _table(name: str, values: dict[str, Any]) -> str:
    lines = [
        f"{key} = {_toml(value)}\n" for key, value in values.items() if value not in (None, ())
    ]
    return f"\n[[{name}]]\n{''.join(lines)}"


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + re.sub(r"[\x00-\x1f\x7f]", " ", escaped) + '"'
    return str(value)
