"""`zoo store`: upkeep of the tables."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from zoo_analysis.answers.defaults import COMMITS, RETENTION
from zoo_analysis.cli.options import FormatOption, OutOption, StoreOption
from zoo_analysis.errors import ZooError

app = typer.Typer(
    name="store",
    help="Look after the tables: compact, vacuum, history, check, migrate.",
    no_args_is_help=True,
)


@app.command()
def compact(
    store: StoreOption = None, format: FormatOption = "table", output: OutOption = None
) -> None:
    """Merge small files and put the layers of each model next to each other."""
    from zoo_analysis.answers.operation.store_upkeep import compact_store
    from zoo_analysis.cli.output import write_table

    write_table(compact_store(store), format, output)


@app.command()
def vacuum(
    older_than: Annotated[
        str, typer.Option(help="Retention: versions younger than this stay readable (7d, 12h).")
    ] = f"{RETENTION.days}d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Remove files that only versions older than the retention need."""
    from zoo_analysis.answers.operation.store_upkeep import vacuum_store
    from zoo_analysis.cli.output import say, write_table

    table = vacuum_store(store, duration(older_than), dry_run=dry_run)
    if format == "table" and output is None and not any(table["files"].to_pylist()):
        say(f"no file to remove: versions younger than {older_than} need all that there are")
    else:
        write_table(table, format, output)


@app.command()
def history(
    limit: Annotated[int, typer.Option(min=1, help="Only the latest commits.")] = COMMITS,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """List every commit; its version is what `zoo query --as-of` takes."""
    from zoo_analysis.answers.operation.store_upkeep import store_history
    from zoo_analysis.cli.output import write_table

    write_table(store_history(store, limit), format, output)


@app.command()
def migrate(
    store: StoreOption = None, format: FormatOption = "table", output: OutOption = None
) -> None:
    """Rewrite the tables of a store that an earlier version made; it is read as well without."""
    from zoo_analysis.answers.operation.store_upkeep import migrate_store
    from zoo_analysis.cli.output import say, write_table

    table = migrate_store(store)
    same = all(row["before"] == row["after"] for row in table.to_pylist())
    if format == "table" and output is None and same:
        say("nothing to rewrite: all tables are as this version writes them")
    else:
        write_table(table, format, output)


@app.command()
def check(
    store: StoreOption = None, format: FormatOption = "table", output: OutOption = None
) -> None:
    """Check that models, layers and spectra agree; exit status 3 where they do not."""
    from zoo_analysis.answers.operation.store_upkeep import check_store
    from zoo_analysis.cli.output import counted, say, write_table

    found = check_store(store)
    if format == "table":
        problems = counted(len(found.problems), "problem") if found.problems else "no problems"
        say(
            f"{counted(found.models, 'model')}, {counted(found.layers, 'layer')}, "
            f"{found.spectra:,} {'spectrum' if found.spectra == 1 else 'spectra'}: {problems}; "
            f"{found.unpublished} left behind by interrupted commits (shown by no view)"
        )
    if found.problems or format != "table" or output is not None:
        write_table(found.table(), format, output)
    if found.problems:
        raise typer.Exit(3)


def duration(text: str) -> timedelta:
    """A retention from ``7d`` or ``12h``.

    Raises:
        ZooError: it is neither days nor hours.
    """
    told = re.fullmatch(r"(\d+)([dh])", text)
    if told is None:
        raise ZooError(f"--older-than {text!r}: write days or hours, as 7d or 12h")
    number = int(told[1])
    return timedelta(days=number) if told[2] == "d" else timedelta(hours=number)
