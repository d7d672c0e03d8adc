"""The `zoo` command: the library's verbs on the command line."""

import signal
import sys
from typing import Annotated

import typer

from zoo_analysis.cli import (
    ask,
    config,
    demo,
    import_,
    plan,
    scan,
    similarity,
    statistics,
    study,
    track,
)
from zoo_analysis.cli.ending import Commands, Stopped, ended_by_signals, notes, own_output
from zoo_analysis.cli.groups import accuracies, catalog, plot, series, store
from zoo_analysis.cli.printing.switches import with_switches
from zoo_analysis.errors import ZooError
from zoo_analysis.texts import printable

app = typer.Typer(
    name="zoo",
    cls=Commands,
    help="Quality metrics from the weights of whole model zoos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    scan.scan,
    plan.plan,
    ask.query,
    ask.queries,
    ask.schema,
    ask.show,
    statistics.regress,
    statistics.rank,
    statistics.compare,
    statistics.diagnose,
    similarity.correlate,
    similarity.similar,
    similarity.matrix,
    similarity.measures,
    track.track,
    track.releases,
    import_.import_,
    study.study,
    study.studies,
    demo.demo,
    config.config,
):
    app.command(command.__name__.rstrip("_"))(with_switches(command))
for group in (accuracies, catalog, plot, series, store):
    for each in group.app.registered_commands:
        assert each.callback is not None
        each.callback = with_switches(each.callback)
    app.add_typer(group.app)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("zoo-analysis"))
        raise typer.Exit
    config.apply(context)


def main(arguments: list[str] | None = None) -> None:
    """Run the command; an expected error is one line on standard error and exit status 2.

    A signal ends it in good order: one line, and exit status 130 (SIGINT), 143 (SIGTERM) or 129
    (SIGHUP).

    Args:
        arguments: of the command line; those of the process where None.
    """
    with own_output(), ended_by_signals() as came:
        try:
            app(arguments)
        except ZooError as error:
            _tell(str(error), *notes(error))
            sys.exit(2)
        except (KeyboardInterrupt, Stopped) as stop:
            number = came[0] if came else signal.SIGINT
            _tell(f"stopped by {number.name}", *getattr(stop, "notes", []))
            sys.exit(128 + number)


def _tell(*lines: str) -> None:
    print(f"zoo: {printable('; '.join(lines))}", file=sys.stderr)  # noqa: T201
