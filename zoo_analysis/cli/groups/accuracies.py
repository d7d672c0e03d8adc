"""`zoo accuracies`: what is reported of models, by whom."""

from dataclasses import asdict
from typing import Annotated

import typer

from zoo_analysis.cli.options import FormatOption, OutOption, StoreOption

app = typer.Typer(
    name="accuracies",
    help="Reported accuracies and their sources.",
    no_args_is_help=True,
)


@app.command()
def sync(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH|URL]...",
            help="Of tables; with --from timm-csv, open-llm-leaderboard or csv.",
        ),
    ] = None,
    from_: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="Whose numbers (zoo accuracies sources); repeatable. "
            "Default: card and eval-results.",
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="NAME=COLUMN", help="csv: repo_id, dataset, metric, value…"),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="csv: what no column says."),
    ] = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Bring reported accuracies up to date; all that sources report is kept with its source."""
    from zoo_analysis.cli.output import counted, say, write_summary
    from zoo_analysis.cli.telling.summaries import print_remarks
    from zoo_analysis.imports.accuracy_sync import SOURCES, sync_accuracies

    done = sync_accuracies(
        store,
        from_ or SOURCES,
        places=places or (),
        columns=_pairs(map_, "--map"),
        fixed=_pairs(set_, "--set"),
    )

    def show() -> None:
        accuracies = "1 accuracy" if done.accuracies == 1 else f"{done.accuracies:,} accuracies"
        say(f"{accuracies} reported of {counted(done.models, 'model')}")
        print_remarks(done.remarks)

    write_summary(asdict(done), show, format, output)


@app.command()
def sources(format: FormatOption = "table", output: OutOption = None) -> None:
    """List those who can be asked for accuracies: whose numbers they have, and what they need."""
    from zoo_analysis.cli.output import write_table
    from zoo_analysis.sources.reported import accuracy_sources

    write_table(accuracy_sources(), format, output)


@app.command()
def show(
    model: Annotated[str | None, typer.Argument(help="A part of the repository's id.")] = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Show what is reported, by which source."""
    from zoo_analysis.answers.accuracies import accuracies_reported
    from zoo_analysis.answers.remarks.no_rows import why_empty
    from zoo_analysis.cli.output import write_answer

    table = accuracies_reported(store, model)
    given = f"is of a model with {model!r} in its id" if model else ""
    write_answer(table, None if len(table) else why_empty(store, "accuracy", given), format, output)


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    from zoo_analysis.errors import ZooError

    out = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise ZooError(f"{option} {text!r}: write NAME=VALUE")
        out[name] = value
    return out
