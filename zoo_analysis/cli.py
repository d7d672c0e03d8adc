"""The `zoo` command: the library's verbs on the command line."""

import json
import sys
from typing import Annotated, Any

import typer

from zoo_analysis.commands import (
    verbs_accuracies,
    verbs_catalog,
    verbs_hub,
    verbs_import,
    verbs_similarity,
    verbs_stats,
    verbs_store,
    verbs_study,
    verbs_track,
)
from zoo_analysis.commands.options import (
    AddressOption,
    ConvolutionOption,
    DeviceOption,
    FormatOption,
    MethodOption,
    OutOption,
    PrecisionOption,
    StoreOption,
)
from zoo_analysis.errors import ZooError

app = typer.Typer(
    name="zoo",
    help="Quality metrics from the weights of whole model zoos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def scan(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help=verbs_hub.SOURCES_HELP,
        ),
    ],
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
    from zoo_analysis import spectra
    from zoo_analysis.commands.scan import print_summary, scan_with_progress

    changes: dict[str, Any] = {
        "conv2d": conv2d,
        "dtype": dtype,
        "randomize": randomize,
        "alternatives": alternatives,
        "split_qkv": split_qkv,
        "max_fingers": max_fingers,
    }
    how = spectra.method(method, **{name: value for name, value in changes.items() if value})
    limit = verbs_hub.size(cache_size)
    if dry_run:
        from zoo_analysis.commands.plan import run_plan

        run_plan(sources, store, how, address, json_=json_)
        return
    summary = scan_with_progress(
        sources,
        store,
        how,
        device=device,
        address=address,
        downloads=downloads,
        cache_size=limit,
    )
    if json_:
        typer.echo(json.dumps(summary.as_dict()))
    else:
        print_summary(summary)
    if summary.failed:
        raise typer.Exit(3)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL|NAME", help="A SELECT, or a named question.")],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="KEY=VALUE", help="Of the question."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|VERSION",
            help="As the tables were then: an ISO time (UTC), or a version of `zoo store history`.",
        ),
    ] = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Ask the tables, read-only."""
    from zoo_analysis.commands.as_of import parse_as_of
    from zoo_analysis.report.tables import write_table
    from zoo_analysis.store import open_store

    params = {}
    for text in param or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise ZooError(f"-p {text!r} has no value: write -p {text}=VALUE")
        params[key] = value
    opened = open_store(store, as_of=parse_as_of(as_of))
    write_table(opened.run(sql, params or None), format, output)


@app.command()
def queries(format: FormatOption = "table", output: OutOption = None) -> None:
    """List the named questions."""
    import pyarrow as pa

    from zoo_analysis.report.tables import write_table
    from zoo_analysis.store import list_queries

    rows = [
        {
            "name": named.name,
            "answers": named.title,
            "parameters": ", ".join(param.name for param in named.params),
        }
        for named in list_queries()
    ]
    write_table(pa.Table.from_pylist(rows), format, output)


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="Repository id, or a unique part of one.")],
    store: StoreOption = None,
    revision: Annotated[str | None, typer.Option(help="Default: the one scanned last.")] = None,
    method: Annotated[str | None, typer.Option(help="Default: the one scanned last.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """A model's layers, averages, warnings and reported accuracies."""
    from zoo_analysis.report.model import load_model, print_model
    from zoo_analysis.store import open_store

    found = load_model(open_store(store), model, revision, method)
    if json_:
        typer.echo(json.dumps(found.as_dict(), default=str))
    else:
        print_model(found)


@app.command()
def demo(
    store: StoreOption = None,
    address: AddressOption = None,
) -> None:
    """Train a small zoo, scan it and packaged models, regress metrics on accuracies."""
    from zoo_analysis.commands.demo import run_demo

    if run_demo(store, address).failed:
        raise typer.Exit(3)


verbs_accuracies.register(app)
verbs_catalog.register(app)
verbs_hub.register(app)
verbs_import.register(app)
verbs_similarity.register(app)
verbs_stats.register(app)
verbs_store.register(app)
verbs_study.register(app)
verbs_track.register(app)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("zoo-analysis"))
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run the command; an expected error is one line on standard error and exit status 2.

    Args:
        arguments: of the command line; those of the process where None.
    """
    try:
        app(arguments)
    except ZooError as error:
        print(f"zoo: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        print("zoo: interrupted; what was finished is in the store", file=sys.stderr)  # noqa: T201
        sys.exit(130)


if __name__ == "__main__":
    main()
