"""Long work shown on standard error: a bar on a terminal, now and then a line elsewhere."""

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from zoo_analysis.cli.output import counted
from zoo_analysis.texts import printable, size_in_words

if TYPE_CHECKING:
    from zoo_analysis.cluster.account import Event


#: Seconds between lines where there is no terminal to draw on.
_EVERY = 15.0


class Bar:
    """A progress bar over some amount of work, with a text of counts beside it.

    What is counted is one thing: the share that is done is of what the bar says it is of.

    Args:
        what: what is going on, in one word.
        total: amount of work.
        of: that amount in words (``of 12.3 GB``).
    """

    def __init__(self, what: str, total: float = 0.0, of: str = "") -> None:
        self.console = Console(stderr=True)
        what = printable(what)
        self.what, self.total, self.of, self.done, self.counts = what, total, of, 0.0, ""
        self.told, self.lines, self.news = time.monotonic(), 0, False
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}% {task.fields[of]}"),
            TextColumn("{task.fields[counts]}"),
            TextColumn("ETA"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task(what, total=total or None, counts="", of=of)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
        if (
            self.lines and self.news and error[:1] == (None,)
        ):  # who followed the lines is told the end
            self._tell()

    def start(self, total: float, of: str) -> None:
        """Say how much there is to do, as a number and in words."""
        self.total, self.of = total, of
        self._progress.update(self._task, total=total or None, of=of)

    def say(self, text: str) -> None:
        """Say what is going on before there is anything to count."""
        self._progress.update(self._task, counts=text)
        if not self.console.is_terminal:
            self.console.print(f"{self.what}: {text}", highlight=False, markup=False)

    def advance(self, amount: float, counts: str) -> None:
        """Some work is done; `counts` says how far things are."""
        self.done, self.counts, self.news = self.done + amount, counts, True
        if 0 < self.total < self.done:  # sizes are estimates until a model is opened
            self.total = self.done
            self._progress.update(self._task, total=self.total)
        self._progress.update(self._task, advance=amount, counts=counts)
        if not self.console.is_terminal and time.monotonic() - self.told > _EVERY:
            self._tell()

    def _tell(self) -> None:
        share = f"{100 * self.done / self.total:.0f}% {self.of}".rstrip() if self.total else ""
        told = ", ".join(part for part in (share, self.counts) if part)
        self.console.print(f"{self.what}: {told}", highlight=False, markup=False, soft_wrap=True)
        self.told, self.lines, self.news = time.monotonic(), self.lines + 1, False


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
            self._bar = self.begin(title, total, f"of {total}")
        else:
            self._bar.advance(1, "")

    def begin(self, title: str, total: float = 0.0, of: str = "") -> Bar:
        """End the bar that there is, and begin another."""
        self._open.close()
        return self._open.enter_context(Bar(title, total, of))


#: What is counted beside the bar of a scan, and of a comparison; see `RunCounter`.
SCANNED: Final = {"finished": "model", "layers": "layer"}
COMPARED: Final = {"captured": "model", "compared": "comparison"}


class RunCounter:
    """Progress of a run on a bar.

    Args:
        bar: the bar.
        told: what is counted beside it: kinds of events, models `finished` or `layers`, each with
            its noun.
        by_bytes: whether work is bytes of weights, not events.
    """

    def __init__(self, bar: Bar, told: Mapping[str, str], by_bytes: bool) -> None:
        self.bar, self.nouns, self.by_bytes = bar, told, by_bytes
        self.counts: Counter[str] = Counter()

    def on_start(self, models: int, total: float) -> None:
        """Begin with so many models, and so much work in all."""
        steps = counted(round(total), "step")
        self.bar.start(total, f"of {size_in_words(total) if self.by_bytes else steps}")

    def on_event(self, event: "Event") -> None:
        """Count what was done."""
        if event.kind == "starting":
            self.bar.say(f"starting {event.what}")
            return
        if not event.further:
            finished = event.kind in ("scanned", "skipped")
            self.counts.update({event.kind: 1, "layers": event.layers, "finished": int(finished)})
        parts = [counted(self.counts[kind], noun) for kind, noun in self.nouns.items()]
        if self.counts["failed"]:
            parts += [f"{self.counts['failed']} failed"]
        self.bar.advance(event.bytes if self.by_bytes else 1, ", ".join(parts))
