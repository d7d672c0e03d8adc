"""`zoo status` and `zoo retry`: runs watched, and what failed of them done again."""

import time
from collections.abc import Iterator
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from zoo_analysis.cli.options import AddressOption, FormatOption, OutOption, StoreOption
from zoo_analysis.texts import printable, size_in_words

if TYPE_CHECKING:
    from zoo_analysis.answers.operation.run_status import RunStatus, RunStatuses

#: Seconds between two looks.
_EVERY = 2.0
ScanArgument = Annotated[
    str | None, typer.Argument(help="Its scan_id, or how that begins.", metavar="[SCAN]")
]


def status(
    scan: ScanArgument = None,
    watch: Annotated[bool, typer.Option("--watch", help="Until it is over.")] = False,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """How far scans and comparisons are: what runs, or else what began last."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from zoo_analysis.answers.operation import run_status
    from zoo_analysis.cli.output import say, write_report

    def shown(found: "RunStatuses") -> list[str]:
        return [line for run in found.runs for line in lines(run)]

    def looks() -> Iterator["RunStatuses"]:
        while True:
            yield (found := run_status.status(store, scan))
            if not watch or all(run.state != "running" for run in found.runs):
                return
            time.sleep(_EVERY)

    console = Console()
    if watch and console.is_terminal and format == "table" and output is None:
        with Live(console=console, auto_refresh=False) as live:
            for found in looks():
                live.update(Text("\n".join(map(printable, shown(found)))), refresh=True)
        return
    for found in looks():
        show = partial(say, *shown(found))
        write_report(found.as_dict(), found.table(), show, format, output)


def lines(run: "RunStatus") -> list[str]:
    """A run for a person: how far it is, how fast, and what failed."""
    from zoo_analysis.cli.output import counted

    began = f"{run.started_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    out = [
        f"{run.scan_id} ({run.method}): {run.state}; on {run.host or '?'}, "
        f"process {run.pid or '?'}, since {began}, {_duration(run.seconds)}"
    ]
    parts = [
        f"{run.done} of {'?' if run.total is None else run.total} {run.unit} done",
        f"{run.skipped} of them known before" if run.skipped else "",
        f"{run.running} running" if run.running else "",
        f"{run.waiting} waiting" if run.waiting else "",
        f"{run.elsewhere} of them done by another run" if run.elsewhere else "",
        f"{run.failed} failed" if run.failed else "",
    ]
    out += ["  " + ", ".join(part for part in parts if part)]
    total = f" of {size_in_words(run.bytes_total)}" if run.bytes_total else ""
    pace = [
        counted(run.layers, "layer"),
        f"{size_in_words(run.bytes)}{total} of weights" if run.bytes else "",
        f"{run.an_hour:,.0f} {run.unit} an hour" if run.an_hour else "",
        f"about {_duration(run.seconds_left)} left" if run.seconds_left is not None else "",
    ]
    out += ["  " + ", ".join(part for part in pace if part)]
    causes = zip(run.causes, run.failures, strict=True)
    out += [f"  failed: {count} {cause}" for cause, count in causes]
    if run.state in ("died", "silent", "interrupted", "failed"):
        out += ["  what is done is in the store; the same command goes on from there"]
    if run.failed and run.state != "running":
        out += [f"  zoo retry {run.scan_id} does again what failed"]
    return out


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def retry(
    scan: ScanArgument = None,
    cause: Annotated[
        list[str] | None,
        typer.Option(help="Only what failed of this: a stage, an error, or stage/error."),
    ] = None,
    store: StoreOption = None,
    address: AddressOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Do again what failed in a scan or a comparison, as it was asked for; default the last one."""
    from zoo_analysis.cli.output import say, write_summary
    from zoo_analysis.cli.telling.progress import SCANNED, Bar, RunCounter
    from zoo_analysis.cli.telling.summaries import print_comparison, print_scan, tell
    from zoo_analysis.cluster.account import Summary
    from zoo_analysis.cluster.retrying import retry as run

    with Bar("retrying") as bar:
        counter = RunCounter(bar, SCANNED, by_bytes=True)
        retried = run(
            store,
            scan,
            cause or (),
            address=address,
            on_event=counter.on_event,
            on_start=counter.on_start,
        )
    summary = retried.summary
    if summary is None:
        nothing = {"retry_of": retried.of, "models": 0}
        of = f" of {' or '.join(cause)}" if cause else ""
        write_summary(nothing, partial(say, f"nothing failed{of} in {retried.of}"), format, output)
    elif isinstance(summary, Summary):
        tell(summary, print_scan, format, output)
    else:
        tell(summary, print_comparison, format, output)
