"""`zoo study`: a study on Ray, with its progress, into the store."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from zoo_analysis.cluster.flow import side_by_side
from zoo_analysis.cluster.session import ray_session
from zoo_analysis.folders import user_cache
from zoo_analysis.store import open_store
from zoo_analysis.store.schemas import STUDIES
from zoo_analysis.studies.study import Outcome, Setting, Study

#: What a reader is shown of the table `studies`.
READER_COLUMNS = ("group", "quantity", "measure", "n", "value", "low", "high", "p_value")


@dataclass(frozen=True)
class Ran:
    """A study that was run.

    Attributes:
        study: which.
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


def studies_dir() -> Path:
    """Where studies keep the networks they train: the user's cache directory."""
    return user_cache() / "studies"


def run_study(
    study: Study,
    store_uri: str | None = None,
    *,
    seeds: int | None = None,
    address: str | None = None,
    small: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Ran:
    """Run a study and add its rows to the store.

    Args:
        study: which.
        store_uri: as `open_store` takes it.
        seeds: how often each network is trained; None for the study's own number.
        address: of a Ray cluster that shares this machine's files; None is a local Ray.
        small: as in `Setting`.
        on_progress: told what is going on, how many pieces of it are done, and of how many.

    Raises:
        ZooError: no cluster, no digits to train on, or a store that cannot be written.
    """
    store = open_store(store_uri)
    setting = Setting(
        cache=studies_dir(),
        seeds=seeds or study.seeds,
        spread=partial(_spread, on_progress or (lambda title, done, total: None)),
        store=store if store.exists() else None,
        small=small,
    )
    with ray_session(address):
        outcome = study.run(setting)
    now = datetime.now(UTC)
    run_id = f"{study.name}-{now:%Y%m%dT%H%M%S%f}"
    rows = _with_constants(
        outcome.table,
        {"study": study.name, "run_id": run_id, "seeds": setting.seeds, "computed_at": now},
    )
    store.append("studies", rows)
    if outcome.similarities is not None:
        store.append(
            "similarities",
            _with_constants(outcome.similarities, {"run_id": run_id, "computed_at": now}),
        )
    return Ran(study, run_id, rows, outcome, store.uri)


def _spread(
    tell: Callable[[str, int, int], None],
    title: str,
    function: Callable[..., Any],
    arguments: Iterable[tuple[Any, ...]],
) -> list[Any]:
    """Results in the order of the arguments, computed side by side on Ray."""
    calls = list(arguments)
    results: list[Any] = [None] * len(calls)
    tell(title, 0, len(calls))
    for done, (number, result) in enumerate(side_by_side(function, calls), start=1):
        results[number] = result
        tell(title, done, len(calls))
    return results


def _with_constants(rows: pa.Table, constants: dict[str, Any]) -> pa.Table:
    """Rows with these columns constant, in place of what was there."""
    for name, value in constants.items():
        column = pa.repeat(pa.scalar(value, STUDIES.field(name).type), len(rows))
        if name in rows.column_names:
            rows = rows.drop_columns([name])
        rows = rows.append_column(name, column)
    return rows
