"""Accuracies of language models from the table of the Open LLM Leaderboard (its second version).

It is published as the data set ``open-llm-leaderboard/contents`` of the hub, one Parquet file: a
row is a model at a commit in a precision. Of each benchmark there is the accuracy as a fraction
(``IFEval Raw``), and in ``IFEval`` what the leaderboard shows: rescaled so that chance is 0, in
percent. The accuracy is stored, in percent, because cards report the same.
"""

import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.description import hub_model
from zoo_analysis.sources.fetch import fetched_bytes, read_table
from zoo_analysis.sources.parquet_tables import flat_table
from zoo_analysis.sources.ref import Accuracy
from zoo_analysis.sources.reported.source import AccuracySource, Inquiry
from zoo_analysis.texts import few, printable

NAME: Final = "open-llm-leaderboard"
#: Columns of fractions → names of the data sets.
_BENCHMARKS: Final = MappingProxyType(
    {
        "IFEval Raw": "ifeval",
        "BBH Raw": "bbh",
        "MATH Lvl 5 Raw": "math-lvl-5",
        "GPQA Raw": "gpqa",
        "MUSR Raw": "musr",
        "MMLU-PRO Raw": "mmlu-pro",
    }
)
_MODEL: Final = "fullname"
_SUBMITTED: Final = "Submission Date"
#: Characters of a name in a remark.
_SHOWN: Final = 60


def leaderboard_accuracies(asked: Inquiry) -> Iterator[Accuracy]:
    """Six accuracies of each model of the leaderboard's tables.

    Of several rows of a model, its precisions and commits, the one submitted last counts, and of
    those of a day the last in the table; how many do not count, and which can be no models of the
    hub, is remarked.

    Raises:
        SourceError: a table that cannot be read or is another, or a number that is no fraction.
    """
    for place in asked.places:
        latest: dict[str, tuple[date, int, dict[str, Any]]] = {}
        rows = _rows(place)
        nameless, strange = 0, list[str]()
        for number, row in enumerate(rows, 1):
            at = _day(row.get(_SUBMITTED)), number
            if not row[_MODEL]:
                nameless += 1
            elif hub_model({"id": row[_MODEL]}).problem is not None:
                strange.append(printable(str(row[_MODEL])[:_SHOWN]))
            elif at >= latest.get(row[_MODEL], at)[:2]:
                latest[row[_MODEL]] = (*at, row)
        if more := len(rows) - len(latest) - nameless - len(strange):
            asked.remark(place, f"rows of models of which a later one counts: {more:,}")
        if nameless:
            asked.remark(place, f"rows without a name of a model: {nameless:,}")
        if strange:
            what = f"{_MODEL} can be no repository of the hub"
            asked.remark(place, f"rows whose {what}: {len(strange):,} ({few(strange)})")
        empty = 0
        for repo_id, (_, number, row) in latest.items():
            for column, dataset in _BENCHMARKS.items():
                if row[column] is None or row[column] != row[column]:
                    empty += 1
                    continue
                yield Accuracy(
                    repo_id=repo_id,
                    dataset=dataset,
                    metric="accuracy",
                    value=100 * _fraction(row[column], f"{place}: row {number}, column {column}"),
                    source=NAME,
                    split="test",
                    source_url=place if "://" in place else None,
                )
        if empty:
            asked.remark(place, f"benchmarks of models without a number: {empty:,}")


def _rows(place: str) -> list[dict[str, Any]]:
    """The rows of a table, in the columns that are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = fetched_bytes(place) if "://" in place else read_table(Path(place).expanduser())
        buffer = io.BytesIO(content)
        names = pq.read_schema(buffer).names
        if missing := [name for name in (_MODEL, *_BENCHMARKS) if name not in names]:
            has = ", ".join(names[:40])
            raise SourceError(f"{place}: no column {', '.join(missing)}; it has {has}")
        wanted = [name for name in (_MODEL, _SUBMITTED, *_BENCHMARKS) if name in names]
        rows: list[dict[str, Any]] = flat_table(buffer, place, wanted).to_pylist()
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"{place}: cannot be read as Parquet ({reason})") from error
    return rows


def _day(value: object) -> date:
    """The day of a submission; the first of all days where it is not told."""
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return date.min


def _fraction(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SourceError(f"{where}: {str(value)[:40]!r} is a {type(value).__name__}, no number")
    if not 0 <= value <= 1:
        raise SourceError(f"{where}: {str(value)[:40]!r} is no fraction within 0 and 1")
    return float(value)


SOURCE = AccuracySource(
    NAME,
    leaderboard_accuracies,
    "places",
    "The Open LLM Leaderboard's scores of language models, from a file of its contents.",
    mapped=False,
)
