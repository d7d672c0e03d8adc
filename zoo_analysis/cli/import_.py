"""`zoo import`: metric tables computed elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from zoo_analysis.cli.options import FormatOption, OutOption, StoreOption
from zoo_analysis.imports.levels import LEVEL, Level


def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV or Parquet tables of metrics.")
    ],
    weightwatcher: Annotated[
        bool,
        typer.Option("--weightwatcher", help="They are WeightWatcher's details or summaries."),
    ] = False,
    level: Annotated[
        Level, typer.Option(help="Rows of WeightWatcher's tables before 0.4: layers or slices.")
    ] = LEVEL,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=NAME", help="What a column is; repeatable."),
    ] = None,
    series: Annotated[str | None, typer.Option(help="Of models that name none.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Of accuracies that name none.")] = None,
    method: Annotated[
        str | None,
        typer.Option(help="What made the numbers; default weightwatcher, or the file's name."),
    ] = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Make models of metric tables computed elsewhere, to be asked like any other."""
    from zoo_analysis.cli.output import counted, say, write_summary
    from zoo_analysis.errors import ZooError
    from zoo_analysis.imports.commit import import_tables
    from zoo_analysis.store import open_store

    mapping = {}
    for text in map_ or []:
        column, equals, name = text.rpartition("=")
        if not equals or not column or not name:
            raise ZooError(f"--map {text!r} is not COLUMN=NAME")
        mapping[column] = name
    opened = open_store(store)
    summary = import_tables(
        opened,
        files,
        weightwatcher=weightwatcher,
        mapping=mapping,
        series=series,
        dataset=dataset,
        method=method,
        level=level,
    )

    def show() -> None:
        reported = "1 accuracy" if summary.accuracies == 1 else f"{summary.accuracies:,} accuracies"
        say(
            f"{counted(summary.models, 'model')} imported, {summary.known} there already; "
            f"{counted(summary.layers, 'layer')}, {reported}",
            f"store {opened.uri}, method {', '.join(summary.methods) or 'none'}",
        )
        if summary.ignored:
            say(f"not used: {', '.join(summary.ignored)}")

    write_summary({**summary.as_dict(), "store": opened.uri}, show, format, output)
