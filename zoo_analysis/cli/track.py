"""`zoo track` and `zoo releases`: what appears on the hub."""

from pathlib import Path
from typing import Annotated

import typer

from zoo_analysis.cli.options import (
    WEIGHT_CACHE,
    AddressOption,
    FormatOption,
    OutOption,
    StoreOption,
    WeightCacheOption,
    size,
)
from zoo_analysis.errors import QueryError
from zoo_analysis.spectra.methods import Method, Preset
from zoo_analysis.spectra.methods import method as make_method


def track(
    watches: Annotated[Path, typer.Argument(metavar="WATCH.toml", help="File of [[watches]].")],
    scan: Annotated[bool, typer.Option("--scan", help="Scan exactly the new revisions.")] = False,
    since: Annotated[
        str | None, typer.Option(help="Leave out what changed last before: 7d, 2025-01-31.")
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="List everything, to see also what has vanished.")
    ] = False,
    method: Annotated[
        Preset, typer.Option(help="Preset of --scan.", envvar="ZOO_METHOD")
    ] = Method.preset,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Then make the report there anew: zoo report -o DIR."),
    ] = None,
    notify: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Post what is new there, signed with $ZOO_NOTIFY_SECRET."),
    ] = None,
    exec_: Annotated[
        str | None,
        typer.Option("--exec", metavar="CMD", help="Run this with what is new on its input."),
    ] = None,
    store: StoreOption = None,
    address: AddressOption = None,
    cache_size: WeightCacheOption = WEIGHT_CACHE,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Record what is new, changed, gone or gated since the last look."""
    from zoo_analysis.cli.groups.report import build
    from zoo_analysis.cli.output import say, write_table
    from zoo_analysis.cli.telling.summaries import print_scan
    from zoo_analysis.cluster.track import track as look
    from zoo_analysis.sources.watch import parse_since

    found = look(
        watches,
        store,
        since=parse_since(since) if since else None,
        complete=complete,
        scan=make_method(method) if scan else None,
        address=address,
        cache_size=size(cache_size),
        notify=notify,
        command=exec_,
    )
    table = found.table()
    write_table(table.drop_columns("prediction") if format == "table" else table, format, output)
    if found.scanned is not None and format == "table":
        print_scan(found.scanned)
        for row in table.to_pylist():
            if row["prediction"]:
                say(f"{row['event']} {row['repo_id']}: {row['prediction']}")
        if found.not_predicted:
            say(f"no accuracy is predicted: {found.not_predicted}")
    for problem in found.problems:
        say(f"failed: {problem.repo_id}: {problem.message}", error=True)
    if report is not None:
        try:
            build(store, report, err=format != "table" or output is not None)
        except QueryError as error:  # only releases were seen so far
            say(f"no report: {error}", error=True)
    if found.problems or (found.scanned is not None and found.scanned.failed):
        raise typer.Exit(3)


def releases(
    since: Annotated[str | None, typer.Option(help="Seen since: 7d, 12h, 2025-01-31.")] = None,
    watch: Annotated[str | None, typer.Option(help="Only this watch.")] = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """List what was seen on the watches, the latest first."""
    from zoo_analysis.answers import releases as seen
    from zoo_analysis.answers.remarks.no_rows import why_empty
    from zoo_analysis.cli.output import write_answer
    from zoo_analysis.sources.watch import parse_since

    table = seen.releases(store, parse_since(since) if since else None, watch)
    told = f" on watch {watch}" * bool(watch) + f" since {since}" * bool(since)
    why = None if len(table) else why_empty(store, "releases", told and f"was seen{told}")
    write_answer(table, why, format, output)
