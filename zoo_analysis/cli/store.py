"""`zoo store`: upkeep of the tables."""

import re
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer

from zoo_analysis.cli.options import FormatOption, OutOption, StoreOption

app = typer.Typer(no_args_is_help=True)


@app.command()
def compact(store: StoreOption = None, format: FormatOption = "table") -> None:
    """Merge small files and put the layers of each model next to each other."""
    from zoo_analysis.store import open_store, upkeep

    _print([asdict(done) for done in upkeep.compact(open_store(store).location)], format)


@app.command()
def vacuum(
    older_than: Annotated[
        str, typer.Option(help="Retention: versions younger than this stay readable (7d, 12h).")
    ] = "7d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    store: StoreOption = None,
    format: FormatOption = "table",
) -> None:
    """Remove files that only versions older than the retention need."""
    from zoo_analysis.errors import ZooError
    from zoo_analysis.store import open_store, upkeep

    told = re.fullmatch(r"(\d+)([dh])", older_than)
    if told is None:
        raise ZooError(f"--older-than {older_than!r}: write days or hours, as 7d or 12h")
    number = int(told[1])
    retention = timedelta(days=number) if told[2] == "d" else timedelta(hours=number)
    done = upkeep.vacuum(open_store(store).location, retention, dry_run=dry_run)
    _print([asdict(table) for table in done], format)


@app.command()
def history(
    limit: Annotated[int, typer.Option(min=1, help="Only the latest commits.")] = 1000,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """List every commit; its version is what `zoo query --as-of` takes."""
    import pyarrow as pa

    from zoo_analysis.cli.output import write_table
    from zoo_analysis.store import open_store
    from zoo_analysis.store.history import history as commits_of

    commits = commits_of(open_store(store).location)[-limit:]
    write_table(pa.Table.from_pylist([asdict(commit) for commit in commits]), format, output)


@app.command()
def check(store: StoreOption = None, format: FormatOption = "table") -> None:
    """Check that models, layers and spectra agree; exit status 3 where they do not."""
    from zoo_analysis.cli.output import write_table
    from zoo_analysis.store import open_store
    from zoo_analysis.store.integrity import check as find_problems

    found = find_problems(open_store(store))
    if format == "table":
        typer.echo(
            f"{found.models} models, {found.layers} layers, {found.spectra} spectra: "
            f"{len(found.problems) or 'no'} problems; "
            f"{found.unpublished} left behind by interrupted commits (shown by no view)"
        )
    if found.problems or format != "table":
        write_table(found.table(), format)
    if found.problems:
        raise typer.Exit(3)


def _print(rows: list[dict[str, Any]], format: Any) -> None:
    import pyarrow as pa

    from zoo_analysis.cli.output import write_table

    write_table(pa.Table.from_pylist(rows), format)


def register(root: typer.Typer) -> None:
    """Add these commands to the `zoo` command."""
    root.add_typer(
        app, name="store", help="Look after the tables: compact, vacuum, history, check."
    )
