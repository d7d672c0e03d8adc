"""The `zoo` command: the library's verbs on the command line."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from zoo_analysis.cli import (
    ask,
    config,
    demo,
    derived,
    import_,
    plan,
    scan,
    similarity,
    statistics,
    study,
    track,
    watching,
)
from zoo_analysis.cli.groups import accuracies, catalog, plot, report, store, stored_series
from zoo_analysis.cli.printing.own_output import own_output
from zoo_analysis.cli.printing.switches import with_switches
from zoo_analysis.errors import ZooError

#: From the keyboard, from whoever takes the machine away, and from a terminal that is closed.
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds for a good end, in which one who wants another is patient.
_SOON: Final = 30.0
#: Seconds after which a query that was to end, and has not, is left to end with the process.
_PATIENCE: Final = 5.0


class _Stopped(BaseException):
    """The end of a command by a signal.

    Args:
        notes: what a run says of itself.
    """

    def __init__(self, notes: list[str]) -> None:
        super().__init__(*notes)
        self.notes = notes


class _Commands(TyperGroup):
    """Commands: one that is interrupted is told from one that ended, questions from commands."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:  # Typer would make a silent exit of it
            raise _Stopped(_notes(interrupt)) from interrupt

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None:
            from zoo_analysis.store import list_queries

            if args[0] in {named.name for named in list_queries()}:
                raise ZooError(f"{args[0]!r} is no command but a question: zoo query {args[0]}")
        return super().resolve_command(ctx, args)


def _notes(error: BaseException) -> list[str]:
    """What was added to an error on its way."""
    return list(getattr(error, "__notes__", ()))


app = typer.Typer(
    name="zoo",
    cls=_Commands,
    help="Quality metrics from the weights of whole model zoos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    scan.scan,
    plan.plan,
    watching.status,
    watching.retry,
    ask.query,
    ask.queries,
    ask.schema,
    ask.show,
    statistics.regress,
    statistics.predict,
    statistics.rank,
    statistics.compare,
    statistics.diagnose,
    similarity.correlate,
    similarity.similar,
    similarity.matrix,
    similarity.measures,
    derived.delta,
    derived.lineage,
    track.track,
    track.releases,
    report.report,
    import_.import_,
    study.study,
    study.studies,
    demo.demo,
    config.config,
):
    app.command(command.__name__.rstrip("_"))(with_switches(command))
for group in (accuracies, catalog, plot, stored_series, store):
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
    """Run the command; an expected error is told on standard error, with exit status 2.

    A signal ends it in good order: one line, and exit status 130 (SIGINT), 143 (SIGTERM) or 129
    (SIGHUP).

    Args:
        arguments: of the command line; those of the process where None.
    """
    with own_output(), _ended_by_signals() as came:
        try:
            app(arguments)
        except ZooError as error:
            _tell(str(error), *_notes(error))
            sys.exit(2)
        except (KeyboardInterrupt, _Stopped, RuntimeError) as stop:
            if isinstance(stop, RuntimeError) and not came:
                raise  # else DuckDB's, which makes one of a signal that comes while it works
            number = came[0] if came else signal.SIGINT
            _tell(f"stopped by {number.name}", *getattr(stop, "notes", []))
            sys.exit(128 + number)


def _end_if_stuck(number: signal.Signals, frame: FrameType) -> None:
    """End the process where DuckDB 2.0 waits without end for tasks that it cancels.

    What it was at is a query: whatever writes a store is not DuckDB.
    """

    def look() -> None:
        if sys._current_frames().get(main_thread) is frame:
            _tell(f"stopped by {number.name}")
            os._exit(128 + number)

    main_thread = threading.get_ident()
    timer = threading.Timer(_PATIENCE, look)
    timer.daemon = True
    timer.start()


def _tell(*lines: str) -> None:
    from zoo_analysis.cli.printing.prose import say  # rich takes a moment

    say(f"zoo: {'; '.join(lines)}", error=True)


@contextmanager
def _ended_by_signals() -> Iterator[list[signal.Signals]]:
    """Inside the `with` the first signal interrupts; yields which came.

    What comes soon after it does not break off what the command does to end well, but for a second
    SIGINT. Signals that are ignored, as under nohup, are left so.
    """
    came: list[signal.Signals] = []
    last = -_SOON

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if number != signal.SIGINT and time.monotonic() - last < _SOON:
            return
        last = time.monotonic()
        came[:] = [*came, signal.Signals(number)]
        if frame and frame.f_globals.get("__name__", "").startswith("duckdb"):
            _end_if_stuck(came[0], frame)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _ENDING}
    if threading.current_thread() is not threading.main_thread():
        before.clear()
    mine = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    for number in mine:
        signal.signal(number, end)
    try:
        yield came
    finally:
        for number in mine:
            signal.signal(number, before[number])
