"""Commands that ask the store: query, queries, schema, show."""

import os
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from zoo_analysis.cli.options import (
    FormatOption,
    OutOption,
    StoreOption,
    parse_as_of,
    size,
    size_text,
)
from zoo_analysis.errors import ZooError
from zoo_analysis.store.query_limits import MEMORY, SECONDS, QueryLimits, remove_spilled

if TYPE_CHECKING:
    from zoo_analysis.answers.model import ModelReport

#: Seconds after which a query that could not be interrupted ends with its process.
_GRACE: Final = 5.0
#: Bytes of memory, beside the limit, for all else that the process does.
_BESIDE: Final = 10**9
#: Columns of a model's layers that readers are shown first, as far as there is room.
_FIRST: Final = (
    *("layer", "shape", "relative_change", "num_intruders", "effective_rank", "alpha", "sigma"),
    *("D", "alpha_weighted", "warning", "status"),
)


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
    timeout: Annotated[
        float, typer.Option(help="Seconds that a query may take.", envvar="ZOO_QUERY_SECONDS")
    ] = SECONDS,
    memory: Annotated[
        str,
        typer.Option(
            help="Memory for a query's work, and for its answer.", envvar="ZOO_QUERY_MEMORY"
        ),
    ] = size_text(MEMORY),
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Ask the tables, read-only."""
    from zoo_analysis.answers import questions
    from zoo_analysis.cli.output import write_answer

    params = {}
    for text in param or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise ZooError(f"-p {text!r} has no value: write -p {text}=VALUE")
        params[key] = value
    limits = QueryLimits(timeout, size(memory))
    with _held_to(limits):
        answer = questions.ask(
            store,
            sql,
            params or None,
            as_of=parse_as_of(as_of),
            timeout=limits.seconds,
            memory=limits.memory,
        )
    write_answer(answer.table, answer.note, format, output)


@contextmanager
def _held_to(limits: QueryLimits) -> Iterator[None]:
    """The net below DuckDB's own limits, which some functions over long lists and texts pass.

    Memory that is refused to the process is an error of DuckDB; a function that does not look
    whether it was interrupted ends with the process.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _data() + 2 * limits.memory + _BESIDE
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))

    def end() -> None:
        print(f"zoo: {limits.overdue}", file=sys.stderr, flush=True)  # noqa: T201
        remove_spilled(os.getpid())
        os._exit(2)

    timer = threading.Timer(limits.seconds + _GRACE, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data() -> int:
    """Bytes of this process that `resource.RLIMIT_DATA` counts."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()


def queries(
    name: Annotated[
        str | None, typer.Argument(help="Show this one: its parameters and its SQL.")
    ] = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """List the named questions, or show one of them."""
    from zoo_analysis.answers import questions
    from zoo_analysis.cli.output import say, say_whole, write_report, write_table
    from zoo_analysis.store import named_by_user, query_problems

    if name is None:
        write_table(questions.queries(), format, output)
        for problem in query_problems():
            say(f"left out: {problem}", error=True)
        return
    found = named_by_user(name)
    params = questions.parameters(found)

    def show() -> None:
        remarks, sql = questions.parts(found)
        say(found.title, *([str(found.file)] if found.file else []), *remarks, "")
        if len(params):
            write_table(params)
            say("")
        say_whole(*sql.splitlines())

    told = {"name": found.name, "answers": found.title, "sql": found.sql}
    write_report({**told, "parameters": params.to_pylist()}, params, show, format, output)


def schema(
    table: Annotated[str | None, typer.Argument(help="Only this one: its columns.")] = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """List the tables and views of a store, or the columns of one: type, unit, meaning."""
    from zoo_analysis.answers.operation import store_upkeep
    from zoo_analysis.cli.output import write_table

    write_table(store_upkeep.schema(table), format, output)


def show(
    model: Annotated[str, typer.Argument(help="Repository id, or a unique part of one.")],
    store: StoreOption = None,
    revision: Annotated[str | None, typer.Option(help="Default: the one scanned last.")] = None,
    method: Annotated[str | None, typer.Option(help="Default: the one scanned last.")] = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """A model's layers, averages, warnings and reported accuracies."""
    from zoo_analysis.answers import model as answers
    from zoo_analysis.cli.output import write_report

    found = answers.show(store, model, revision, method)
    write_report(found.as_dict(), found.layers, lambda: print_model(found), format, output)


def _place(column: str) -> int:
    return _FIRST.index(column) if column in _FIRST else len(_FIRST)


def print_model(report: "ModelReport") -> None:
    """The report for a person, on standard output."""
    from zoo_analysis.answers.defaults import LEAST_COVERAGE
    from zoo_analysis.cli.output import counted, percent, say, say_values, write_table
    from zoo_analysis.cli.printing.sparkline import write_sparkline

    say(f"{report.repo_id} @ {report.revision} ({report.method})")
    # of `parameters`, tied ones once, and `parameters_total` readers are told the one in the books
    apart = {"repo_id", "revision", "parameters"}
    say_values("", {k: v for k, v in report.model.items() if k not in apart})
    say(report.counts)
    of_layers = {"layers", "warnings", "judged", "looks_random"}
    averages = {
        name: value
        for name, value in report.averages.items()
        if isinstance(value, int | float) and name not in of_layers
    }
    if not len(report.layers):
        say_values("averages: ", averages)
    else:
        write_sparkline(report.layers["alpha"].to_pylist())
        say("")
        write_table(report.layers.select(sorted(report.layers.column_names, key=_place)))
        say("")
        say_values(f"averages over {counted(report.averages['layers'], 'layer')}: ", averages)
        told = ", ".join(f"{counted(n, 'layer')} {name}" for name, n in report.warnings.items())
        say(f"warnings: {told or 'none'}")
    if len(report.left_out):
        share = report.model["coverage"]
        if share is not None and share < LEAST_COVERAGE:
            say(f"only {percent(share)} of what lies in its matrices is measured")
        say("", "not measured:")
        write_table(report.left_out, "table")
    if len(report.accuracies):
        say("", "reported accuracies:")
        write_table(report.accuracies, "table")
    else:
        say("", "no reported accuracy")
