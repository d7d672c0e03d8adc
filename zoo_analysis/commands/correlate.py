"""`zoo correlate`: the comparison with a progress bar, and its summary in words."""

from typing import Any

from rich.console import Console

from zoo_analysis.cluster.correlate import correlate
from zoo_analysis.cluster.correlate_book import CorrelateEvent, CorrelateSummary
from zoo_analysis.report.progress import Bar

#: Failures named in the summary; the rest are in the table.
_NAMED = 10


def correlate_with_progress(*arguments: Any, **options: Any) -> CorrelateSummary:
    """`cluster.correlate.correlate`, drawing its progress on standard error."""
    with Bar("comparing") as bar:
        counter = _Counter(bar)
        return correlate(
            *arguments, **options, on_event=counter.on_event, on_start=counter.on_start
        )


class _Counter:
    def __init__(self, bar: Bar) -> None:
        self.bar = bar
        self.models = self.captured = self.pairs = self.failed = 0

    def on_start(self, models: int, steps: int) -> None:
        self.models = models
        self.bar.start(steps)

    def on_event(self, event: CorrelateEvent) -> None:
        self.captured += event.kind == "captured"
        self.pairs += event.kind == "compared"
        self.failed += event.kind == "failed"
        failures = f", {self.failed} failed" if self.failed else ""
        self.bar.advance(
            1, f"{self.captured}/{self.models} models seen, {self.pairs} comparisons{failures}"
        )


def print_summary(summary: CorrelateSummary, console: Console | None = None) -> None:
    """The summary for a person, on standard output."""
    console = console or Console(soft_wrap=True, highlight=False)
    console.print(
        f"{summary.pairs} pairs of {summary.models} models compared, {summary.skipped} skipped "
        f"(already there), {summary.failed} failed; {summary.rows} rows in {summary.seconds:.1f} s"
    )
    console.print(
        f"{summary.forwarded} models run, {summary.cached} known from an earlier run; "
        f"probe {', '.join(summary.probes) or 'none'}; store {summary.store}"
    )
    if summary.apart:
        console.print(
            f"{summary.apart} pairs of an image and a language model left out: nothing can be "
            "shown to both"
        )
    if summary.incomparable:
        console.print(f"{summary.incomparable} numbers cannot be had:")
    for reason in summary.reasons:
        console.print(f"  {reason}", markup=False)
    for failed in summary.failures[:_NAMED]:
        console.print(
            f"failed: {failed.ref.repo_id} ({failed.stage}): {failed.message}", markup=False
        )
    if len(summary.failures) > _NAMED:
        console.print(f"… and {len(summary.failures) - _NAMED} more: zoo query failures")
