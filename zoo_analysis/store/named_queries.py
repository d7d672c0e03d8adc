"""The questions in `queries/`: one SQL file each, with typed parameters in its comments."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from zoo_analysis.errors import QueryError
from zoo_analysis.folders import data_dir
from zoo_analysis.lookup import near

_PARAM = re.compile(
    r"^-- param (?P<name>\w+): (?P<type>\w+) = (?P<default>.+?)(?:\s+\((?P<about>.*)\))?\s*$",
    re.MULTILINE,
)


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_READERS: Mapping[str, Callable[[str], object]] = {
    "text": str,
    "integer": int,
    "number": float,
    "boolean": _boolean,
    "time": datetime.fromisoformat,
}


@dataclass(frozen=True)
class Param:
    """A parameter of a named query; `type` is text, integer, number, boolean or time."""

    name: str
    type: str
    default: object
    about: str
    required: bool = False


@dataclass(frozen=True)
class NamedQuery:
    """One question: `sql` as in its file, `title` from its first comment line.

    A parameter is declared in a comment, ``-- param NAME: TYPE = DEFAULT  (what it is)``, with
    ``null`` for no default and ``required`` where there can be none.
    """

    name: str
    title: str
    params: tuple[Param, ...]
    sql: str

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
            raise QueryError(f"query {self.name!r} needs {wanted}: give it with -p NAME=VALUE")
        return {
            param.name: _read(param, given[param.name]) if param.name in given else param.default
            for param in self.params
        }


def list_queries() -> list[NamedQuery]:
    """All named queries, by name."""
    return [_parse(path) for path in sorted(data_dir("queries").glob("*.sql"))]


def get_query(name: str) -> NamedQuery:
    """The query of this name.

    Raises:
        QueryError: there is none; the nearest names are suggested.
    """
    paths = {path.stem: path for path in data_dir("queries").glob("*.sql")}
    if name in paths:
        return _parse(paths[name])
    hint = near(name, paths, "`zoo queries` lists them", most=3)
    raise QueryError(f"no query named {name!r}: {hint}")


def _parse(path: Path) -> NamedQuery:
    sql = path.read_text(encoding="utf-8")
    params = []
    for match in _PARAM.finditer(sql):
        default = match["default"]
        required = default == "required"
        param = Param(match["name"], match["type"], None, match["about"] or "", required)
        if not required and default != "null":
            param = replace(param, default=_read(param, default))
        params.append(param)
    title = sql.partition("\n")[0].removeprefix("--").strip()
    return NamedQuery(path.stem, title, tuple(params), sql)


def _read(param: Param, value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return _READERS[param.type](value)
    except (ValueError, KeyError) as error:
        raise QueryError(
            f"parameter {param.name}: {value!r} is not of type {param.type}"
        ) from error
