"""Commands that rerun published experiments."""

from typing import Annotated

import typer

from zoo_analysis.cli.options import AddressOption, FormatOption, OutOption, StoreOption


def study(
    name: Annotated[str, typer.Argument(help="Of the study: see zoo studies.")],
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Trainings of each network; default: the study's own number."),
    ] = None,
    store: StoreOption = None,
    address: AddressOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Rerun a published experiment small, and say whether its finding is seen here."""
    from zoo_analysis.cli.output import say, write_report, write_table
    from zoo_analysis.cli.progress import Bars
    from zoo_analysis.cluster.study import READER_COLUMNS
    from zoo_analysis.cluster.study import study as run

    with Bars() as bars:
        ran = run(name, store, seeds=seeds, address=address, on_progress=bars.on_progress)
    brief = ran.rows.select(READER_COLUMNS)

    def show() -> None:
        write_table(brief)
        say("", f"Published ({ran.study.source}): {ran.study.finding}.")
        say(ran.outcome.verdict)

    write_report(ran.as_dict(), brief if format == "markdown" else ran.rows, show, format, output)


def studies(format: FormatOption = "table", output: OutOption = None) -> None:
    """List the studies: what was published, and how long a rerun takes on two cores."""
    from zoo_analysis.cli.output import write_table
    from zoo_analysis.studies.catalogue import list_studies

    write_table(list_studies(), format, output)
