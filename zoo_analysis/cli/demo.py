"""`zoo demo`: its progress and its tables."""

import os
import shutil
import sys
from pathlib import Path

import typer

from zoo_analysis.cli.options import AddressOption, StoreOption


def demo(store: StoreOption = None, address: AddressOption = None) -> None:
    """Train a small zoo, scan it and packaged models, regress metrics on accuracies."""
    from zoo_analysis.cli.output import say, write_table
    from zoo_analysis.cli.progress import SCANNED, Bar, Bars, RunCounter
    from zoo_analysis.cli.summaries import print_scan
    from zoo_analysis.cluster.demo import demo as run
    from zoo_analysis.digits import digits_dir, digits_zoo

    bars = Bars()
    counter = RunCounter(Bar("scanning"), SCANNED, by_bytes=True)

    def on_training(done: int, models: int, name: str) -> None:
        if not done:
            say(f"Training {models} digit classifiers into {digits_dir()} (once)")
        bars.on_progress("training", done, models)

    def on_start(models: int, total: float) -> None:
        say(f"Scanning {len(digits_zoo())} digit classifiers and the packaged models")
        counter.bar = bars.begin("scanning")
        counter.on_start(models, total)

    with bars:
        found = run(
            store,
            address=address,
            on_training=on_training,
            on_event=counter.on_event,
            on_start=on_start,
        )
    print_scan(found.summary)
    say("", "Quality metrics (means over layers), and reported accuracies in percent")
    write_table(found.models, "table")
    say("", "Accuracy regressed on each metric, series by series")
    write_table(found.regressions, "table")
    zoo, where = _command(), f" --store {store}" if store else ""
    say(
        "",
        f"The store is {found.summary.store}; ask it more:",
        f"  {zoo} queries",
        f"  {zoo} query leaderboard{where}",
        f"  {zoo} query 'SELECT * FROM summaries ORDER BY alpha_weighted'{where}",
        f"  {zoo} show efficientnet-lite0{where}",
    )
    if found.summary.failed:
        raise typer.Exit(3)


def _command() -> str:
    """This command as it is called from here: by name, or by its path in an environment."""
    if shutil.which("zoo"):
        return "zoo"
    return os.path.relpath(Path(sys.executable).parent / "zoo")
