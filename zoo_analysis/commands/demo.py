"""`zoo demo`: the main job from end to end on models that need no network."""

import os
import shutil
import sys
from pathlib import Path

from rich.console import Console

from zoo_analysis.cluster.session import ray_session
from zoo_analysis.cluster.summary import Summary
from zoo_analysis.cluster.train import train_zoo
from zoo_analysis.commands.scan import print_summary, scan_with_progress
from zoo_analysis.report.progress import Bar
from zoo_analysis.report.regressions import regression_table
from zoo_analysis.report.tables import write_table
from zoo_analysis.sources.digits import digits_dir, digits_zoo
from zoo_analysis.spectra import Method
from zoo_analysis.store import open_store

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


def run_demo(store_uri: str | None, address: str | None = None) -> Summary:
    """Train the digits zoo (once), scan it and the packaged models, and print what they tell.

    Args:
        store_uri: as `open_store` takes it.
        address: of a Ray cluster that shares this machine's files; None is a local Ray.
    """
    console = Console(soft_wrap=True, highlight=False)
    store = open_store(store_uri)
    specs, root = digits_zoo(), digits_dir()
    with ray_session(address):
        missing = [spec for spec in specs if not (root / spec.name).is_dir()]
        if missing:
            console.print(f"Training {len(missing)} digit classifiers into {root} (once)")
            with Bar("training", len(missing)) as bar:
                for i, name in enumerate(train_zoo(missing, root)):
                    bar.advance(1, f"{i + 1}/{len(missing)} models, {name}")
        console.print(f"Scanning {len(specs)} digit classifiers and the packaged models")
        summary = scan_with_progress([str(root), "packaged:demo"], store, Method(), address=address)
    print_summary(summary, console)
    console.print("\nQuality metrics (means over layers), and reported accuracies in percent")
    write_table(store.run(_MODELS, {"method": summary.method}), "table")
    console.print("\nAccuracy regressed on each metric, series by series")
    table = regression_table(store, _METRICS, by="series", method=summary.method, min_models=2)
    write_table(table.select(_COLUMNS), "table")
    zoo, where = _command(), f" --store {store_uri}" if store_uri else ""
    console.print(
        f"\nThe store is {store.uri}; ask it more:\n"
        f"  {zoo} queries\n"
        f"  {zoo} query leaderboard{where}\n"
        f"  {zoo} query 'SELECT * FROM summaries ORDER BY alpha_weighted'{where}\n"
        f"  {zoo} show efficientnet-lite0{where}",
        markup=False,
    )
    return summary


def _command() -> str:
    """How this command is called from here: by name, or by its path in an environment."""
    if shutil.which("zoo"):
        return "zoo"
    return os.path.relpath(Path(sys.executable).parent / "zoo")
