"""The leaderboard: models with their ranks, averages, and accuracies with their sources."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

from zoo_analysis.answers.defaults import RANKED_BY
from zoo_analysis.answers.ranking import rankings
from zoo_analysis.report.figures.theme import counted
from zoo_analysis.report.page.markup import Crumbs, page, script
from zoo_analysis.spectra.metrics import METRICS
from zoo_analysis.store import Store, get_query
from zoo_analysis.store.schemas import LEADING_METRICS, QUALITIES

_MODELS: Final = """
SELECT repo_id, m.series, m.library, m.parameters
FROM models m JOIN latest l USING (repo_id, revision)
WHERE repo_id IN (SELECT unnest($models))
QUALIFY row_number() OVER (PARTITION BY repo_id ORDER BY l.committed_at DESC) = 1
"""
#: Two names of one kind of accuracy, as `leaderboard` has it.
_KINDS: Final = {"top1": "accuracy"}
_SOURCES: Final = """
SELECT repo_id, dataset, metric, source, source_url FROM accuracy
WHERE repo_id IN (SELECT unnest($models))
"""


@dataclass(frozen=True)
class Entry:
    """A model of the leaderboard.

    Attributes:
        repo_id, series, library, parameters: as the store has them.
        accuracy: as reported; None where none is.
        kind: of the accuracy, and its data set, in words.
        source, source_url: who reports it.
    """

    repo_id: str
    series: str | None
    library: str | None
    parameters: int | None
    accuracy: float | None = None
    kind: str | None = None
    source: str | None = None
    source_url: str | None = None


@dataclass(frozen=True)
class Board:
    """The rankings of all models by every average.

    Attributes:
        entries: the models, by name.
        ranked: by quality and column of `summaries`, columns over the models: value, rank, of, and
            the number of a remark; null where a model has no part in it.
        texts: remarks by their numbers.
    """

    entries: Sequence[Entry]
    ranked: Mapping[str, Mapping[str, Mapping[str, Sequence[Any]]]]
    texts: Sequence[str]

    @classmethod
    def ask(cls, store: Store, models: Sequence[str], where: str | None) -> "Board":
        """That of a store.

        Args:
            store: that is asked.
            models: repository ids.
            where: as `rankings` takes it.

        Raises:
            QueryError: as `rankings`.
        """
        models = sorted(models)
        places = {repo_id: place for place, repo_id in enumerate(models)}
        texts = _Texts()
        ranked: dict[str, dict[str, Any]] = {quality: {} for quality in QUALITIES}
        told: dict[str, Mapping[str, Any]] = {}
        for quality, metric, table in rankings(store, where=where):
            rows = table.to_pylist()
            if (quality, metric) == (QUALITIES[0], RANKED_BY[0]):
                told = {r["repo_id"]: r for r in rows if r["accuracy"] is not None}
            ranked[quality][metric] = _columns(rows, places, texts)
        return cls(_entries(store, models, told), ranked, texts.all)


def leaderboard_files(
    board: Board, site: Crumbs, where: str | None, further: Sequence[tuple[str, str]] = ()
) -> Iterator[tuple[str, str]]:
    """Names and texts of the leaderboard's files.

    Args:
        board: the rankings.
        site: of the report.
        where: the condition on its models.
        further: addresses of other pages, and what these tell in a sentence; empty ones are left
            out.
    """
    statements = [
        f"zoo query leaderboard -p metric={RANKED_BY[0]} -p limit={len(board.entries)}",
        get_query("leaderboard").sql,
    ]
    if where is not None:
        statements[0] = f"zoo rank --metric {RANKED_BY[0]} --where {shlex.quote(where)}"
    intro = (
        f"{counted(len(board.entries), 'model')}, {counted(len(site.series), 'series')}, ranked by "
        "the spectra of their weights, beside their accuracies as reported."
    )
    names = dict(site.parts)
    told = [(address, names[address], text) for address, text in further if text]
    values = {"intro": intro, "further": told, "statements": statements}
    yield "index.html", page("leaderboard", "index.html", site, **values)
    yield (
        "data/leaderboard.js",
        script(
            "leaderboard",
            {
                "metrics": {name: METRICS[name].meaning for name in LEADING_METRICS},
                "rankedBy": RANKED_BY[0],
                "models": [[site.models[each.repo_id], *astuple(each)] for each in board.entries],
                "texts": board.texts,
                "ranked": board.ranked,
            },
            digits=9,  # the page rounds them, and lists models that differ little in their order
        ),
    )


def _columns(
    rows: Sequence[Mapping[str, Any]], places: Mapping[str, int], texts: "_Texts"
) -> dict[str, Any]:
    """A ranking as columns over all models: null where a model has no part in it."""
    columns: dict[str, list[Any]] = {
        name: [None] * len(places) for name in ("value", "rank", "of", "remark")
    }
    for row in rows:
        place = places.get(row["repo_id"])
        if place is None:
            continue
        told = "; ".join(filter(None, (row["remark"], row["disagreement"])))
        columns["value"][place] = row["value"]
        columns["rank"][place] = row["rank"]
        columns["of"][place] = row["of"]
        columns["remark"][place] = texts.number(told)
    return columns


class _Texts:
    """Texts that occur often, each kept once; the first is empty."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def all(self) -> list[str]:
        return [*self._numbers]


def _entries(
    store: Store, models: Sequence[str], told: Mapping[str, Mapping[str, Any]]
) -> list[Entry]:
    known = {row["repo_id"]: row for row in store.run(_MODELS, {"models": models}).to_pylist()}
    sources = {
        (row["repo_id"], row["dataset"], _KINDS.get(row["metric"], row["metric"])): row
        for row in store.run(_SOURCES, {"models": models}).to_pylist()
    }
    entries = []
    for repo_id in models:
        row = known[repo_id]
        entry = Entry(repo_id, row["series"], row["library"], row["parameters"])
        if found := told.get(repo_id):
            kind, dataset = found["accuracy_metric"], found["dataset"]
            source = sources.get((repo_id, dataset, kind), {})
            entry = replace(
                entry,
                accuracy=found["accuracy"],
                kind=f"{kind} on {dataset}",
                source=source.get("source"),
                source_url=source.get("source_url"),
            )
        entries.append(entry)
    return entries
