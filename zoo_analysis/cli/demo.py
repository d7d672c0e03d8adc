"""`zoo demo`: its progress and its tables."""

import os
import shutil
import sys
from pathlib import Path

import typer

from zoo_analysis.answers.defaults import REPORT_FOLDER
from zoo_analysis.cli.options import AddressOption, StoreOption


def demo(store: StoreOption = None, address: AddressOption = None) -> None:
    """Train a small zoo, scan it and packaged models beside random ones, and say what is seen."""
    from zoo_analysis.cli.groups.report import build
    from zoo_analysis.cli.output import say, say_whole, write_table
    from zoo_analysis.cli.telling.progress import SCANNED, Bar, Bars, RunCounter
    from zoo_analysis.cli.telling.summaries import print_scan
    from zoo_analysis.cluster.demo import demo as run
    from zoo_analysis.digits import digits_zoo
    from zoo_analysis.folders import user_cache

    bars = Bars()
    counter = RunCounter(Bar("scanning"), SCANNED, by_bytes=True)

    def on_training(done: int, models: int, name: str) -> None:
        if not done:
            say(f"Making {models} models, digit classifiers and twins (once): {user_cache()}")
        bars.on_progress("training", done, models)

    def on_start(models: int, total: float) -> None:
        say(f"Scanning {len(digits_zoo())} digit classifiers, the packaged models and their twins")
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
    say("", "1. Was it trained? The share of layers that look random")
    write_table(found.twins, "table")
    say(*found.twins_told)
    say(
        "",
        "2. Does a metric predict accuracy? Kendall's τ within each series of digit classifiers; "
        "perm_p and q are the chance of R²",
    )
    write_table(found.regressions, "table")
    say(*found.digits_told)
    say("", "3. What was published: errors of pytorchcv's models and metrics (Nature Comm. 2021)")
    if len(found.published):
        write_table(found.published, "table")
    say(found.published_told)
    zoo, where = _command(), f" --store {store}" if store else ""
    say("", f"4. Where the numbers lie: {found.summary.store}. Ask it more:")
    say_whole(
        f"  {zoo} query leaderboard -p series=efficientnet-lite{where}",
        f"  {zoo} regress --dataset digits --metric alpha_median --quality clear{where}",
        f"  {zoo} diagnose random/mobilenet_v2{where}",
        f"  {zoo} show ml-illustrated/efficientnet-lite0{where}",
        f"  {zoo} queries",
    )
    say("", "5. The same as pages, to open in a browser:")
    build(store, _beside(found.summary.store))
    if found.summary.failed:
        raise typer.Exit(3)


def _beside(store: str) -> Path:
    """The report of a store: beside it where that is a folder of this machine."""
    return Path(REPORT_FOLDER) if "://" in store else Path(store).with_name(REPORT_FOLDER)


def _command() -> str:
    """This command as it is called from here: by name, or by its path in an environment."""
    if shutil.which("zoo"):
        return "zoo"
    return os.path.relpath(Path(sys.executable).parent / "zoo")
