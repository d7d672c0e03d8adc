"""`zoo plot`: the figures of a store, as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zoo_analysis.cli.options import StoreOption
from zoo_analysis.cli.statistics import MethodOption

if TYPE_CHECKING:
    import altair as alt

app = typer.Typer(
    name="plot",
    help="Figures: PNG, SVG, PDF, HTML that needs no network, or Vega-Lite's JSON.",
    no_args_is_help=True,
)

FileOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write there: .png, .svg, .pdf, .html or .json.",
        show_default="NAME.png in the working directory",
    ),
]
ModelArgument = Annotated[str, typer.Argument(help="Repository id, or a unique part of one.")]
LayerArgument = Annotated[str, typer.Argument(help="Its name, or a unique part of it.")]
RevisionOption = Annotated[str | None, typer.Option(help="Default: the one scanned last.")]


@app.command()
def esd(
    model: ModelArgument,
    layer: LayerArgument,
    form: Annotated[
        Literal["density", "ccdf"], typer.Option(help="Density, or share of eigenvalues ≥ λ.")
    ] = "density",
    revision: RevisionOption = None,
    method: MethodOption = None,
    store: StoreOption = None,
    output: FileOption = None,
) -> None:
    """The spectrum of a layer with its power law, Marchenko–Pastur bulk and spikes."""
    from zoo_analysis.report import figures

    chart = figures.esd(store, model, layer, form=form, revision=revision, method=method)
    _write(chart, output, "esd", model, layer)


@app.command()
def depth(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Set over each other.")],
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Column of `layers`; repeatable.")
    ] = None,
    colour: Annotated[
        Literal["kind", "role", "model"] | None, typer.Option(help="What colours tell apart.")
    ] = None,
    method: MethodOption = None,
    store: StoreOption = None,
    output: FileOption = None,
) -> None:
    """α and other metrics of layers over depth, with what the diagnoses find."""
    from zoo_analysis.report import figures

    more = {"metrics": metric} if metric else {}
    chart = figures.depth(store, models, **more, colour=colour, method=method)
    _write(chart, output, "depth", *models)


def _write(chart: "alt.TopLevelMixin", output: Path | None, *words: str) -> None:
    """Write a chart, and print the file's name where the command line did not say it."""
    from zoo_analysis.cli.output import say
    from zoo_analysis.report import figures

    file = figures.save(chart, output or Path(figures.file_name(*words)))
    if output is None:
        say(str(file))
