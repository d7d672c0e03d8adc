"""Questions to the store in SQL, and the named ones that come with the package."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa

from zoo_analysis.answers.remarks.empty_tables import why_tables_are_empty
from zoo_analysis.answers.remarks.no_rows import check_columns, why_none
from zoo_analysis.answers.remarks.ranking_words import told_of_random
from zoo_analysis.errors import QueryError
from zoo_analysis.store import NamedQuery, Param, Store, as_store, list_queries, named_by_user
from zoo_analysis.store.query_limits import MEMORY, SECONDS
from zoo_analysis.store.records import table_of

#: Comments of a question that are no prose of its own.
_DECLARED: Final = ("-- param ", "-- empty:")


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


@dataclass(frozen=True)
class Answer:
    """The answer to a question: its rows, and what to know of them.

    Attributes:
        table: the rows.
        note: why there are no rows, as far as that is known; of how many these are the first; what
            it means that models look random. None where nothing is to be said.
    """

    table: pa.Table
    note: str | None = None


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
        QueryError: not one SELECT, one that DuckDB refuses or that meets a limit, an unknown
            question or parameter, or one that has no rows because a parameter names what the store
            does not know.
        StoreError: there is no store, or never was such a version of it.
    """
    return ask(store, sql, params, as_of=as_of, timeout=timeout, memory=memory).table


def ask(
    store: Store | str | Path | None,
    sql: str,
    params: Mapping[str, object] | None = None,
    *,
    as_of: datetime | int | None = None,
    timeout: float = SECONDS,
    memory: int = MEMORY,
) -> Answer:
    """`query`, with a note on an answer that is empty or cut short.

    Raises:
        QueryError: as `query`; also a parameter that names what the store does not know, where that
            leaves no rows.
        StoreError: as `query`.
    """
    store, name = as_store(store, as_of), sql.strip()
    named = named_by_user(name) if len(name.split()) == 1 else None
    table = store.run(sql, params, timeout=timeout, memory=memory)
    if named is None:
        why = None if len(table) else why_tables_are_empty(store, sql)
        return Answer(table, why and f"no rows: {why}")
    values = named.bind(params or {})
    check_columns(store, named, values)
    if not len(table):
        return Answer(table, why_none(store, named, values))
    words = told_of_random(table) if named.name == "leaderboard" else None
    notes = [words, _cut_short(store, named, values, len(table), timeout, memory)]
    return Answer(table, ". ".join(note for note in notes if note) or None)


def _cut_short(
    store: Store,
    named: NamedQuery,
    values: Mapping[str, object],
    found: int,
    timeout: float,
    memory: int,
) -> str | None:
    """Of how many rows those that were found are the first; None where they are all."""
    if found != values.get("limit"):
        return None
    try:
        all_rows = f"SELECT count(*) AS rows FROM (\n{named.sql.rstrip().rstrip(';')}\n)"
        counted = store.run(all_rows, {**values, "limit": None}, timeout=timeout, memory=memory)
    except QueryError:  # a limit: sorting all is more work than finding the first
        return f"the first {found} rows: -p limit=N shows more"
    (rows,) = counted["rows"].to_pylist()
    return f"{found} of {rows} rows: -p limit={rows} shows all" if rows != found else None


def queries() -> pa.Table:
    """The named questions: those that come with the package, and those of your settings folder.

    Returns:
        Columns of `Question`. `store.get_query` has the SQL and the parameters of one;
        `store.query_problems` tells which of your own cannot be asked.
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


def parts(question: NamedQuery) -> tuple[list[str], str]:
    """The comments of a question that declare nothing, and its bare SQL.

    Args:
        question: as `store.get_query` has it.

    Returns:
        The comments above the SQL as one text, or none; and the rest.
    """
    lines = question.sql.strip().splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    told = [
        line.removeprefix("--").strip() for line in lines[1:end] if not line.startswith(_DECLARED)
    ]
    return [" ".join(told)] if told else [], "\n".join(lines[end:])


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
