"""`zoo plot`: the figures of a store, as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zoo_analysis.answers.defaults import BY, MIN_MODELS, QUALITY, RANKED_BY, By
from zoo_analysis.cli.options import StoreOption
from zoo_analysis.cli.similarity import LayersOption, ModeOption, NeuronsOption, ProbeOption
from zoo_analysis.cli.statistics import (
    AccuracyOption,
    DatasetOption,
    MethodOption,
    PredictorOption,
    QualityOption,
    WhereOption,
)

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
MeasureArgument = Annotated[str, typer.Argument(help="See zoo measures.")]
ByOption = Annotated[By, typer.Option(help="One regression a series or library, or over all.")]
FewestOption = Annotated[int, typer.Option(help="Fewest models of a regression.")]
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


@app.command()
def xmin(
    model: ModelArgument,
    layer: LayerArgument,
    revision: RevisionOption = None,
    method: MethodOption = None,
    store: StoreOption = None,
    output: FileOption = None,
) -> None:
    """D and α of a layer's power law at every candidate for xmin."""
    from zoo_analysis.report import figures

    chart = figures.xmin(store, model, layer, revision=revision, method=method)
    _write(chart, output, "xmin", model, layer)


@app.command()
def regression(
    metric: Annotated[
        str, typer.Argument(help="Metric of `summaries`, or likeness:MEASURE:REFERENCE.")
    ],
    by: ByOption = BY,
    dataset: DatasetOption = None,
    accuracy: AccuracyOption = None,
    where: WhereOption = None,
    min_models: FewestOption = MIN_MODELS,
    method: MethodOption = None,
    quality: QualityOption = QUALITY,
    store: StoreOption = None,
    output: FileOption = None,
) -> None:
    """Reported accuracy against a metric, with lines and their 95 % bands."""
    from zoo_analysis.report import figures

    chart = figures.regression(
        store,
        metric,
        by=by,
        dataset=dataset,
        accuracy=accuracy,
        method=method,
        where=where,
        min_models=min_models,
        quality=quality,
    )
    _write(chart, output, "regression", metric)


@app.command()
def metrics(
    metric: PredictorOption = None,
    by: ByOption = BY,
    dataset: DatasetOption = None,
    accuracy: AccuracyOption = None,
    where: WhereOption = None,
    min_models: FewestOption = MIN_MODELS,
    method: MethodOption = None,
    store: StoreOption = None,
    output: FileOption = None,
) -> None:
    """Kendall's τ of every metric and the accuracy, for every series."""
    from zoo_analysis.report import figures

    chart = figures.metrics(
        store,
        metric or (),
        by=by,
        dataset=dataset,
        accuracy=accuracy,
        method=method,
        where=where,
        min_models=min_models,
    )
    _write(chart, output, "metrics")


@app.command()
def matrix(
    measure: MeasureArgument,
    probe: ProbeOption = None,
    mode: ModeOption = None,
    neurons: NeuronsOption = None,
    layers: LayersOption = None,
    store: StoreOption = None,
    output: FileOption = None,
) -> None:
    """Similarities of all models with all, clustered, with the dendrogram."""
    from zoo_analysis.report import figures

    chart = figures.matrix(store, measure, probe=probe, mode=mode, neurons=neurons, layers=layers)
    _write(chart, output, "matrix", measure)


@app.command("map")
def map_(
    measure: MeasureArgument,
    colour: Annotated[
        Literal["series", "accuracy"], typer.Option(help="What colours tell apart.")
    ] = "series",
    probe: ProbeOption = None,
    mode: ModeOption = None,
    neurons: NeuronsOption = None,
    layers: LayersOption = None,
    store: StoreOption = None,
    output: FileOption = None,
) -> None:
    """Models in the plane by the distances of a measure."""
    from zoo_analysis.report import figures

    chart = figures.map(
        store, measure, colour=colour, probe=probe, mode=mode, neurons=neurons, layers=layers
    )
    _write(chart, output, "map", measure)


@app.command()
def layers(
    a: Annotated[str, typer.Argument(metavar="A", help="Model, or a unique part of its name.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other.")],
    measure: MeasureArgument,
    probe: ProbeOption = None,
    store: StoreOption = None,
    output: FileOption = None,
) -> None:
    """Similarities of two models layer by layer."""
    from zoo_analysis.report import figures

    _write(figures.layers(store, a, b, measure, probe=probe), output, "layers", a, b, measure)


@app.command()
def lineage(store: StoreOption = None, output: FileOption = None) -> None:
    """Families of models as trees, by what zoo lineage found."""
    from zoo_analysis.report import figures

    _write(figures.lineage(store), output, "lineage")


@app.command()
def history(
    run: Annotated[
        str | None, typer.Argument(help="Run: what its checkpoints' names have before the steps.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Column of `summaries`; repeatable.")
    ] = None,
    method: MethodOption = None,
    store: StoreOption = None,
    output: FileOption = None,
) -> None:
    """Averages of the checkpoints of a training run, in their order."""
    from zoo_analysis.report import figures

    chart = figures.history(store, run, metric or (), method=method)
    _write(chart, output, "history", *([run] if run else []))


@app.command()
def coverage(
    series: Annotated[str | None, typer.Option(help="Only models of this series.")] = None,
    store: StoreOption = None,
    output: FileOption = None,
) -> None:
    """Shares of models that were measured, reasons for the rest, causes of failures."""
    from zoo_analysis.report import figures

    _write(figures.coverage(store, series=series), output, "coverage")


@app.command()
def releases(
    since: Annotated[str | None, typer.Option(help="Seen since: 7d, 12h, 2025-01-31.")] = None,
    watch: Annotated[str | None, typer.Option(help="Only on this watch.")] = None,
    metric: Annotated[
        str, typer.Option(help="Metric whose line new models are compared with.")
    ] = RANKED_BY[0],
    store: StoreOption = None,
    output: FileOption = None,
) -> None:
    """Releases over time on each watch, and new models against their series."""
    from zoo_analysis.report import figures
    from zoo_analysis.sources.watch import parse_since

    told = parse_since(since) if since else None
    chart = figures.releases(store, since=told, watch=watch, metric=metric)
    _write(chart, output, "releases", *([watch] if watch else []))


@app.command()
def predictions(
    dataset: DatasetOption = None, store: StoreOption = None, output: FileOption = None
) -> None:
    """Predicted accuracies with intervals, against what was reported afterwards."""
    from zoo_analysis.report import figures

    chart = figures.predictions(store, dataset=dataset)
    _write(chart, output, "predictions", *([dataset] if dataset else []))


def _write(chart: "alt.TopLevelMixin", output: Path | None, *words: str) -> None:
    """Write a chart, and print the file's name where the command line did not say it."""
    from zoo_analysis.cli.output import say
    from zoo_analysis.report import figures

    file = figures.save(chart, output or Path(figures.file_name(*words)))
    if output is None:
        say(str(file))
