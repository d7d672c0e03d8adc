"""TOML files that people write, read into structs; a mistake is named with its place."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import msgspec

from zoo_analysis.errors import SourceError
from zoo_analysis.lookup import near
from zoo_analysis.texts import storable

_T = TypeVar("_T", bound=msgspec.Struct)

#: Bytes of a file of TOML that people write.
MOST_TOML: Final = 16 * 2**20
#: A list of tables → one of them.
_ONE: Final = {
    "models": "model",
    "accuracies": "accuracy",
    "queries": "query",
    "watches": "watch",
}
#: msgspec's name of a type → what a value must be.
_KINDS: Final = {
    "str": "a text that is not empty",
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
}


def read_toml(path: Path, schema: type[_T]) -> _T:
    """The contents of a TOML file.

    Args:
        path: of the file.
        schema: struct of its top level, with a tuple of structs for each list of tables.

    Raises:
        SourceError: the file cannot be read, is not TOML, has a key that the schema does not have
            (says which was meant), lacks one, or has a value of another type; in one line, with
            the file, the table and the key.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_TOML + 1)
        if len(content) > MOST_TOML:
            raise SourceError(f"{path}: has more than the {MOST_TOML >> 20} MiB of such a file")
        table = tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error
    except RecursionError as error:
        raise SourceError(f"{path}: not valid TOML: nested too deeply") from error
    except ValueError as error:  # also numbers of too many digits
        raise SourceError(f"{path}: not valid TOML: {storable(str(error))}") from error
    try:
        return msgspec.convert(table, schema)
    except msgspec.ValidationError as error:
        try:
            what = _mistake(str(error), table, schema)
        except (KeyError, IndexError, TypeError, ValueError):  # a place that cannot be shown
            what = str(error)
        raise SourceError(f"{path}: {storable(what)}") from error


def _mistake(message: str, table: dict[str, Any], schema: type[msgspec.Struct]) -> str:
    """msgspec's message in terms of tables and keys, with the value."""
    text, _, place = message.partition(" - at `$")
    where = ""
    for key, index in re.findall(r"\.(\w+)(?:\[(\d+)\])?", place):
        value, struct = table[key], _listed(schema, key)
        if struct and index and isinstance(value[int(index)], dict):
            table, schema = value[int(index)], struct
            called = f" ({table.get('repo_id', 'no repo_id')})" if key == "models" else ""
            where += f"{_ONE[key]} {int(index) + 1}{called}: "
            continue
        expected = re.match(r"Expected `(\w+)", text)
        must = _KINDS.get(expected[1] if expected and not index else "", "a list of texts")
        return f"{where}`{key}` is {value!r}; it must be " + (
            f"a list of tables, [[{key}]]" if struct else must
        )
    keys = schema.__struct_fields__
    if missing := re.fullmatch(r"Object missing required field `(.*)`", text, re.S):
        return f"{where}`{missing[1]}` is missing; add it"
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", text, re.S):
        hint = near(unknown[1], keys, f"known are {', '.join(keys)}", form="`{}`")
        return f"{where}unknown key `{unknown[1]}`; {hint}"
    return where + text


def _listed(schema: type[msgspec.Struct], key: str) -> type[msgspec.Struct] | None:
    """The struct of which a field holds a tuple; None for a field of another kind."""
    (kind,) = (field.type for field in msgspec.structs.fields(schema) if field.name == key)
    first = next(iter(get_args(kind)), None)
    return first if isinstance(first, type) and issubclass(first, msgspec.Struct) else None
