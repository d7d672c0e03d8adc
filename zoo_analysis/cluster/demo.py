"""`zoo demo`: the main job from end to end on models that need no network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from zoo_analysis.answers.regressions import regress
from zoo_analysis.cluster.account import Event, Summary
from zoo_analysis.cluster.flow import side_by_side
from zoo_analysis.cluster.scan import scan
from zoo_analysis.cluster.session import ray_session
from zoo_analysis.digits import digits_dir, digits_zoo, train
from zoo_analysis.store import Store, as_store

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


@dataclass(frozen=True)
class Demo:
    """The demonstration's account.

    Attributes:
        summary: of the scan.
        models: a row a model: its series, averages and reported accuracy in percent.
        regressions: accuracy regressed on each metric, series by series.
    """

    summary: Summary
    models: pa.Table
    regressions: pa.Table


def demo(
    store: Store | str | Path | None = None,
    *,
    address: str | None = None,
    on_training: Callable[[int, int, str], None] = lambda done, models, name: None,
    on_event: Callable[[Event], None] | None = None,
    on_start: Callable[[int, int], None] | None = None,
) -> Demo:
    """Train a small zoo of digit classifiers (once), scan it and packaged models, regress.

    Args:
        store: a store, or what `open_store` takes.
        address: of a Ray cluster that shares this machine's files; None is a local Ray.
        on_training: told how many of how many models are trained, and the name of the last; first
            with 0.
        on_event: as in `scan`; likewise `on_start`.
        on_start: told how many models there are, and the bytes of their weights.

    Raises:
        StoreError: a store that cannot be written.
        ZooError: no cluster.
    """
    store, root = as_store(store), digits_dir()
    missing = [spec for spec in digits_zoo() if not (root / spec.name).is_dir()]
    with ray_session(address):
        if missing:
            on_training(0, len(missing), "")
            side_by_side(
                train,
                [(spec, root) for spec in missing],
                lambda done, number: on_training(done, len(missing), missing[number].name),
            )
        summary = scan([str(root), "packaged:demo"], store, on_event=on_event, on_start=on_start)
    models = store.run(_MODELS, {"method": summary.method})
    table = regress(store, _METRICS, method=summary.method, min_models=2)
    return Demo(summary, models, table.select(_COLUMNS))
