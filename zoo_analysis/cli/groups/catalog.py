"""`zoo catalog`: the collections of models that come with the package, and the user's own."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from zoo_analysis.cli.options import FormatOption, OutOption

app = typer.Typer(
    name="catalog",
    help="Collections of models, shipped and your own.",
    no_args_is_help=True,
)


@app.command("list")
def list_(format: FormatOption = "table", output: OutOption = None) -> None:
    """The catalogues there are."""
    from zoo_analysis.cli.output import write_table
    from zoo_analysis.sources.catalogues.overview import list_catalogues

    write_table(list_catalogues(), format, output)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A catalogue's name, or its file.")],
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Show what a catalogue holds; nobody is asked."""
    from zoo_analysis.cli.output import write_table
    from zoo_analysis.sources.catalogues.overview import catalogue_members

    write_table(catalogue_members(name), format, output)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="One of your catalogues, or a new one.")],
    repositories: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OWNER/NAME[@REVISION]...", help="On the hub; with --from the table instead."
        ),
    ] = None,
    from_: Annotated[
        Literal["hub-stats"] | None,
        typer.Option(
            "--from",
            help="Ask a table of the hub's metadata (PATH or URL), now, instead of the hub.",
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Take over this catalogue's file instead.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Of a new catalogue.")] = None,
    series: Annotated[str | None, typer.Option(help="Of what is added.")] = None,
    author: Annotated[str | None, typer.Option(help="Query: user or organisation.")] = None,
    filter_: Annotated[
        list[str] | None, typer.Option("--filter", help="Query: a tag; repeatable.")
    ] = None,
    pipeline_tag: Annotated[str | None, typer.Option(help="Query: task.")] = None,
    search: Annotated[str | None, typer.Option(help="Query: part of a name.")] = None,
    min_parameters: Annotated[int | None, typer.Option(help="Query: at least.")] = None,
    max_parameters: Annotated[int | None, typer.Option(help="Query: at most.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Query: models at most.")] = None,
    sort: Annotated[
        str | None, typer.Option(help="Query: downloads, likes, created_at, last_modified.")
    ] = None,
) -> None:
    """Add repositories or a query to a catalogue of your own."""
    from zoo_analysis.cli.output import counted, say
    from zoo_analysis.errors import ZooError
    from zoo_analysis.hub.query import HubQuery
    from zoo_analysis.sources.catalogues.edit import add_to_catalogue, copy_catalogue
    from zoo_analysis.sources.catalogues.hub_stats import found_in_stats

    if file is not None:
        made = copy_catalogue(file, name)
    else:
        query = HubQuery(
            author=author,
            filter=tuple(filter_ or ()),
            pipeline_tag=pipeline_tag,
            search=search,
            min_parameters=min_parameters,
            max_parameters=max_parameters,
            limit=limit,
            sort=sort,
        )
        if from_ is not None:
            if len(repositories or ()) != 1:
                raise ZooError(f"--from {from_} takes one table, a path or URL, behind the name")
            found = found_in_stats((repositories or [""])[0], query)
            odd = f", {found.malformed} left out (malformed)" if found.malformed else ""
            say(f"{len(found.repositories):,} of {found.of:,} models{odd}")
            repositories, query = list(found.repositories), HubQuery()
        made = add_to_catalogue(name, repositories or (), query, series, title)
    queries = len(made.queries)
    say(
        f"{made.path}: {counted(len(made.models), 'model')}, "
        f"{queries} {'query' if queries == 1 else 'queries'}"
    )


@app.command("osmr-2021")
def osmr_2021(
    weights: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="With files of pytorchcv, such as ~/.torch/models."),
    ],
    data: Annotated[
        Path | None, typer.Option(help="Folder with the authors' tables, instead of fetching them.")
    ] = None,
) -> None:
    """Write the catalogue of the 2021 paper's models whose weights a folder has, beside them."""
    from zoo_analysis.cli.output import counted, say, say_whole
    from zoo_analysis.studies.trends.osmr_catalogue import osmr_catalogue

    zoo = osmr_catalogue(weights, data)
    path, models = zoo.catalogue.path, zoo.catalogue.models
    say(
        f"{path}: {counted(len(models), 'model')} with reported accuracies; "
        f"{len(zoo.missing)} of the paper's have no file there. Then:"
    )
    dataset = models[0].accuracies[0].dataset
    say_whole(f"  zoo scan {path}", f"  zoo regress --dataset {dataset} --metric log_alpha_norm")
