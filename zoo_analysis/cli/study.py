"""Commands that rerun published experiments."""

import json
from pathlib import Path
from typing import Annotated

import typer

from zoo_analysis.cli.options import AddressOption, FormatOption, OutOption, StoreOption


def study(
    name: Annotated[str, typer.Argument(help="Of the study: see zoo studies.")],
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Trainings of each network; default: the study's own number."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, exists=True, help="Folder of published data; fetched by default."
        ),
    ] = None,
    store: StoreOption = None,
    address: AddressOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
    json_: Annotated[bool, typer.Option("--json", help="All of it as one JSON object.")] = False,
) -> None:
    """Rerun a published experiment small, and say whether its finding is seen here."""
    from zoo_analysis.cli.output import say, write_table
    from zoo_analysis.cli.progress import Bars
    from zoo_analysis.cluster.study import READER_COLUMNS
    from zoo_analysis.cluster.study import study as run
    from zoo_analysis.studies.trends.cells import beside

    with Bars() as bars:
        ran = run(
            name, store, seeds=seeds, address=address, data=data, on_progress=bars.on_progress
        )
    if json_:
        typer.echo(json.dumps(ran.as_dict()))
        return
    reader, cells = format in ("table", "markdown"), ran.outcome.cells
    if cells is not None:
        write_table(beside(cells) if reader else cells, format, output)
    if cells is None or (reader and output is None):
        write_table(ran.rows.select(READER_COLUMNS) if reader else ran.rows, format, output)
    words = [
        *ran.outcome.remarks,
        f"Published ({ran.study.source}): {ran.study.finding}.",
        ran.outcome.verdict,
    ]
    if format == "table":
        say("", *words)
    elif cells is not None:
        typer.echo("\n".join(words), err=True)


def studies(format: FormatOption = "table", output: OutOption = None) -> None:
    """List the studies: what was published, and how long a rerun takes on two cores."""
    from zoo_analysis.cli.output import write_table
    from zoo_analysis.studies.catalogue import list_studies

    write_table(list_studies(), format, output)
