"""Commands that set models side by side."""

from typing import Annotated

import typer

from zoo_analysis.activations.pooling import POSITIONS, Neurons
from zoo_analysis.answers.defaults import NEAREST
from zoo_analysis.cli.options import (
    CACHE_SIZE,
    SOURCES_HELP,
    AddressOption,
    DeviceOption,
    FormatOption,
    ModelMemoryOption,
    ModelSecondsOption,
    OutOption,
    StoreOption,
    size,
    size_or_none,
    size_text,
)
from zoo_analysis.cluster.placement import DEVICE
from zoo_analysis.cluster.processes.task_limits import MODEL_SECONDS
from zoo_analysis.pairwise.settings import (
    ACTIVATION_BYTES,
    MEASURE,
    SAMPLES,
    ComparisonSettings,
    Mode,
)

MeasureOption = Annotated[str, typer.Option(help="See zoo measures.")]
ProbeOption = Annotated[
    str | None, typer.Option(help="Only numbers over the probe whose id begins with this.")
]
ModeOption = Annotated[Mode | None, typer.Option(help="Only of this mode.")]
NeuronsOption = Annotated[str | None, typer.Option(help="Only of neurons counted this way.")]
LayersOption = Annotated[str | None, typer.Option(help="Only of this selection of layers.")]


def correlate(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help=SOURCES_HELP)],
    reference: Annotated[
        str | None, typer.Option(help="Compare each model with this one: a model, or a source.")
    ] = None,
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="Each with each: so without --reference.")
    ] = False,
    measure: Annotated[
        list[str] | None,
        typer.Option(help=f"Names of zoo measures, with commas between; default {MEASURE}."),
    ] = None,
    mode: Annotated[
        Mode, typer.Option(help="Every layer with every layer, or those of the same output size.")
    ] = ComparisonSettings.mode,
    neurons: Annotated[
        Neurons,
        typer.Option(help="Channels, channel-positions, or the first channel's positions."),
    ] = ComparisonSettings.neurons,
    layers: Annotated[
        str, typer.Option(metavar="all|last|N|REGEX", help="Layers; N of them evenly spaced.")
    ] = ComparisonSettings.layers,
    probe: Annotated[
        str | None,
        typer.Option(
            help="photos, digits, mnist5k, noise, text, a directory of images or a .txt file.",
            show_default="photos; text for language models",
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=2, help="Of the probe, at most.")] = SAMPLES,
    positions: Annotated[
        int | None,
        typer.Option(min=1, help="Positions a side kept of a layer.", show_default=str(POSITIONS)),
    ] = None,
    calibrate: Annotated[
        int,
        typer.Option(min=0, help="Permutations of samples, for p-values and calibrated values."),
    ] = 0,
    device: DeviceOption = DEVICE,
    address: AddressOption = None,
    cache_size: Annotated[
        str,
        typer.Option(
            help="Disk of each node for activations, kept from run to run.", envvar=CACHE_SIZE
        ),
    ] = size_text(ACTIVATION_BYTES),
    model_seconds: ModelSecondsOption = MODEL_SECONDS,
    model_memory: ModelMemoryOption = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Compare models pair by pair, layer by layer, and commit the numbers to the store."""
    from zoo_analysis.cli.telling.progress import COMPARED, Bar, RunCounter
    from zoo_analysis.cli.telling.summaries import print_comparison, tell
    from zoo_analysis.cluster.correlate import correlate as run
    from zoo_analysis.errors import ZooError

    if reference is not None and all_pairs:
        raise ZooError("--reference compares with one model, --all-pairs with all: leave one out")
    names = [name.strip() for text in measure or [MEASURE] for name in text.split(",")]
    with Bar("comparing") as bar:
        counter = RunCounter(bar, COMPARED, by_bytes=False)
        summary = run(
            sources,
            store,
            measures=names,
            reference=reference,
            mode=mode,
            neurons=neurons,
            layers=layers,
            probe=probe,
            samples=samples,
            positions=positions,
            calibrate=calibrate,
            device=device,
            address=address,
            cache_size=size(cache_size),
            model_seconds=model_seconds,
            model_memory=size_or_none(model_memory),
            on_event=counter.on_event,
            on_start=counter.on_start,
        )
    tell(summary, print_comparison, format, output)


def similar(
    model: Annotated[str, typer.Argument(help="Repository id, or a unique part of one.")],
    measure: MeasureOption = MEASURE,
    limit: Annotated[int, typer.Option(min=1, help="Models.")] = NEAREST,
    probe: ProbeOption = None,
    mode: ModeOption = None,
    neurons: NeuronsOption = None,
    layers: LayersOption = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """List the models most like one, with their reported accuracies."""
    from zoo_analysis.answers import similarity
    from zoo_analysis.cli.output import write_table

    table = similarity.similar(
        store, model, measure, limit, probe=probe, mode=mode, neurons=neurons, layers=layers
    )
    write_table(table, format, output)


def matrix(
    measure: MeasureOption = MEASURE,
    probe: ProbeOption = None,
    mode: ModeOption = None,
    neurons: NeuronsOption = None,
    layers: LayersOption = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Show the likeness of all models, each with each, as a matrix for a heatmap."""
    from zoo_analysis.answers import similarity
    from zoo_analysis.cli.output import write_table

    table = similarity.matrix(
        store, measure, probe=probe, mode=mode, neurons=neurons, layers=layers
    )
    write_table(table, format, output)


def measures(format: FormatOption = "table", output: OutOption = None) -> None:
    """List the measures of likeness: range, direction, invariances, needs, source."""
    from zoo_analysis.answers import similarity
    from zoo_analysis.cli.output import write_table

    write_table(similarity.measures(), format, output)
