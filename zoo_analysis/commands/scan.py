"""`zoo scan`: the scan with a progress bar, and its summary in words."""

from collections.abc import Sequence

from rich.console import Console

from zoo_analysis.cluster.scan import DOWNLOADS, scan
from zoo_analysis.cluster.summary import Event, Summary
from zoo_analysis.report.progress import Bar
from zoo_analysis.spectra import Method
from zoo_analysis.store import Store

#: Failures named in the summary; the rest are in the table.
_NAMED = 10


def scan_with_progress(
    sources: Sequence[str],
    store: Store | str | None,
    how: Method,
    *,
    device: str = "auto",
    address: str | None = None,
    downloads: int = DOWNLOADS,
    cache_size: int | None = None,
) -> Summary:
    """`cluster.scan.scan`, drawing its progress on standard error."""
    with Bar("scanning") as bar:
        counter = _Counter(bar)
        return scan(
            sources,
            store,
            how,
            device=device,
            address=address,
            downloads=downloads,
            cache_size=cache_size,
            on_event=counter.on_event,
            on_start=counter.on_start,
        )


class _Counter:
    def __init__(self, bar: Bar) -> None:
        self.bar = bar
        self.models = self.done = self.failed = self.layers = 0

    def on_start(self, models: int, size: int) -> None:
        self.models = models
        self.bar.start(size)

    def on_event(self, event: Event) -> None:
        self.layers += event.layers
        self.done += event.kind in ("scanned", "skipped")
        self.failed += event.kind == "failed"
        failures = f", {self.failed} failed" if self.failed else ""
        self.bar.advance(
            event.bytes, f"{self.done}/{self.models} models, {self.layers} layers{failures}"
        )


def print_summary(summary: Summary, console: Console | None = None) -> None:
    """The summary for a person, on standard output."""
    console = console or Console(soft_wrap=True, highlight=False)
    console.print(
        f"{summary.scanned} scanned, {summary.skipped} skipped (already there), "
        f"{summary.failed} failed; {summary.layers} layers in {summary.seconds:.1f} s"
    )
    console.print(f"store {summary.store}, method {summary.method}")
    for failed in summary.failures[:_NAMED]:
        console.print(
            f"failed: {failed.ref.repo_id} ({failed.stage}): {failed.message}", markup=False
        )
    if len(summary.failures) > _NAMED:
        console.print(f"… and {len(summary.failures) - _NAMED} more: zoo query failures")
