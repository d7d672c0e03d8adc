"""Admission of queries: one SELECT statement over the store's own tables."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import duckdb

from zoo_analysis.errors import QueryError
from zoo_analysis.lookup import near
from zoo_analysis.store.views import view_names

#: Table functions that compute or describe. All others read files, memory or other SQL, or change
#: settings, and are refused by name before DuckDB's own locks are even tried.
_TABLE_FUNCTIONS = frozenset(
    {
        *("range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"),
        *("histogram", "histogram_values", "summary", "pragma_table_info", "pragma_show"),
        *("duckdb_columns", "duckdb_functions", "duckdb_keywords", "duckdb_schemas"),
        *("duckdb_tables", "duckdb_types", "duckdb_views", "pragma_version"),
        *("contenders", "summary_values"),  # macros of queries/views
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


#: What DuckDB says of a name that is not there: which kind of thing, the name, what it suggests.
_UNKNOWN: Final = (
    (re.compile(r'Table with name "?(?P<name>[^"]+?)"? does not exist'), "table or view"),
    (
        re.compile(
            r'Referenced column "(?P<name>.+?)" (?:not found|was not found)'
            r"(?:.*?Candidate bindings: (?P<near>.*))?"
        ),
        "column",
    ),
    (
        re.compile(r'(?:list|Table) "(?P<of>.+?)" does not have a column named "(?P<name>.+?)"'),
        "column",
    ),
    (re.compile(r'Column "(?P<name>.+?)" does not exist'), "column"),
    (
        re.compile(
            r'Referenced table "(?P<name>.+?)" not found(?:.*?Candidate tables: (?P<near>.*))?'
        ),
        "table",
    ),
    (
        re.compile(
            r"(?:\w+ )?Function with name (?P<name>\S+) does not exist"
            r'(?:.*?Did you mean (?P<near>"[^"]*"))?'
        ),
        "function",
    ),
)
_NO_MATCH: Final = re.compile(r"No function matches .*?'(?P<call>.+?)'\. You might.*")
_LOCATION: Final = re.compile(r" LINE \d+: .*")


def explain(error: BaseException) -> str:
    """DuckDB's refusal on one line: the name that is not there and those like it, or its own words.

    Args:
        error: of DuckDB; its name for the kind of error is left out.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    message = re.sub(r"^(?:[A-Z]\w* )+Error: ", "", " ".join(lines))
    for pattern, what in _UNKNOWN:
        if told := pattern.search(message):
            return _unknown(what, told.groupdict())
    if told := _NO_MATCH.search(message):
        return f"no function takes {told['call']}; cast its arguments to other types"
    message = _LOCATION.sub("", message) or type(error).__name__
    return message if len(message) <= 400 else message[:397] + "..."


def _unknown(what: str, told: Mapping[str, str | None]) -> str:
    name, candidates = told["name"] or "", re.findall(r'"([^"]+)"', told.get("near") or "")
    if what == "table or view":
        views = view_names()
        hint = near(name, views, f"there are: {', '.join(views)}", most=2)
    elif candidates:
        hint = near(name, candidates, f"the nearest are {', '.join(candidates)}", most=2)
    elif what == "column":
        hint = "`DESCRIBE` and the name of a table list its columns"
    else:
        hint = "see DuckDB's documentation of functions"
    of = f"{told['of']} has " if told.get("of") else ""
    return f"{of}no {what} {name!r}; {hint}"
