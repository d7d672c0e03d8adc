"""`zoo plan`: what a scan would do, as a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from zoo_analysis.cli.options import (
    SOURCES_HELP,
    AddressOption,
    BlocksOption,
    DeviceOption,
    Format,
    FormatOption,
    ModelSecondsOption,
    OutOption,
    StoreOption,
    VariantOption,
    with_method,
)
from zoo_analysis.cluster.placement import DEVICE
from zoo_analysis.cluster.processes.task_limits import MODEL_SECONDS
from zoo_analysis.errors import ZooError
from zoo_analysis.spectra.methods import Method
from zoo_analysis.texts import size_in_words

if TYPE_CHECKING:
    from zoo_analysis.measure.scan_plan import ScanPlan

#: Columns that readers are shown first, as far as there is room.
_FIRST: Final = ("repo_id", "layers", "seconds", "read_bytes", "skipped")


@with_method
def plan(
    how: Method,
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE...]", help=SOURCES_HELP)
    ] = None,
    store: StoreOption = None,
    variant: VariantOption = "",
    device: DeviceOption = DEVICE,
    address: AddressOption = None,
    model_seconds: ModelSecondsOption = MODEL_SECONDS,
    blocks: BlocksOption = False,
    format: FormatOption = "table",
    output: OutOption = None,
    json_: Annotated[bool, typer.Option("--json", help="Models and totals as one object.")] = False,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Measure the machines first, and keep that in the store."),
    ] = False,
    replay: Annotated[
        list[str] | None,
        typer.Option(help="Instead: timm, language or hub on machines that nobody has."),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="With --replay: drawn too, as .svg, .png, .pdf, .html or .json."),
    ] = None,
) -> None:
    """Price a scan: what it would read, compute and skip, from headers alone."""
    from zoo_analysis.cli.output import write_table
    from zoo_analysis.cluster.planning.forecast import plan as run

    if replay:
        from zoo_analysis.cluster.planning.replay.scale import scale

        replayed = scale(replay, how=how)
        write_table(replayed, "json" if json_ else format, output)
        if figure:
            from zoo_analysis.report import figures

            figures.save(figures.scale(replayed), figure)
        return
    if figure:
        raise ZooError("--figure draws what --replay finds: name a zoo with it")
    if calibrate:
        from zoo_analysis.cluster.planning.calibrate_nodes import calibrate as measure

        rates = measure(store, how, device=device, address=address)
        if not sources:
            write_table(rates, "json" if json_ else format, output)
            return
    if not sources:
        raise ZooError("nothing to plan: name sources, or --calibrate the machines")
    found = run(
        sources,
        store,
        how,
        variant=variant,
        device=device,
        address=address,
        model_seconds=model_seconds,
        blocks=blocks,
    )
    print_plan(found, format, output, json_)


def print_plan(
    plan: "ScanPlan", format: Format = "table", output: Path | None = None, json_: bool = False
) -> None:
    """The plan of a scan, on standard output or in a file."""
    from zoo_analysis.cli.output import say, write_report, write_table
    from zoo_analysis.cli.telling.summaries import print_remarks

    if json_:
        write_report(plan.as_dict(), plan.table(), lambda: None, "json", output)
        return
    table = plan.table()
    if format == "table":
        table = table.select(sorted(table.column_names, key=_place))
    write_table(table, format, output)
    if format == "table" and output is None:
        say("", _priced(plan) if any(model.layers for model in plan.models) else _nothing(plan))
        print_remarks(plan.remarks)


def _place(column: str) -> int:
    return _FIRST.index(column) if column in _FIRST else len(_FIRST)


def _priced(plan: "ScanPlan") -> str:
    """The totals of a plan."""
    from zoo_analysis.cli.output import counted

    totals = plan.as_dict()["totals"]
    scanned = sum(bool(model.layers) for model in plan.models)
    start = f" ({_duration(plan.start)} of it until processes work)" if plan.start else ""
    return (
        f"{scanned} of {counted(len(plan.models), 'model')}, "
        f"{counted(totals['layers'], 'layer')}, "
        f"{totals['parameters_measured']:,} of {totals['parameters_total']:,} parameters, "
        f"{size_in_words(totals['read_bytes'])} to read, "
        f"{totals['gram_flops'] + totals['eigen_flops']:.2e} multiply-adds, "
        f"{size_in_words(totals['peak_bytes'])} for the largest layer; "
        f"about {_duration(plan.seconds)}{start} on {counted(plan.cpus, 'core')}{_gpus(plan)}"
        + ("" if plan.calibrated else " as they typically are: --calibrate measures them")
    )


def _nothing(plan: "ScanPlan") -> str:
    """Why a plan has no layer to be measured."""
    from zoo_analysis.cli.output import counted
    from zoo_analysis.measure.scan_plan import IN_STORE

    models, stored = len(plan.models), sum(each.skipped == IN_STORE for each in plan.models)
    if stored == models:
        every = "the model is" if models == 1 else f"all {models:,} models are"
        return f"nothing to do: {every} {IN_STORE}, measured by this method"
    rest = "of the others the table says why they cannot be priced" if stored else "see `skipped`"
    return f"no layer is priced: {stored:,} of {counted(models, 'model')} {IN_STORE}; {rest}"


def _gpus(plan: "ScanPlan") -> str:
    from zoo_analysis.cli.output import counted

    layers = sum(model.gpu_layers for model in plan.models)
    kind = f" ({plan.gpu})" if plan.gpu else ""
    which = counted(layers, "layer") if layers else "no layer"
    gpus = f" and {counted(int(plan.gpus), 'GPU')}{kind}, for {which},"
    return gpus if plan.gpus else ""


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
