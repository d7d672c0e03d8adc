"""Commands that set models side by side."""

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zoo_analysis.answers.defaults import NEAREST
from zoo_analysis.cli.options import (
    SOURCES_HELP,
    AddressOption,
    DeviceOption,
    FormatOption,
    OutOption,
    StoreOption,
    size,
)

if TYPE_CHECKING:
    from rich.console import Console

    from zoo_analysis.cli.progress import Bar
    from zoo_analysis.cluster.correlate_book import CorrelateEvent, CorrelateSummary

#: Failures named in the summary; the rest are in the table.
_NAMED = 10

MeasureOption = Annotated[str, typer.Option(help="See zoo measures.")]
ProbeOption = Annotated[
    str | None, typer.Option(help="Only numbers over the probe whose id begins with this.")
]
ModeOption = Annotated[Literal["full", "partial"] | None, typer.Option(help="Only of this mode.")]
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
        typer.Option(help="Names of zoo measures, with commas between; default neuronal."),
    ] = None,
    mode: Annotated[
        Literal["full", "partial"],
        typer.Option(help="Every layer with every layer, or those of the same output size."),
    ] = "full",
    neurons: Annotated[
        Literal["channel", "unit", "published"],
        typer.Option(help="Channels, channel-positions, or the first channel's positions."),
    ] = "channel",
    layers: Annotated[
        str, typer.Option(metavar="all|last|N|REGEX", help="Layers; N of them evenly spaced.")
    ] = "all",
    probe: Annotated[
        str | None,
        typer.Option(
            help="photos, digits, mnist5k, noise, text, a directory of images or a .txt file.",
            show_default="photos; text for language models",
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=2, help="Of the probe, at most.")] = 512,
    positions: Annotated[
        int | None,
        typer.Option(min=1, help="Positions a side kept of a layer.", show_default="4"),
    ] = None,
    device: DeviceOption = "auto",
    address: AddressOption = None,
    cache_size: Annotated[
        str, typer.Option(help="Disk of each node for activations, kept from run to run.")
    ] = "20GB",
    store: StoreOption = None,
    json_: Annotated[bool, typer.Option("--json", help="The summary as one JSON object.")] = False,
) -> None:
    """Compare models pair by pair, layer by layer, and commit the numbers to the store."""
    from zoo_analysis.cli.progress import Bar
    from zoo_analysis.cluster.correlate import correlate as run
    from zoo_analysis.errors import ZooError

    if reference is not None and all_pairs:
        raise ZooError("--reference compares with one model, --all-pairs with all: leave one out")
    names = [name.strip() for text in measure or ["neuronal"] for name in text.split(",")]
    with Bar("comparing") as bar:
        counter = CorrelateCounter(bar)
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
            device=device,
            address=address,
            cache_size=size(cache_size),
            on_event=counter.on_event,
            on_start=counter.on_start,
        )
    if json_:
        typer.echo(json.dumps(summary.as_dict()))
    else:
        print_summary(summary)
    if summary.failed:
        raise typer.Exit(3)


def similar(
    model: Annotated[str, typer.Argument(help="Repository id, or a unique part of one.")],
    measure: MeasureOption = "neuronal",
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
    measure: MeasureOption = "neuronal",
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
    """List the measures of likeness: range, direction, invariances, source."""
    from zoo_analysis.answers import similarity
    from zoo_analysis.cli.output import write_table

    write_table(similarity.measures(), format, output)


class CorrelateCounter:
    """What a progress bar says of a comparison: models seen, pairs and failures so far."""

    def __init__(self, bar: "Bar") -> None:
        self.bar = bar
        self.models = self.captured = self.pairs = self.failed = 0

    def on_start(self, models: int, steps: int) -> None:
        self.models = models
        self.bar.start(steps)

    def on_event(self, event: "CorrelateEvent") -> None:
        self.captured += event.kind == "captured"
        self.pairs += event.kind == "compared"
        self.failed += event.kind == "failed"
        failures = f", {self.failed} failed" if self.failed else ""
        self.bar.advance(
            1, f"{self.captured}/{self.models} models seen, {self.pairs} comparisons{failures}"
        )


def print_summary(summary: "CorrelateSummary", console: "Console | None" = None) -> None:
    """The summary for a person, on standard output."""
    from rich.console import Console

    console = console or Console(soft_wrap=True, highlight=False)
    console.print(
        f"{summary.pairs} pairs of {summary.models} models compared, {summary.skipped} skipped "
        f"(already there), {summary.failed} failed; {summary.rows} rows in {summary.seconds:.1f} s"
    )
    console.print(
        f"{summary.forwarded} models run, {summary.cached} known from an earlier run; "
        f"probe {', '.join(summary.probes) or 'none'}; store {summary.store}"
    )
    if summary.apart:
        console.print(
            f"{summary.apart} pairs of an image and a language model left out: nothing can be "
            "shown to both"
        )
    if summary.incomparable:
        console.print(f"{summary.incomparable} numbers cannot be had:")
    for reason in summary.reasons:
        console.print(f"  {reason}", markup=False)
    for failed in summary.failures[:_NAMED]:
        console.print(
            f"failed: {failed.ref.repo_id} ({failed.stage}): {failed.message}", markup=False
        )
    if len(summary.failures) > _NAMED:
        console.print(f"… and {len(summary.failures) - _NAMED} more: zoo query failures")


def register(app: typer.Typer) -> None:
    """Add these commands to the `zoo` command."""
    for command in (correlate, similar, matrix, measures):
        app.command()(command)
