"""Commits of models in which a bad one costs itself."""

from collections.abc import Sequence

import pyarrow as pa

from zoo_analysis.cluster.worker import Failure, failure
from zoo_analysis.sources import ModelRef
from zoo_analysis.store import ModelRows, Store
from zoo_analysis.store.model_rows import assemble


def commit_each(
    store: Store, models: Sequence[ModelRows], run_id: str
) -> tuple[list[ModelRows], list[Failure]]:
    """Commit models together; if that fails, one by one.

    Args:
        store: where to.
        models: measured.
        run_id: of the run that made them.

    Returns:
        Those that were written, and a failure for each other one.

    Raises:
        StoreError: the store cannot be written, by no fault of the models.
    """
    try:
        store.commit_models(models, run_id)
    except Exception as together:
        written, bad = [], []
        for rows in models:
            try:
                store.commit_models([rows], run_id)
                written.append(rows)
            except Exception as error:
                bad.append((rows, error))
        if not written and all(_fit(rows, run_id) for rows, _ in bad):
            raise together
        return written, [_unwritten(rows, error) for rows, error in bad]
    return list(models), []


def _fit(rows: ModelRows, run_id: str) -> bool:
    try:
        assemble([rows], run_id)
    except Exception:
        return False
    return True


def _unwritten(rows: ModelRows, error: Exception) -> Failure:
    """A model whose rows the tables do not take, such as a number beyond 64 bits."""
    model = rows.model.to_pylist()[0] if isinstance(rows.model, pa.RecordBatch) else rows.model
    ref = ModelRef(str(model.get("repo_id")), str(model.get("revision")), "", "local", 0)
    return failure(ref, "commit", error).about("its rows cannot be written")
