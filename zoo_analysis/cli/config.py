"""Settings: what `zoo.toml` or the environment says where the command line does not.

A setting is an option with an environment variable ``ZOO_NAME``; in a file it is called ``name``.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from zoo_analysis.cli.options import FormatOption, OutOption, size
from zoo_analysis.errors import CheckpointError, ZooError
from zoo_analysis.folders import MAX_TEXT, read_regular, user_settings
from zoo_analysis.lookup import near
from zoo_analysis.texts import storable

#: Of the working directory, and of the user's settings folder.
FILE: Final = "zoo.toml"
_PREFIX: Final = "ZOO_"
#: What no option is: where the user's catalogues are.
_CATALOGUES: Final = "catalogues"
#: A working directory may be a stranger's: these are taken from the user's own file alone, for
#: they say who gets work and tokens, or are bounds that protect this machine.
_OWN: Final = frozenset(
    {
        "address",
        "cache_size",
        "model_seconds",
        "model_memory",
        "query_seconds",
        "query_memory",
    }
)
#: Values that are paths, beside the file that says them.
_PATHS: Final = frozenset({"store", _CATALOGUES})
#: Values that a number is not, and those that are numbers of bytes.
_TEXTS: Final = _PATHS | {"address", "device", "format", "method"}
_SIZES: Final = frozenset({"cache_size", "model_memory", "query_memory"})


@dataclass(frozen=True)
class Said:
    """One setting: its value, the file or variable that says it, and what it is."""

    name: str
    value: str | None
    source: str
    about: str


def apply(context: typer.Context) -> None:
    """Make what the settings files say the defaults of all commands.

    Args:
        context: of the whole command line; its `obj` is the list of settings from now on.

    Raises:
        ZooError: a file that cannot be read, an unknown setting, or an impossible value.
    """
    files = _said(context)
    context.obj = list(_found(context, files))
    said = {name: value for name, (value, _) in files.items()}
    context.default_map = _defaults(context.command, said)
    variable = _PREFIX + _CATALOGUES.upper()
    if _CATALOGUES in said and not os.environ.get(variable):
        os.environ[variable] = said[_CATALOGUES]
        context.call_on_close(lambda: os.environ.pop(variable, None))


def _found(context: typer.Context, said: Mapping[str, tuple[str, Path]]) -> Iterator[Said]:
    """All settings there are, each with its value and where that comes from.

    Raises:
        ZooError: an impossible value in the environment.
    """
    for name, option in sorted(_known(context.command).items()):
        variables = _variables(option) or (_PREFIX + name.upper(),)
        variable = next((each for each in variables if os.environ.get(each)), None)
        about = "Folder of your catalogues." if option is None else str(option.help)
        if variable is not None:
            _check(context, name, os.environ[variable], option, f"${variable}")
            yield Said(name, os.environ[variable], f"${variable}", about)
        elif name in said:
            yield Said(name, said[name][0], str(said[name][1]), about)
        else:
            yield Said(name, _usual(option), "default", about)


def config(
    context: typer.Context, format: FormatOption = "table", output: OutOption = None
) -> None:
    """Print every setting, and whether a file, the environment or nobody says it."""
    from zoo_analysis.cli.output import say, write_table
    from zoo_analysis.store.records import table_of

    found: list[Said] = context.obj
    write_table(table_of(Said, found), format, output)
    if format == "table" and output is None:
        say("", "The first that says a setting counts: the command line, the environment,")
        say(f"./{FILE}, {user_settings() / FILE}")
        known = {_PREFIX + setting.name.upper() for setting in found}
        for variable in sorted(set(os.environ) - known):
            if variable.startswith(_PREFIX):
                say(f"${variable} is no setting; {near(variable, known, 'these are all')}")


def _said(context: typer.Context) -> dict[str, tuple[str, Path]]:
    """What the files say by the settings' names, and which file it is that says it."""
    said: dict[str, tuple[str, Path]] = {}
    known = _known(context.command)
    own = user_settings() / FILE
    for file in (own, Path(FILE)):
        mine = file == own or (own.exists() and file.exists() and file.samefile(own))
        for name, value in _read(file).items():
            if name not in known:
                hint = near(name, known, f"there are {', '.join(sorted(known))}")
                raise ZooError(f"{file}: unknown setting {storable(name)!r}; {hint}")
            text = _checked(context, file, name, value, known[name])
            if not mine and (name in _OWN or (name == "store" and "://" in text)):
                raise ZooError(
                    f"{file}: {name} {storable(text)!r} is not taken from a working directory, "
                    f"which may be a stranger's; set it in {own}, in ${_PREFIX}{name.upper()} or "
                    "on the command line"
                )
            said[name] = text, file
    return said


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = read_regular(file, most=MAX_TEXT)
        return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except CheckpointError as error:
        raise ZooError(str(error)) from error
    except OSError as error:
        reason = "it is a folder" if file.is_dir() else error.strerror
        raise ZooError(f"{file}: cannot be read ({reason})") from error
    except (ValueError, RecursionError) as error:
        raise ZooError(f"{file}: not valid TOML: {storable(str(error))}") from error


def _checked(context: typer.Context, file: Path, name: str, value: object, option: Any) -> str:
    """A value as the command line would say it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ZooError(f"{file}: {name} is {storable(repr(value))}; it must be a text or a number")
    if name in _TEXTS and not isinstance(value, str):
        raise ZooError(f"{file}: {name} is {value}; it must be a text")
    text = str(value)
    _check(context, name, text, option, f"{file}: {name}")
    if name in _PATHS and "://" not in text:
        text = str(file.absolute().parent / Path(text).expanduser())
    return text


def _check(context: typer.Context, name: str, text: str, option: Any, where: str) -> None:
    """Refuse a value that no command takes, wherever it is said."""
    if not text.strip() or "\0" in text:
        raise ZooError(f"{where} is {text!r}; leave it out, or give it a value")
    try:
        if name in _SIZES:
            size(text)
        if option is not None:
            option.process_value(context, text)
    except (typer.BadParameter, ValueError) as error:
        reason = str(error).removeprefix("Value error, ")
        raise ZooError(f"{where} is {storable(text)!r}: {reason}") from error
    except ZooError as error:
        raise ZooError(f"{where}: {error}") from error


def _usual(option: Any) -> str | None:
    if option is None:
        return str(user_settings() / "catalog")
    told = option.show_default if isinstance(option.show_default, str) else None
    return told if option.default is None else str(option.default)


def _variables(option: Any) -> tuple[str, ...]:
    given = getattr(option, "envvar", None) or ()
    return (given,) if isinstance(given, str) else tuple(given)


def _options(command: Any) -> Iterator[tuple[str, Any]]:
    """The options of a command that are settings, by the settings' names."""
    for option in command.params:
        for variable in _variables(option)[:1]:
            if variable.startswith(_PREFIX):
                yield variable.removeprefix(_PREFIX).lower(), option


def _known(command: Any) -> dict[str, Any]:
    """All settings: an option that each belongs to, or None."""
    known: dict[str, Any] = {_CATALOGUES: None}
    for below in getattr(command, "commands", {}).values():
        known = _known(below) | known
    return dict(_options(command)) | known


def _defaults(command: Any, said: Mapping[str, str]) -> MutableMapping[str, Any]:
    """Defaults of a command's options by their parameters, and of the commands below it."""
    below = {name: _defaults(each, said) for name, each in getattr(command, "commands", {}).items()}
    return below | {option.name: said[name] for name, option in _options(command) if name in said}
