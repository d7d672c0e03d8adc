"""`zoo demo`: the main job from end to end on models that need no network."""

import os
import shutil
import sys
from pathlib import Path

import typer

from zoo_analysis.cli.options import AddressOption, StoreOption

_METRICS = ("log_norm", "log_spectral_norm", "alpha", "alpha_weighted", "log_alpha_norm")
_MODELS = """
SELECT s.series, s.repo_id, s.layers, s.log_norm, s.log_spectral_norm, s.alpha, s.alpha_weighted,
    s.log_alpha_norm, s.warnings, a.dataset, a.value AS accuracy
FROM summaries s
LEFT JOIN accuracy a ON a.repo_id = s.repo_id AND a.metric = 'accuracy'
WHERE s.method = $method
ORDER BY s.series, accuracy DESC, s.repo_id
"""
_COLUMNS = ["series", "dataset", "metric", "n", "slope", "r2", "rmse", "kendall_tau", "kendall_p"]


def demo(store: StoreOption = None, address: AddressOption = None) -> None:
    """Train a small zoo, scan it and packaged models, regress metrics on accuracies."""
    from rich.console import Console

    from zoo_analysis.answers.regressions import regress
    from zoo_analysis.cli.output import write_table
    from zoo_analysis.cli.progress import Bar
    from zoo_analysis.cli.scan import scan_with_bar
    from zoo_analysis.cli.summaries import print_scan
    from zoo_analysis.cluster.flow import side_by_side
    from zoo_analysis.cluster.session import ray_session
    from zoo_analysis.digits import digits_dir, digits_zoo, train
    from zoo_analysis.store import open_store

    console = Console(soft_wrap=True, highlight=False)
    opened = open_store(store)
    specs, root = digits_zoo(), digits_dir()
    with ray_session(address):
        missing = [spec for spec in specs if not (root / spec.name).is_dir()]
        if missing:
            console.print(f"Training {len(missing)} digit classifiers into {root} (once)")
            with Bar("training", len(missing)) as bar:
                side_by_side(
                    train,
                    [(spec, root) for spec in missing],
                    lambda done, number: bar.advance(
                        1, f"{done}/{len(missing)} models, {missing[number].name}"
                    ),
                )
        console.print(f"Scanning {len(specs)} digit classifiers and the packaged models")
        summary = scan_with_bar([str(root), "packaged:demo"], opened, address=address)
    print_scan(summary)
    console.print("\nQuality metrics (means over layers), and reported accuracies in percent")
    write_table(opened.run(_MODELS, {"method": summary.method}), "table")
    console.print("\nAccuracy regressed on each metric, series by series")
    table = regress(opened, _METRICS, method=summary.method, min_models=2)
    write_table(table.select(_COLUMNS), "table")
    zoo, where = _command(), f" --store {store}" if store else ""
    console.print(
        f"\nThe store is {opened.uri}; ask it more:\n"
        f"  {zoo} queries\n"
        f"  {zoo} query leaderboard{where}\n"
        f"  {zoo} query 'SELECT * FROM summaries ORDER BY alpha_weighted'{where}\n"
        f"  {zoo} show efficientnet-lite0{where}",
        markup=False,
    )
    if summary.failed:
        raise typer.Exit(3)


def _command() -> str:
    """This command as it is called from here: by name, or by its path in an environment."""
    if shutil.which("zoo"):
        return "zoo"
    return os.path.relpath(Path(sys.executable).parent / "zoo")


def register(app: typer.Typer) -> None:
    """Add this command to the `zoo` command."""
    app.command()(demo)
