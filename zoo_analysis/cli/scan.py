"""`zoo scan`."""

from typing import Annotated

import typer

from zoo_analysis.cli.options import (
    SOURCES_HELP,
    AddressOption,
    DeviceOption,
    FormatOption,
    OutOption,
    StoreOption,
    VariantOption,
    size,
    size_text,
    with_method,
)
from zoo_analysis.cluster.placement import DEVICE
from zoo_analysis.cluster.task_limits import MODEL_SECONDS
from zoo_analysis.hub.access import CACHE_BYTES, DOWNLOADS
from zoo_analysis.spectra.methods import Method


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
    cache_size: Annotated[
        str,
        typer.Option(
            help="Disk of each node for weights that cannot be streamed.", envvar="ZOO_CACHE_SIZE"
        ),
    ] = size_text(CACHE_BYTES),
    model_seconds: Annotated[
        float,
        typer.Option(
            min=1,
            help="Seconds that a model may take besides what its size explains.",
            envvar="ZOO_MODEL_SECONDS",
        ),
    ] = MODEL_SECONDS,
    model_memory: Annotated[
        str | None,
        typer.Option(
            help="Memory that a task may take.",
            envvar="ZOO_MODEL_MEMORY",
            show_default="by its layers' sizes",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only plan: see zoo plan.")] = False,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Measure every layer of every model and commit the rows to the store."""
    from zoo_analysis.cli.progress import SCANNED, Bar, RunCounter
    from zoo_analysis.cli.summaries import print_scan, tell
    from zoo_analysis.cluster.scan import scan as run

    limit = size(cache_size)
    memory = None if model_memory is None else size(model_memory)
    if dry_run:
        from zoo_analysis.cli.plan import print_plan
        from zoo_analysis.cluster.forecast import plan

        priced = plan(sources, store, how, variant=variant, address=address)
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
            on_event=counter.on_event,
            on_start=counter.on_start,
        )
    tell(summary, print_scan, format, output)
