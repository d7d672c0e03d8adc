"""Questions to the store in SQL, and the named ones that come with the package."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from zoo_analysis.store import Store, as_store, list_queries
from zoo_analysis.store.query_limits import MEMORY, SECONDS
from zoo_analysis.store.records import table_of


@dataclass(frozen=True)
class Question:
    """A named question: what it answers, and its parameters with commas between."""

    name: str
    answers: str
    parameters: str


def query(
    store: Store | str | Path | None,
    sql: str,
    params: Mapping[str, object] | None = None,
    *,
    as_of: datetime | int | None = None,
    timeout: float = SECONDS,
    memory: int = MEMORY,
) -> pa.Table:
    """The answer to one read-only SELECT, or to a named question.

    Args:
        store: a store, or what `open_store` takes.
        sql: a SELECT over the tables and views, with ``$name`` for parameters; or the name of a
            question (`queries` lists them).
        params: their values by name; of a named question also as text.
        as_of: the tables as they were then: a time (naive: UTC), or a version of the store.
        timeout: seconds that it may take.
        memory: bytes for DuckDB to work in, and for the answer.

    Raises:
        QueryError: not one SELECT, one that DuckDB refuses or that meets a limit, or an unknown
            question or parameter.
        StoreError: there is no store, or never was such a version of it.
    """
    return as_store(store, as_of).run(sql, params, timeout=timeout, memory=memory)


def queries() -> pa.Table:
    """The named questions: columns `name`, `answers` and `parameters`."""
    return table_of(
        Question,
        [
            Question(named.name, named.title, ", ".join(param.name for param in named.params))
            for named in list_queries()
        ],
    )
