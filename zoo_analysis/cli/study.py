"""Commands that rerun published experiments."""

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
) -> None:
    """Rerun a published experiment small, and say whether its finding is seen here."""
    from zoo_analysis.cli.output import say, write_report, write_table
    from zoo_analysis.cli.telling.progress import Bars
    from zoo_analysis.cluster.study import READER_COLUMNS
    from zoo_analysis.cluster.study import study as run
    from zoo_analysis.studies.trends.printed_cells import beside

    with Bars() as bars:
        ran = run(
            name, store, seeds=seeds, address=address, data=data, on_progress=bars.on_progress
        )
    brief, cells = ran.rows.select(READER_COLUMNS), ran.outcome.cells
    words = [
        ran.outcome.verdict,
        f"Published ({ran.study.source}): {ran.study.finding}.",
    ]

    def show() -> None:
        say(*words, "")
        if cells is not None:
            say("Figures as printed; where the recomputed one is another, as printed ≠ recomputed:")
            write_table(beside(cells))
            say("", "Estimates over these:")
        write_table(brief)
        if ran.outcome.remarks:
            say("", *ran.outcome.remarks)

    if cells is None or format == "table":
        rows = brief if format == "markdown" else ran.rows
        write_report(ran.as_dict(), rows, show, format, output)
        return
    # Figures beside figures are the result; what is said of them goes beside it.
    write_table(beside(cells) if format == "markdown" else cells, format, output)
    say(*words, *ran.outcome.remarks, error=True)


def studies(format: FormatOption = "table", output: OutOption = None) -> None:
    """List the studies: what was published, and how long a rerun takes on two cores."""
    from zoo_analysis.cli.output import write_table
    from zoo_analysis.studies.catalogue import list_studies

    write_table(list_studies(), format, output)
