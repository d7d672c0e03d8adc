"""The switches by which every command that prints results says how, and where to."""

import inspect
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from zoo_analysis.cli.options import Format
from zoo_analysis.errors import ZooError

#: Suffix of a file → how it is written.
SUFFIXES: Final[dict[str, Format]] = {
    ".txt": "table",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".md": "markdown",
    ".parquet": "parquet",
}
#: Parameters of functions that are called otherwise on the command line.
_CALLED: Final = {"params": "param", "mapping": "map", "columns": "map", "how": "preset"}
_TEXTS: Final = ("table", "vertical", "markdown", "csv")
_FormatOption = Annotated[
    Format | None,
    typer.Option("--format", "-f", help="How to print.", show_default="table", envvar="ZOO_FORMAT"),
]
_JsonOption = Annotated[bool, typer.Option("--json", help="The same as -f json.")]


def chosen_format(
    format: Format | None, output: Path | None, usual: Format | None = None
) -> Format:
    """The format of what is printed: the one that is named, else the file's, else the usual one.

    Args:
        format: as the command line names it.
        output: file to write, or None.
        usual: where neither says; a table unless given.

    Raises:
        ZooError: a file whose suffix says nothing, or something else.
    """
    if output is None:
        return format or usual or "table"
    suffix = output.suffix.lower()
    known = SUFFIXES.get(suffix)
    if format is None:
        if known is None:
            raise ZooError(
                f"-o {output}: {suffix or 'a name without suffix'} says no format; use "
                f"{', '.join(SUFFIXES)}, or name one with -f"
            )
        return known
    if known not in (None, format) and not (suffix == ".txt" and format in _TEXTS):
        raise ZooError(f"-o {output} is {known} by its suffix, and -f says {format}: drop one")
    return format


def as_options(text: str, command: Any) -> str:
    """A text that names parameters of functions in backticks, with the options of a command.

    Args:
        text: of an error.
        command: whose options they are.
    """
    options = {param.name.rstrip("_"): param.opts[0] for param in command.params if param.opts}
    called = {name: options[other] for name, other in _CALLED.items() if other in options}
    told = {n: o for n, o in (options | called).items() if o.startswith("-")}
    return re.sub(r"`(\w+)`", lambda found: told.get(found[1], found[0]), text)


def with_switches(command: Callable[..., None]) -> Callable[..., None]:
    """A command with -f, -o and --json, from one that has a parameter `format`.

    The command is called with the format that was chosen, and with `json_` where it takes that.
    Errors of any command name its options, where the function that raised them names parameters.
    """
    parameters = inspect.signature(command).parameters
    printing = "format" in parameters

    @wraps(command)
    def run(context: typer.Context, **given: Any) -> None:
        if printing:
            json_ = given.pop("json_")
            how = _how(context, given["format"], json_, given.get("output"))
            given |= {"format": how} | ({"json_": how == "json"} if "json_" in parameters else {})
        if "context" in parameters:
            given["context"] = context
        try:
            command(**given)
        except ZooError as error:
            error.args = (as_options(str(error), context.command),)
            raise

    shown = [
        each.replace(annotation=_FormatOption, default=None) if each.name == "format" else each
        for each in parameters.values()
        if each.name != "json_"
    ]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    if "context" not in parameters:
        shown.insert(0, inspect.Parameter("context", kind, annotation=typer.Context))
    if printing:
        shown.append(inspect.Parameter("json_", kind, default=False, annotation=_JsonOption))
    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in shown}
    return run


def _how(context: typer.Context, format: Format | None, json_: bool, output: Path | None) -> Format:
    """The format that the switches of a command choose.

    Raises:
        ZooError: two of them say two things.
    """
    source = context.get_parameter_source("format")
    told = source is not None and source.name == "COMMANDLINE"
    if json_ and told and format != "json":
        raise ZooError(f"--json is -f json, and -f says {format}: drop one")
    named: Format | None = "json" if json_ else format if told else None
    return chosen_format(named, output, format)
