"""`zoo scan`: its options, its progress and its summary."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from zoo_analysis.cli.options import (
    SOURCES_HELP,
    AddressOption,
    ConvolutionOption,
    DeviceOption,
    MethodOption,
    PrecisionOption,
    StoreOption,
    size,
)

if TYPE_CHECKING:
    from rich.console import Console

    from zoo_analysis.cli.progress import Bar
    from zoo_analysis.cluster.summary import Event, Summary

#: Failures named in the summary; the rest are in the table.
_NAMED = 10


def scan(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help=SOURCES_HELP)],
    store: StoreOption = None,
    method: MethodOption = "default",
    conv2d: ConvolutionOption = None,
    dtype: PrecisionOption = None,
    randomize: Annotated[
        bool, typer.Option("--randomize", help="Also the spectrum of shuffled weights.")
    ] = False,
    alternatives: Annotated[
        bool, typer.Option("--alternatives", help="Also compare other tails by likelihood ratio.")
    ] = False,
    split_qkv: Annotated[
        bool, typer.Option("--split-qkv", help="Also q, k, v of fused projections.")
    ] = False,
    max_fingers: Annotated[
        int, typer.Option(min=0, help="Drop up to this many outlying top eigenvalues.")
    ] = 0,
    device: DeviceOption = "auto",
    address: AddressOption = None,
    downloads: Annotated[
        int, typer.Option(min=1, help="From the hub at the same time, on the whole cluster.")
    ] = 16,
    cache_size: Annotated[
        str, typer.Option(help="Disk of each node for weights that cannot be streamed.")
    ] = "20GB",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only plan: see zoo plan.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="The summary as one JSON object.")] = False,
) -> None:
    """Measure every layer of every model and commit the rows to the store."""
    from zoo_analysis.cli.progress import Bar
    from zoo_analysis.cluster.scan import scan as run
    from zoo_analysis.spectra import method as made

    changes = {
        "conv2d": conv2d,
        "dtype": dtype,
        "randomize": randomize,
        "alternatives": alternatives,
        "split_qkv": split_qkv,
        "max_fingers": max_fingers,
    }
    how = made(method, **{name: value for name, value in changes.items() if value})
    limit = size(cache_size)
    if dry_run:
        from zoo_analysis.cli.plan import print_plan
        from zoo_analysis.cluster.forecast import plan

        print_plan(plan(sources, store, how, address=address), json_=json_)
        return
    with Bar("scanning") as bar:
        counter = ScanCounter(bar)
        summary = run(
            sources,
            store,
            how,
            device=device,
            address=address,
            downloads=downloads,
            cache_size=limit,
            on_event=counter.on_event,
            on_start=counter.on_start,
        )
    if json_:
        typer.echo(json.dumps(summary.as_dict()))
    else:
        print_summary(summary)
    if summary.failed:
        raise typer.Exit(3)


class ScanCounter:
    """What a progress bar says of a scan: models, layers and failures so far."""

    def __init__(self, bar: "Bar") -> None:
        self.bar = bar
        self.models = self.done = self.failed = self.layers = 0

    def on_start(self, models: int, size: int) -> None:
        self.models = models
        self.bar.start(size)

    def on_event(self, event: "Event") -> None:
        self.layers += event.layers
        self.done += event.kind in ("scanned", "skipped")
        self.failed += event.kind == "failed"
        failures = f", {self.failed} failed" if self.failed else ""
        self.bar.advance(
            event.bytes, f"{self.done}/{self.models} models, {self.layers} layers{failures}"
        )


def print_summary(summary: "Summary", console: "Console | None" = None) -> None:
    """The summary for a person, on standard output."""
    from rich.console import Console

    console = console or Console(soft_wrap=True, highlight=False)
    console.print(
        f"{summary.scanned} scanned, {summary.skipped} skipped (already there), "
        f"{summary.failed} failed; {summary.layers} layers in {summary.seconds:.1f} s"
    )
    console.print(f"store {summary.store}, method {summary.method}")
    for failed in summary.failures[:_NAMED]:
        console.print(
            f"failed: {failed.ref.repo_id} ({failed.stage}): {failed.message}", markup=False
        )
    if len(summary.failures) > _NAMED:
        console.print(f"… and {len(summary.failures) - _NAMED} more: zoo query failures")


def register(app: typer.Typer) -> None:
    """Add this command to the `zoo` command."""
    app.command()(scan)
