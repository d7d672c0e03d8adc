"""Commands that ask the store: query, queries, show."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from zoo_analysis.cli.options import FormatOption, OutOption, StoreOption, parse_as_of
from zoo_analysis.errors import ZooError

if TYPE_CHECKING:
    from zoo_analysis.answers.model import ModelReport


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
    from zoo_analysis.answers import questions
    from zoo_analysis.cli.output import write_table

    params = {}
    for text in param or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise ZooError(f"-p {text!r} has no value: write -p {text}=VALUE")
        params[key] = value
    table = questions.query(store, sql, params or None, as_of=parse_as_of(as_of))
    write_table(table, format, output)


def queries(format: FormatOption = "table", output: OutOption = None) -> None:
    """List the named questions."""
    from zoo_analysis.answers import questions
    from zoo_analysis.cli.output import write_table

    write_table(questions.queries(), format, output)


def show(
    model: Annotated[str, typer.Argument(help="Repository id, or a unique part of one.")],
    store: StoreOption = None,
    revision: Annotated[str | None, typer.Option(help="Default: the one scanned last.")] = None,
    method: Annotated[str | None, typer.Option(help="Default: the one scanned last.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """A model's layers, averages, warnings and reported accuracies."""
    from zoo_analysis.answers import model as answers

    found = answers.show(store, model, revision, method)
    if json_:
        typer.echo(json.dumps(found.as_dict(), default=str))
    else:
        print_model(found)


def print_model(report: "ModelReport") -> None:
    """The report for a person, on standard output."""
    from zoo_analysis.answers.defaults import LEAST_COVERAGE
    from zoo_analysis.cli.output import plain_console, write_table

    console = plain_console()
    console.print(f"{report.repo_id} @ {report.revision} ({report.method})", markup=False)
    known = {k: v for k, v in report.model.items() if v is not None and k not in ("repo_id",)}
    console.print(", ".join(f"{k} {v}" for k, v in known.items() if k != "revision"), markup=False)
    write_table(report.layers, "table")
    averages = {k: v for k, v in report.averages.items() if isinstance(v, int | float)}
    console.print("averages: " + ", ".join(f"{k} {v:.4g}" for k, v in averages.items()))
    told = ", ".join(f"{count} layers {name}" for name, count in report.warnings.items())
    console.print(f"warnings: {told or 'none'}")
    if len(report.left_out):
        share = report.model["coverage"]
        if share is not None and share < LEAST_COVERAGE:
            console.print(f"only {share:.0%} of what lies in its matrices is measured")
        console.print("not measured:")
        write_table(report.left_out, "table")
    if len(report.accuracies):
        write_table(report.accuracies, "table")
    else:
        console.print("no reported accuracy")
