"""`zoo scan`."""

from typing import TYPE_CHECKING, Annotated

import typer

from zoo_analysis.cli.options import (
    SOURCES_HELP,
    WEIGHT_CACHE,
    AddressOption,
    BlocksOption,
    DeviceOption,
    FormatOption,
    ModelMemoryOption,
    ModelSecondsOption,
    OutOption,
    StoreOption,
    VariantOption,
    WeightCacheOption,
    size,
    size_or_none,
    with_method,
)
from zoo_analysis.cluster.placement import DEVICE
from zoo_analysis.cluster.processes.task_limits import MODEL_SECONDS
from zoo_analysis.hub.access import DOWNLOADS
from zoo_analysis.spectra.methods import Method

if TYPE_CHECKING:
    from zoo_analysis.cluster.account import Summary


@with_method
def scan(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help=SOURCES_HELP)],
    how: Method,
    store: StoreOption = None,
    variant: VariantOption = "",
    device: DeviceOption = DEVICE,
    address: AddressOption = None,
    downloads: Annotated[
        int,
        typer.Option(
            min=1,
            help="From the hub at the same time, on the whole cluster.",
            envvar="ZOO_DOWNLOADS",
        ),
    ] = DOWNLOADS,
    cache_size: WeightCacheOption = WEIGHT_CACHE,
    model_seconds: ModelSecondsOption = MODEL_SECONDS,
    model_memory: ModelMemoryOption = None,
    deltas: Annotated[
        bool, typer.Option("--deltas", help="Also what each model changed of its base: zoo delta.")
    ] = False,
    blocks: BlocksOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only plan: see zoo plan.")] = False,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Measure every layer of every model and commit the rows to the store."""
    from zoo_analysis.cli.telling.progress import SCANNED, Bar, RunCounter
    from zoo_analysis.cli.telling.summaries import print_findings, print_scan, tell
    from zoo_analysis.cluster.scan import scan as run

    limit = size(cache_size)
    memory = size_or_none(model_memory)
    if dry_run:
        from zoo_analysis.cli.plan import print_plan
        from zoo_analysis.cluster.planning.forecast import plan

        priced = plan(
            sources,
            store,
            how,
            variant=variant,
            device=device,
            address=address,
            model_seconds=model_seconds,
            blocks=blocks,
        )
        print_plan(priced, format, output, json_=format == "json")
        return
    with Bar("scanning") as bar:
        counter = RunCounter(bar, SCANNED, by_bytes=True)
        summary = run(
            sources,
            store,
            how,
            variant=variant,
            device=device,
            address=address,
            downloads=downloads,
            cache_size=limit,
            model_seconds=model_seconds,
            model_memory=memory,
            deltas=deltas,
            blocks=blocks,
            on_event=counter.on_event,
            on_start=counter.on_start,
        )

    def show(summary: "Summary") -> None:
        print_scan(summary)
        print_findings(summary, store)

    tell(summary, show, format, output)
