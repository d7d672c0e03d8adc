"""The questions in `queries/`, and the user's own: an SQL file each, parameters in its comments."""

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from zoo_analysis.errors import QueryError
from zoo_analysis.folders import data_dir, user_settings
from zoo_analysis.lookup import near
from zoo_analysis.store.schemas import TABLES
from zoo_analysis.store.views import view_names

_PARAM = re.compile(
    r"-- param (?P<name>\w+): (?P<type>\w+) = (?P<default>.+?)(?:\s+\((?P<about>.*)\))?\s*$"
)
_DECLARED = re.compile(r"-- param\b")


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(f"{text} is less than 1")
    return number


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_READERS: Mapping[str, Callable[[str], object]] = {
    "text": str,
    "integer": int,
    "count": _count,
    "number": float,
    "boolean": _boolean,
    "time": datetime.fromisoformat,
    "names": lambda text: next(csv.reader([text], skipinitialspace=True)),
}


@dataclass(frozen=True)
class Param:
    """A parameter of a named query; `type` is text, integer, count, number, boolean, time or names.

    A count is an integer from 1 on. Names have commas between them, and quotation marks around one
    that has a comma itself.
    """

    name: str
    type: str
    default: object
    about: str
    required: bool = False


@dataclass(frozen=True)
class NamedQuery:
    """One question: `sql` as in its file, `title` from its first comment line.

    A parameter is declared in a comment, ``-- param NAME: TYPE = DEFAULT  (what it is)``, with
    ``null`` for no default and ``required`` where there can be none. What is to be said where it
    has no rows is in a comment, ``-- empty: …``. `file` is the user's own.
    """

    name: str
    title: str
    params: tuple[Param, ...]
    sql: str
    file: Path | None = None
    empty: str = ""

    def bind(self, given: Mapping[str, object]) -> dict[str, object]:
        """Values for all parameters: the given ones, else the defaults.

        Args:
            given: by parameter name; text is read as the declared type.

        Raises:
            QueryError: a parameter that the query does not have, or an unreadable value.
        """
        if unknown := set(given) - {param.name for param in self.params}:
            wrong = ", ".join(sorted(unknown))
            known = ", ".join(param.name for param in self.params) or "none"
            raise QueryError(f"query {self.name!r} has no parameter {wrong}; it has: {known}")
        if missing := [p for p in self.params if p.required and p.name not in given]:
            wanted = ", ".join(f"{param.name} ({param.about})" for param in missing)
            raise QueryError(f"query {self.name!r} needs {wanted}: use `params` NAME=VALUE")
        return {
            param.name: _read(param, given[param.name]) if param.name in given else param.default
            for param in self.params
        }


def own_queries() -> Path:
    """The folder of the user's own questions, in the user's settings."""
    return user_settings() / "queries"


def list_queries() -> list[NamedQuery]:
    """All named queries, by name: those that come with the package, and the user's own.

    Of the user's own those are left out that are malformed or called like one of the others:
    `query_problems` says which, and why.
    """
    return [found for _, found in sorted(_read_all().items()) if isinstance(found, NamedQuery)]


def query_problems() -> list[str]:
    """The user's own queries that cannot be asked, each with its file and the reason."""
    return [str(found) for _, found in sorted(_read_all().items()) if isinstance(found, QueryError)]


def get_query(name: str) -> NamedQuery:
    """The query of this name: the one that comes with the package, else the user's own.

    Raises:
        QueryError: there is none, and the nearest names are suggested; or the user's own of this
            name is malformed.
    """
    with_package, own = _paths()
    if name in with_package:
        return _parse(with_package[name])
    if name in own:
        return _own(own[name], taken=False)
    hint = near(name, with_package | own, "`zoo queries` lists them", most=3)
    if name in {*TABLES, *view_names()}:
        hint = f"it is a table; ask it by 'FROM {name}'"
    raise QueryError(f"no query named {name!r}: {hint}")


def named_by_user(name: str) -> NamedQuery:
    """The query that a user means by this name: never another one than in a file of theirs.

    Raises:
        QueryError: as `get_query`; also where the user's own is called like one of the package's.
    """
    with_package, own = _paths()
    return _own(own[name], name in with_package) if name in own else get_query(name)


def _paths() -> tuple[dict[str, Path], dict[str, Path]]:
    """Files by the names of their questions: the package's, and the user's own."""
    shipped, own = (
        {path.stem: path for path in folder.glob("*.sql")}
        for folder in (data_dir("queries"), own_queries())
    )
    return shipped, own


def _read_all() -> dict[tuple[str, bool], NamedQuery | QueryError]:
    """Questions by name and whether they are the user's own; or why they are none."""
    with_package, own = _paths()
    found: dict[tuple[str, bool], NamedQuery | QueryError] = {
        (name, False): _parse(path) for name, path in with_package.items()
    }
    for name, path in own.items():
        try:
            found[name, True] = _own(path, name in with_package)
        except QueryError as error:
            found[name, True] = error
    return found


def _own(path: Path, taken: bool) -> NamedQuery:
    if taken:
        raise QueryError(f"{path}: a question {path.stem!r} comes with the package; rename yours")
    return _parse(path)


def _parse(path: Path) -> NamedQuery:
    try:
        sql = path.read_text(encoding="utf-8")
        params = list(map(_param, filter(_DECLARED.match, sql.splitlines())))
    except (OSError, UnicodeDecodeError, QueryError) as error:
        raise QueryError(f"{path}: {error}") from error
    title = sql.partition("\n")[0].removeprefix("--").strip()
    file = path if path.parent == own_queries() else None
    empty = re.search(r"^-- empty:\s*(.+?)\s*$", sql, re.MULTILINE)
    return NamedQuery(path.stem, title, tuple(params), sql, file, empty[1] if empty else "")


def _param(line: str) -> Param:
    match = _PARAM.match(line)
    if match is None:
        raise QueryError(f"{line!r}: write -- param NAME: TYPE = DEFAULT  (what it is)")
    default = match["default"]
    required = default == "required"
    param = Param(match["name"], match["type"], None, match["about"] or "", required)
    if required or default == "null":
        return param
    return replace(param, default=_read(param, default))


def _read(param: Param, value: object) -> object:
    if not isinstance(value, str) and (param.type != "count" or value is None):
        return value
    try:
        return _READERS[param.type](str(value))
    except (ValueError, KeyError) as error:
        raise QueryError(
            f"parameter {param.name}: {value!r} is not of type {param.type}"
            + (" (1 or more)" if param.type == "count" else "")
        ) from error
