"""`zoo study`: a study on Ray, with its progress, into the store."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray

from zoo_analysis.cluster.flow import side_by_side
from zoo_analysis.cluster.session import ray_session
from zoo_analysis.errors import ZooError
from zoo_analysis.folders import study_cache
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.runs import made_by, new_run_id
from zoo_analysis.store.schemas import SIMILARITIES, STUDIES
from zoo_analysis.studies.catalogue import get_study
from zoo_analysis.studies.pieces import continued
from zoo_analysis.studies.study import Outcome, Setting, Study

#: Columns of the table `studies` that a reader is shown.
READER_COLUMNS = ("group", "quantity", "measure", "n", "value", "low", "high", "p_value")


@dataclass(frozen=True)
class StudyRun:
    """A study that was run.

    Attributes:
        study: the study.
        run_id: of its rows.
        rows: those of the table `studies`.
        outcome: what it found.
        store: URI of where the rows are.
    """

    study: Study
    run_id: str
    rows: pa.Table
    outcome: Outcome
    store: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        told: dict[str, Any] = {
            "study": self.study.name,
            "run_id": self.run_id,
            "store": self.store,
            "finding": self.study.finding,
            "source": self.study.source,
            "seen": self.outcome.seen,
            "verdict": self.outcome.verdict,
            "estimates": self.rows.select(READER_COLUMNS).to_pylist(),
        }
        if self.outcome.cells is not None:
            told |= {"cells": self.outcome.cells.to_pylist(), "remarks": self.outcome.remarks}
        return told


def study(
    name: str,
    store: Store | str | Path | None = None,
    *,
    seeds: int | None = None,
    address: str | None = None,
    small: bool = False,
    data: str | Path | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> StudyRun:
    """Rerun a published experiment and add its estimates to the store.

    Args:
        name: one of `list_studies`.
        store: a store, or what `open_store` takes.
        seeds: how often each network is trained; None for the study's own number.
        address: of a Ray cluster that shares this machine's files; None is a local Ray.
        small: as in `Setting`.
        data: folder of published data, for a study that reads such; fetched where it is None.
        on_progress: told what is going on, how many pieces of it are done, and of how many.

    Returns:
        The estimates with their intervals, and the verdict.

    Raises:
        ZooError: no such study, no cluster, no digits to train on, no data, or a store that
            cannot be written.
    """
    chosen, store = get_study(name), as_store(store)
    if data is not None and not chosen.reads_data:
        raise ZooError(f"{name} reads no published data; leave the folder out")
    cache = study_cache()
    with ExitStack() as stack:
        spread = partial(
            _spread,
            on_progress or (lambda title, done, total: None),
            # Ray starts with the first work for it: a study that trains nothing needs none.
            partial(_started, stack, address),
        )
        setting = Setting(
            cache=cache,
            seeds=seeds or chosen.seeds,
            spread=stack.enter_context(continued(spread, cache, name)),
            store=store if store.exists() else None,
            small=small,
            data=None if data is None else Path(data),
        )
        outcome = chosen.run(setting)
    run_id = new_run_id(name)
    run = {"run_id": run_id, "computed_at": datetime.now(UTC)}
    rows = made_by(outcome.table, STUDIES, study=name, seeds=setting.seeds, **run)
    store.append("studies", rows)
    if outcome.similarities is not None:
        store.append("similarities", made_by(outcome.similarities, SIMILARITIES, **run))
    return StudyRun(chosen, run_id, rows, outcome, store.uri)


def _started(stack: ExitStack, address: str | None) -> None:
    """Ray, once in a stack."""
    if not ray.is_initialized():
        stack.enter_context(ray_session(address))


def _spread(
    tell: Callable[[str, int, int], None],
    start: Callable[[], None],
    title: str,
    function: Callable[..., Any],
    arguments: Iterable[tuple[Any, ...]],
) -> list[Any]:
    """Results in the order of the arguments, computed side by side on Ray."""
    start()
    calls = list(arguments)
    tell(title, 0, len(calls))
    return side_by_side(function, calls, lambda done, _: tell(title, done, len(calls)))
