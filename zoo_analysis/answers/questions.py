"""Questions to the store in SQL, and the named ones that come with the package."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from zoo_analysis.store import NamedQuery, Param, Store, as_store, list_queries
from zoo_analysis.store.query_limits import MEMORY, SECONDS
from zoo_analysis.store.records import table_of


@dataclass(frozen=True)
class Question:
    """A named question: what it answers, its parameters, and whether it is the user's own."""

    name: str
    answers: str
    parameters: str
    yours: bool


@dataclass(frozen=True)
class QuestionParameter:
    """A parameter of a named question: ``required``, or its default as one would write it."""

    name: str
    type: str
    default: str
    about: str


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
    """The named questions: those that come with the package, and those of your settings folder.

    Returns:
        Columns of `Question`. `store.get_query` has the SQL and the parameters of one.

    Raises:
        QueryError: one of your own is malformed, or is called like one of the others.
    """
    return table_of(
        Question,
        [
            Question(
                named.name,
                named.title,
                ", ".join(param.name for param in named.params),
                named.file is not None,
            )
            for named in list_queries()
        ],
    )


def parameters(question: NamedQuery) -> pa.Table:
    """The parameters of a named question.

    Args:
        question: as `store.get_query` has it.

    Returns:
        Columns of `QuestionParameter`.
    """
    return table_of(
        QuestionParameter,
        [QuestionParameter(p.name, p.type, _default(p), p.about) for p in question.params],
    )


def _default(param: Param) -> str:
    if param.required:
        return "required"
    return "null" if param.default is None else str(param.default)
