"""Summaries of runs: for a person, or as JSON."""

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from zoo_analysis.cli.options import Format
from zoo_analysis.cli.output import counted, say, say_whole, write_summary
from zoo_analysis.texts import few

if TYPE_CHECKING:
    from zoo_analysis.cluster.account import CorrelateSummary, RunSummary, Summary

#: Failures that are named; the rest are in the table.
_NAMED = 10

_S = TypeVar("_S", bound="RunSummary")


def tell(
    summary: _S, show: Callable[[_S], None], format: Format = "table", output: Path | None = None
) -> None:
    """A summary on standard output or in a file; exit status 3 where something failed."""
    write_summary(summary.as_dict(), lambda: show(summary), format, output)
    if summary.failed:
        raise typer.Exit(3)


def print_scan(summary: "Summary") -> None:
    """A scan's summary for a person, on standard output."""
    say(
        f"{summary.scanned} scanned, {summary.skipped} skipped (already there), "
        f"{summary.failed} failed; {counted(summary.layers, 'layer')} in {summary.seconds:.1f} s"
        + (f" ({summary.predicted:.1f} s predicted)" if summary.predicted else "")
    )
    for what, count in summary.further.items():
        say(
            f"{'differences' if what == 'delta' else what}: {count['scanned']} scanned, "
            f"{count['skipped']} skipped (already there); {counted(count['layers'], 'row')}"
        )
    if summary.parameters_total:
        rest = summary.parameters_total - summary.parameters_measured
        say(
            f"{summary.parameters_measured:,} of {summary.parameters_total:,} parameters measured"
            + (f"; what the other {rest:,} are: zoo query coverage" if rest else "")
        )
    _print_named("less than 90 % of the matrices measured", summary.incomplete)
    _print_named(
        "tensors that are not understood (zoo show MODEL names them)", summary.not_understood
    )
    say(f"store {summary.store}, method {summary.method}")
    print_remarks(summary.remarks)
    _print_failures(summary)


def print_findings(summary: "Summary", store: str | None) -> None:
    """Findings of a scan and the command to go on with, on standard output."""
    from zoo_analysis.answers.remarks.scan_findings import scan_findings

    found = (
        scan_findings(summary.store, summary.scan_id, summary.method) if summary.scanned else None
    )
    if found is not None:
        where = f" --store {shlex.quote(store)}" if store else ""
        say("", *found.told)
        say_whole(f"next: {found.following}{where}")


def print_remarks(remarks: Sequence[tuple[str, str]]) -> None:
    """The remarks of sources on their models; what is said of several models is printed once."""
    first = {text: repo_id for repo_id, text in reversed(remarks)}
    models = Counter(text for _, text in remarks)
    for text, count in list(models.items())[:_NAMED]:
        others = f" and {count - 1} more" if count > 1 else ""
        say(f"{first[text]}{others}: {text}")
    if len(models) > _NAMED:
        say(f"… and {len(models) - _NAMED} more remarks: --json has them all")


def print_comparison(summary: "CorrelateSummary") -> None:
    """A comparison's summary for a person, on standard output."""
    say(
        f"{counted(summary.pairs, 'pair')} of {counted(summary.models, 'model')} compared, "
        f"{summary.skipped} skipped (already there), {summary.failed} failed; "
        f"{counted(summary.rows, 'row')} in "
        f"{summary.seconds:.1f} s"
    )
    say(
        f"{counted(summary.forwarded, 'model')} run, {summary.cached} known from an earlier run; "
        f"probe {', '.join(summary.probes) or 'none'}; store {summary.store}"
    )
    if summary.apart:
        say(
            f"{counted(summary.apart, 'pair')} of an image and a language model left out: "
            "nothing can be shown to both"
        )
    if summary.incomparable:
        say(f"{counted(summary.incomparable, 'number')} cannot be had:")
    for reason in summary.reasons:
        say(f"  {reason}")
    _print_failures(summary)


def _print_named(what: str, models: Sequence[str]) -> None:
    if models:
        say(f"{what}: {few(models, _NAMED)}")


def _print_failures(summary: "RunSummary") -> None:
    for failed in summary.failures[:_NAMED]:
        say(f"failed: {failed.ref.repo_id} ({failed.stage}): {failed.message}")
    if len(summary.failures) > _NAMED:
        causes = Counter(f"{failed.stage}/{failed.error}" for failed in summary.failures)
        told = ", ".join(f"{count:,} {cause}" for cause, count in causes.most_common())
        say(f"… and {len(summary.failures) - _NAMED:,} more, in all {told}: zoo query failures")
