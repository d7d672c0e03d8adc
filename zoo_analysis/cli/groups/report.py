"""`zoo report`: a folder of pages of a store."""

from pathlib import Path
from typing import Annotated

import typer

from zoo_analysis.answers.defaults import REPORT_FOLDER, REPORT_TITLE
from zoo_analysis.cli.options import StoreOption
from zoo_analysis.cli.statistics import WhereOption


def report(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="New, empty, or of an earlier report."),
    ] = Path(REPORT_FOLDER),
    where: WhereOption = None,
    title: Annotated[str, typer.Option(help="Of the report.")] = REPORT_TITLE,
    store: StoreOption = None,
) -> None:
    """Pages that open from disk: leaderboard, series, models, spectra, similarities, lineage."""
    build(store, output, where, title)


def build(
    store: str | None,
    folder: Path,
    where: str | None = None,
    title: str = REPORT_TITLE,
    *,
    err: bool = False,
) -> None:
    """Make a report, and print where it is and what was written.

    Args:
        store: as `open_store` takes it.
        folder: of the report.
        where: a condition on models.
        title: of the report.
        err: print on standard error.
    """
    from zoo_analysis.cli.output import counted
    from zoo_analysis.cli.telling.progress import Bars
    from zoo_analysis.report.page.build import build_report
    from zoo_analysis.texts import printable, size_in_words

    with Bars() as bars:
        made = build_report(
            store,
            folder,
            where=where,
            title=title,
            on_models=lambda done, models: bars.on_progress("pages of models", done, models),
        )
    told = (
        f"{counted(made.models, 'model')}: {counted(made.written, 'file')} written, "
        f"{made.unchanged:,} as before, {made.removed:,} removed; {size_in_words(made.bytes)} in "
        f"{made.seconds:.1f} s"
    )
    typer.echo(printable(told), err=err)
    typer.echo(printable(made.index), err=err)
