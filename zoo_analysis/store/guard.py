"""Admission of queries: one SELECT statement over the store's own tables."""

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from zoo_analysis.errors import QueryError

#: Table functions that compute or describe. All others read files, memory or other SQL, or change
#: settings, and are refused by name before DuckDB's own locks are even tried.
_TABLE_FUNCTIONS = frozenset(
    {
        *("range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"),
        *("histogram", "histogram_values", "summary", "pragma_table_info", "pragma_show"),
        *("duckdb_columns", "duckdb_functions", "duckdb_keywords", "duckdb_schemas"),
        *("duckdb_tables", "duckdb_types", "duckdb_views", "pragma_version"),
    }
)
#: What the environment and the settings of the process are: they may hold tokens and paths.
_FUNCTIONS_REFUSED = frozenset({"getenv", "current_setting"})
_CATALOGUES_REFUSED = frozenset(
    {"pg_settings", "duckdb_databases", "duckdb_logs", "pragma_database_list"}
)


def admit(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """The one SELECT statement that `query` is.

    Args:
        connection: used to parse only.
        query: SQL text.

    Returns:
        The statement, without what follows its semicolon.

    Raises:
        QueryError: not exactly one statement, not a SELECT, bad syntax, or a function that would
            reach outside the store.
    """
    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        raise QueryError(explain(error)) from error
    if len(statements) != 1:
        raise QueryError(f"{len(statements)} statements; ask one SELECT at a time")
    statement = statements[0]
    if statement.type != duckdb.StatementType.SELECT:
        kind = statement.type.name.replace("_", " ")
        raise QueryError(f"{kind} is refused: the store is read-only, ask a SELECT")
    text: str = statement.query
    (serialized,) = connection.execute("SELECT json_serialize_sql($q)", {"q": text}).fetchall()[0]
    tree = json.loads(serialized)
    if tree["error"]:  # DuckDB takes it for a SELECT, but cannot show what is in it
        raise QueryError("only plain SELECT statements are admitted")
    for name in _functions(tree):
        raise QueryError(f"{name} is refused: a query reads the store's tables and nothing else")
    return text


def _functions(node: Any) -> Iterator[str]:
    """The names of refused functions and views anywhere in a serialized statement."""
    if isinstance(node, list):
        for child in node:
            yield from _functions(child)
    elif isinstance(node, dict):
        if node.get("type") == "TABLE_FUNCTION":
            name = _name(node["function"])
            if name not in _TABLE_FUNCTIONS:
                yield name
        elif node.get("type") == "BASE_TABLE":
            name = str(node.get("table_name")).lower()
            if name in _CATALOGUES_REFUSED:
                yield name
        elif node.get("class") == "FUNCTION" and _name(node) in _FUNCTIONS_REFUSED:
            yield _name(node)
        for child in node.values():
            yield from _functions(child)


def _name(function: dict[str, Any]) -> str:
    return str(function.get("function_name", "?")).lower()


def explain(error: BaseException) -> str:
    """DuckDB's message on one line: what is wrong, where, and what it suggests instead."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not re.fullmatch(r"[\^~ ]+", line)]
    message = " ".join(kept) or type(error).__name__
    return message if len(message) <= 400 else message[:397] + "..."
