"""Series of models that are stored already: given by hand, or as their sources say them now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from zoo_analysis.errors import QueryError
from zoo_analysis.lookup import near, several, whole_or_part
from zoo_analysis.store import Store, as_store, tables
from zoo_analysis.store.records import table_of
from zoo_analysis.store.schemas import ASSIGNED_SERIES

#: Who says so: a user, or the sources of a scan that skipped what is stored.
BY_HAND: Final = "by hand"
_BY_SCAN: Final = "scan"
_SERIES: Final = """
SELECT repo_id, series FROM models m JOIN latest USING (repo_id, revision)
QUALIFY row_number() OVER (PARTITION BY repo_id ORDER BY committed_at DESC) = 1
"""
_LISTED: Final = """
SELECT series, count(DISTINCT repo_id) AS models, count(DISTINCT a.repo_id) AS with_accuracy
FROM models LEFT JOIN (SELECT DISTINCT repo_id FROM accuracy) a USING (repo_id)
GROUP BY series ORDER BY series NULLS LAST
"""


@dataclass(frozen=True)
class AssignedSeries:
    """A model's series, and the one before."""

    repo_id: str
    before: str | None
    series: str | None


def set_series(
    store: Store | str | Path | None, series: str | None, models: Sequence[str]
) -> pa.Table:
    """Give models of a store a series, in place of the one that they were scanned with.

    Args:
        store: a store, or what `open_store` takes.
        series: its name; None takes back what was given before.
        models: repository ids, parts that only one has, or patterns (``lab/resnet*``).

    Returns:
        A row a model: columns of `AssignedSeries`.

    Raises:
        QueryError: a name that no model has, or several do.
        StoreError: there is no store, or it cannot be written.
    """
    store = as_store(store)
    known = dict(zip(*store.run(_SERIES).to_pydict().values(), strict=True))
    chosen = list(dict.fromkeys(name for given in models for name in _meant(given, known)))
    _assign(store, dict.fromkeys(chosen, series), BY_HAND)
    now = dict(zip(*store.run(_SERIES).to_pydict().values(), strict=True))
    return table_of(
        AssignedSeries, [AssignedSeries(name, known[name], now[name]) for name in chosen]
    )


def list_series(store: Store | str | Path | None = None) -> pa.Table:
    """The series of a store, each with its number of models, and of those with an accuracy.

    Args:
        store: a store, or what `open_store` takes.

    Raises:
        StoreError: there is no store.
    """
    return as_store(store).run(_LISTED)


def restate_series(store: Store, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Keep the series that sources say now of models that were stored with another.

    What sources said last, once kept, is not kept again, so that a series given by hand since then
    stays until they say another.

    Args:
        store: that may hold the models.
        given: series by repo_id.

    Returns:
        A remark on each model whose series is another now.
    """
    if not given:
        return []
    stored: dict[str, set[str | None]] = {}
    for row in _rows(store, "models", given):
        stored.setdefault(row["repo_id"], set()).add(row["series"])
    said = {
        row["repo_id"]: row["series"]
        for row in sorted(_rows(store, "assigned_series", given), key=lambda r: r["assigned_at"])
        if row["source"] == _BY_SCAN
    }
    news = {
        repo_id: series
        for repo_id, series in given.items()
        if repo_id in stored
        and (said[repo_id] != series if repo_id in said else series not in stored[repo_id])
    }
    _assign(store, news, _BY_SCAN)
    return [
        (repo_id, f"in the store it is of series {series} now") for repo_id, series in news.items()
    ]


def _meant(name: str, known: Mapping[str, object]) -> list[str]:
    if any(sign in name for sign in "*?["):
        found = sorted(each for each in known if fnmatchcase(each, name))
    elif len(found := whole_or_part(name, known)) > 1:
        raise QueryError(several(name, found))
    if not found:
        hint = near(name, known, "zoo query models lists them", most=3)
        raise QueryError(f"no model {name!r} in the store; {hint}")
    return found


def _assign(store: Store, series: Mapping[str, str | None], source: str) -> None:
    rows = [
        {"repo_id": repo_id, "series": each, "source": source} for repo_id, each in series.items()
    ]
    if rows:
        schema = ASSIGNED_SERIES.remove(ASSIGNED_SERIES.get_field_index("assigned_at"))
        store.append("assigned_series", pa.Table.from_pylist(rows, schema=schema))


def _rows(store: Store, name: str, repo_ids: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of some models as they are, without DuckDB: a scan with nothing to do is quick."""
    table = tables.load(store.location, name)
    if table is None:
        return []
    columns = ["repo_id", "series"] if name == "models" else ASSIGNED_SERIES.names
    among = pc.field("repo_id").isin(list(repo_ids))
    rows = tables.dataset(store.location, table).to_table(columns=columns, filter=among)
    found: list[dict[str, Any]] = rows.to_pylist()
    return found
