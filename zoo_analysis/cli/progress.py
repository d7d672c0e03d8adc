"""Long work shown on standard error: a bar on a terminal, now and then a line elsewhere."""

import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from zoo_analysis.texts import printable

if TYPE_CHECKING:
    from zoo_analysis.cluster.account import Event


#: Seconds between lines where there is no terminal to draw on.
_EVERY = 15.0


class Bar:
    """A progress bar over some amount of work, with a text of counts beside it.

    Args:
        what: what is going on, in one word.
        total: amount of work; its unit is never shown.
    """

    def __init__(self, what: str, total: float = 0.0) -> None:
        self.console = Console(stderr=True)
        what = printable(what)
        self.what, self.total, self.done, self.told = what, total, 0.0, time.monotonic()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[counts]}"),
            TextColumn("ETA"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task(what, total=total or None, counts="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def start(self, total: float) -> None:
        """Say how much there is to do."""
        self.total = total
        self._progress.update(self._task, total=total or None)

    def say(self, text: str) -> None:
        """Say what is going on before there is anything to count."""
        self._progress.update(self._task, counts=text)
        if not self.console.is_terminal:
            self.console.print(f"{self.what}: {text}", highlight=False, markup=False)

    def advance(self, amount: float, counts: str) -> None:
        """Some work is done; `counts` says how far things are."""
        self.done += amount
        if 0 < self.total < self.done:  # sizes are estimates until a model is opened
            self.start(self.done)
        self._progress.update(self._task, advance=amount, counts=counts)
        if not self.console.is_terminal and time.monotonic() - self.told > _EVERY:
            share = f"{100 * self.done / self.total:.0f}% " if self.total else ""
            self.console.print(f"{self.what}: {share}{counts}", highlight=False, markup=False)
            self.told = time.monotonic()


class Bars:
    """A bar for each stretch of work that is told of, one after the other."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def on_progress(self, title: str, done: int, total: int) -> None:
        """So many of `total` pieces of what is called `title` are done; 0 begins another bar."""
        if done == 0 or self._bar is None:
            self._bar = self.begin(title, total)
        else:
            self._bar.advance(1, f"{done}/{total}")

    def begin(self, title: str, total: float = 0.0) -> Bar:
        """End the bar that there is, and begin another."""
        self._open.close()
        return self._open.enter_context(Bar(title, total))


#: What a bar says of a scan; see `RunCounter`.
SCANNED = "{finished}/{models} models, {layers} layers"


class RunCounter:
    """Progress of a run on a bar.

    Args:
        bar: the bar.
        text: of what was done: numbers of events by their kind, of `models`, those `finished`, and
            of `layers`, in braces.
        by_bytes: whether work is bytes of weights, not events.
    """

    def __init__(self, bar: Bar, text: str, by_bytes: bool) -> None:
        self.bar, self.text, self.by_bytes = bar, text, by_bytes
        self.counts: Counter[str] = Counter()

    def on_start(self, models: int, total: float) -> None:
        """Begin with so many models, and so much work in all."""
        self.counts["models"] = models
        self.bar.start(total)

    def on_event(self, event: "Event") -> None:
        """Count what was done."""
        if event.kind == "starting":
            self.bar.say(f"starting {event.what}")
            return
        finished = event.kind in ("scanned", "skipped")
        self.counts.update({event.kind: 1, "layers": event.layers, "finished": int(finished)})
        text = self.text + (", {failed} failed" if self.counts["failed"] else "")
        self.bar.advance(event.bytes if self.by_bytes else 1, text.format_map(self.counts))
