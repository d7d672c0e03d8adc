"""The `zoo` command: the library's verbs on the command line."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from zoo_analysis.errors import ZooError

app = typer.Typer(
    name="zoo",
    help="Quality metrics from the weights of whole model zoos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Format = Literal["table", "csv", "json", "markdown", "parquet"]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", help="Store directory or URI.", envvar="ZOO_STORE", show_default="./zoo-store"
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to print.")]
OutOption = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")]
AddressOption = Annotated[
    str | None,
    typer.Option(help="Ray cluster; default $RAY_ADDRESS, else a local Ray."),
]
DeviceOption = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")]


@app.command()
def scan(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Checkpoint file, model directory, tree of them, catalogue, or packaged:NAME.",
        ),
    ],
    store: StoreOption = None,
    method: Annotated[
        Literal["default", "weightwatcher", "nature2021"],
        typer.Option(help="Preset of how the numbers are made (docs/methods.md)."),
    ] = "default",
    conv2d: Annotated[
        Literal["pool", "slices", "flatten", "fft"] | None,
        typer.Option(help="Treatment of convolutions instead of the preset's."),
    ] = None,
    dtype: Annotated[Literal["float64", "float32"] | None, typer.Option(help="Precision.")] = None,
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
    summary = scan_with_progress(sources, store, how, device=device, address=address)
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
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Ask the tables, read-only."""
    from zoo_analysis.report.tables import write_table
    from zoo_analysis.store import open_store

    params = {}
    for text in param or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise ZooError(f"-p {text!r} has no value: write -p {text}=VALUE")
        params[key] = value
    write_table(open_store(store).run(sql, params or None), format, output)


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
def regress(
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Metric of `summaries`; repeatable.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Only accuracies on this data set.")] = None,
    by: Annotated[
        Literal["series", "none"], typer.Option(help="One regression a series, or over all.")
    ] = "series",
    method: Annotated[
        str | None, typer.Option(help="Only methods whose id begins with this.")
    ] = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Regress reported accuracies on metrics: n, slope, R², RMSE, Kendall τ."""
    from zoo_analysis.report.regressions import regression_table
    from zoo_analysis.report.tables import write_table
    from zoo_analysis.store import open_store

    table = regression_table(open_store(store), metric or (), dataset, by, method)
    write_table(table, format, output)


@app.command()
def demo(
    store: StoreOption = None,
    address: AddressOption = None,
) -> None:
    """Train a small zoo, scan it and packaged models, regress metrics on accuracies."""
    from zoo_analysis.commands.demo import run_demo

    if run_demo(store, address).failed:
        raise typer.Exit(3)


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
