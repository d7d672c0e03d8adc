"""Reported accuracies, by source."""

from pathlib import Path

import pyarrow as pa

from zoo_analysis.store import Store, as_store

_REPORTED = """
SELECT repo_id, dataset, metric, split, value, source, source_url, retrieved_at FROM accuracies
WHERE $model IS NULL OR contains(lower(repo_id), lower($model))
ORDER BY repo_id, dataset, metric, source
"""


def accuracies_reported(
    store: Store | str | Path | None = None, model: str | None = None
) -> pa.Table:
    """The accuracies that sources report now, one row a model, data set, metric and source.

    Args:
        store: a store, or what `open_store` takes.
        model: only models with this in their repository id, whatever the case.

    Returns:
        repo_id, dataset, metric, split, value (percent for accuracies and F1 scores, else the
        metric's own unit), source, source_url, retrieved_at.

    Raises:
        StoreError: there is no store.
    """
    return as_store(store).run(_REPORTED, {"model": model})
