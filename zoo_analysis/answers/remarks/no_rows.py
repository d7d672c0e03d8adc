"""The reason why a named question has no rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zoo_analysis.answers.names import there, why_unmeasured
from zoo_analysis.answers.remarks.empty_tables import (
    COMPARED,
    REPORTED,
    SCANNED,
    TABLES,
    why_table_is_empty,
    why_tables_are_empty,
)
from zoo_analysis.errors import QueryError
from zoo_analysis.lookup import near
from zoo_analysis.store import NamedQuery, Store, as_store
from zoo_analysis.store.schemas import QUALITIES, SUMMARY_COLUMNS


@dataclass(frozen=True)
class _Kind:
    """What a parameter of some name names: where the names are, and how one is given."""

    known: str | Sequence[str]
    fits: Callable[[str, str], bool] = str.__eq__
    lacking: str = ""


def _is_called(known: str, given: str) -> bool:
    return given in (known, known.rpartition("/")[2])


_ALL: Final = "SELECT DISTINCT repo_id FROM models ORDER BY ALL"
_MODEL: Final = _Kind(_ALL, _is_called, SCANNED)
_END: Final = _Kind(_ALL, str.endswith, SCANNED)
_KINDS: Final[Mapping[str, _Kind]] = {
    "metric": _Kind(SUMMARY_COLUMNS),
    "quality": _Kind(QUALITIES),
    "series": _Kind(
        "SELECT DISTINCT series FROM models WHERE series IS NOT NULL ORDER BY ALL",
        lacking="give some: zoo series set SERIES MODEL...",
    ),
    "dataset": _Kind("SELECT DISTINCT dataset FROM accuracy ORDER BY ALL", lacking=REPORTED),
    "accuracy": _Kind("SELECT DISTINCT metric FROM accuracy ORDER BY ALL", lacking=REPORTED),
    "method": _Kind("SELECT DISTINCT method FROM commits ORDER BY ALL", str.startswith),
    "model": _MODEL,
    "repo_id": _MODEL,
    "a": _END,
    "b": _END,
    "architecture": _Kind(
        "SELECT DISTINCT architecture FROM models WHERE architecture IS NOT NULL ORDER BY ALL"
    ),
    "watch": _Kind(
        "SELECT DISTINCT watch FROM releases ORDER BY ALL", lacking="look: zoo track WATCH.toml"
    ),
    "reference": _Kind("SELECT DISTINCT other FROM likeness ORDER BY ALL", lacking=COMPARED),
    "measure": _Kind("SELECT DISTINCT measure FROM similarities ORDER BY ALL", lacking=COMPARED),
    "probe": _Kind(
        "SELECT DISTINCT probe FROM similarities WHERE probe IS NOT NULL ORDER BY ALL",
        str.startswith,
        COMPARED,
    ),
    "predictor": _Kind(
        "SELECT DISTINCT predictor FROM predictions WHERE predictor IS NOT NULL ORDER BY ALL",
        lacking="make some: zoo predict",
    ),
    "stage": _Kind("SELECT DISTINCT stage FROM failures ORDER BY ALL"),
    "warning": _Kind(
        "SELECT DISTINCT unnest(string_split(warning, ', ')) FROM layers ORDER BY ALL"
    ),
}


def check_columns(store: Store, named: NamedQuery, values: Mapping[str, object]) -> None:
    """A check that metrics and qualities are some: of others a question may have rows, all null.

    Args:
        store: that is asked.
        named: the question.
        values: of all its parameters.

    Raises:
        QueryError: there is no such metric or quality; suggests the nearest.
    """
    for param in named.params:
        kind, value = _KINDS.get(param.name), values[param.name]
        if kind is not None and not isinstance(kind.known, str) and isinstance(value, str):
            _refuse_unknown(store, param.name, value)


def why_none(store: Store, named: NamedQuery, values: Mapping[str, object]) -> str:
    """The reason why a question has no rows, in a sentence.

    Args:
        store: that was asked.
        named: the question.
        values: of all its parameters.

    Raises:
        QueryError: a value names what the store does not know: a metric, method, data set, series,
            model, watch, …; suggests the nearest.
    """
    for param in named.params:
        value = values[param.name]
        if param.name in _KINDS and isinstance(value, str) and value != param.default:
            _refuse_unknown(store, param.name, value)
    if isinstance(metric := values.get("metric"), str) and not _has(store, metric):
        return f"no rows: no model in the store has {metric}"
    if told := why_tables_are_empty(store, named.sql):
        return f"no rows: {told}"
    usual = {param.name: param.default for param in named.params}
    asked = {param.name: param.required for param in named.params}
    given = {
        name: value
        for name, value in values.items()
        if value != usual[name] and not asked[name] and name != "limit"
    }
    if given and _answers(store, named, {**values, **{name: usual[name] for name in given}}):
        told = ", ".join(f"{name}={_short(value)}" for name, value in given.items())
        return f"no rows: nothing in the store fits {told}"
    return f"no rows: {named.empty or 'nothing in the store answers the question'}"


def why_empty(store: Store | str | Path | None, table: str, given: str = "") -> str:
    """The reason why a listing of a table has no rows, in a sentence.

    Args:
        store: that was asked, or what `open_store` takes.
        table: that was listed.
        given: what it was restricted to, in words that follow its rows': ``is of X``.

    Raises:
        StoreError: there is no store.
    """
    told = why_table_is_empty(as_store(store), table)
    return f"no rows: {told or f'no {TABLES[table][0]} in the store {given}'}"


def _answers(store: Store, named: NamedQuery, values: Mapping[str, object]) -> bool:
    """Whether a question has an answer with other values of its parameters."""
    asked = f"SELECT 1 FROM (\n{named.sql.rstrip().rstrip(';')}\n) LIMIT 1"
    return bool(store.run(asked, values).num_rows)


def _short(value: object) -> str:
    return f"({len(value)} names)" if isinstance(value, list) else str(value)


def _has(store: Store, metric: str) -> bool:
    asked = "SELECT 1 FROM summary_values($metric, 'all') WHERE value IS NOT NULL LIMIT 1"
    return bool(store.run(asked, {"metric": metric}).num_rows)


def _refuse_unknown(store: Store, name: str, value: str) -> None:
    kind = _KINDS[name]
    asked = kind.known
    known = (
        [text for text in store.run(asked).columns[0].to_pylist() if text is not None]
        if isinstance(asked, str)
        else [*asked]
    )
    if any(kind.fits(each, value) for each in known):
        return
    if kind.known is _ALL and (told := why_unmeasured(store, value)):
        raise QueryError(told)
    what = "model" if kind.known is _ALL else name
    if not known:
        remedy = f"; {kind.lacking}" if kind.lacking else ""
        raise QueryError(f"no {what} {value!r}: the store holds none{remedy}")
    parts = [each for each in known if value.lower() in each.lower()]
    hint = f"did you mean {parts[0]}?" if parts else near(value, known, there(known), most=2)
    begins = " begins with" if kind.fits is str.startswith else ""
    raise QueryError(f"no {what}{begins} {value!r}; {hint}")
