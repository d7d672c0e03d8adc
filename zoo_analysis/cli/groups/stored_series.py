"""`zoo series`: the families that models are ranked and regressed within."""

from pathlib import Path
from typing import Annotated

import typer

from zoo_analysis.cli.options import Format, FormatOption, OutOption, StoreOption

app = typer.Typer(
    name="series",
    help="The series of stored models: list, set, unset.",
    no_args_is_help=True,
)

ModelsArgument = Annotated[
    list[str],
    typer.Argument(metavar="MODEL...", help="Ids, unique parts of one, or patterns: 'lab/vgg*'."),
]


@app.command("list")
def list_(
    store: StoreOption = None, format: FormatOption = "table", output: OutOption = None
) -> None:
    """List the series of a store, with their numbers of models."""
    from zoo_analysis.cli.output import write_table
    from zoo_analysis.imports.assigned_series import list_series

    write_table(list_series(store), format, output)


@app.command("set")
def set_(
    series: Annotated[str, typer.Argument(help="Its name.")],
    models: ModelsArgument,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Give stored models a series, in place of the one that they were scanned with."""
    _set(store, series, models, format, output)


@app.command()
def unset(
    models: ModelsArgument,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Take back the series that stored models were given."""
    _set(store, None, models, format, output)


def _set(
    store: str | None, series: str | None, models: list[str], format: Format, output: Path | None
) -> None:
    from zoo_analysis.cli.output import say, write_table
    from zoo_analysis.imports.assigned_series import set_series

    table = set_series(store, series, models)
    write_table(table, format, output)
    if not any(row["before"] != row["series"] for row in table.to_pylist()):
        were = "were of this series before" if series else "had been given no other series"
        say(f"nothing has changed: they {were}", error=format != "table" or output is not None)
