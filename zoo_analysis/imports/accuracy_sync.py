"""Reported accuracies, asked of their sources and added to a store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zoo_analysis.errors import SourceError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.path import split_id
from zoo_analysis.sources import Accuracy, ModelRef
from zoo_analysis.sources.hub import hub_models
from zoo_analysis.sources.percents import check_shares
from zoo_analysis.sources.reported import Inquiry, accuracy_source
from zoo_analysis.store import Store, as_store
from zoo_analysis.store.records import table_of

#: Asked if none are named: the repositories' own reports.
SOURCES: Final = ("card", "eval-results")
_MODELS: Final = "SELECT DISTINCT repo_id FROM models WHERE source = 'hub' ORDER BY repo_id"


@dataclass(frozen=True)
class SyncedAccuracies:
    """The account of a synchronisation.

    Attributes:
        accuracies: that the sources report, new to the store or not.
        models: that they are reported of.
        remarks: numbers that are not used: of which model or table, and in a sentence which.
    """

    accuracies: int
    models: int
    remarks: tuple[tuple[str, str], ...] = ()


def sync_accuracies(
    store: Store | str | Path | None = None,
    sources: Sequence[str] = SOURCES,
    *,
    places: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    fixed: Mapping[str, str] | None = None,
    access: HubAccess | None = None,
) -> SyncedAccuracies:
    """Bring a store's reported accuracies up to date; each is kept with its source.

    Args:
        store: a store, or what `open_store` takes; what it has already is not added again.
        sources: names of `sources.reported.accuracy_sources`. ``card`` and ``eval-results`` ask the
            hub of the store's models, one call each; ``timm-csv``, ``csv`` and
            ``open-llm-leaderboard`` read `places`.
        places: paths or URLs of tables.
        columns: for ``csv``: column by what it is (``repo_id``, ``dataset``, ``metric``,
            ``value``, ``split``, ``source_url``), where it is not called so.
        fixed: for ``csv``: values, by the same names, of what has no column.
        access: how to reach the hub; None is `hub.access.default_access`.

    Raises:
        SourceError: no such source, one that needs places and has none, a table that cannot be
            read, shares that are not in percent, or a hub that does not answer.
        StoreError: the store cannot be written.
    """
    store = as_store(store)
    asked = [accuracy_source(name) for name in sources]
    for source in asked:
        if source.needs == "places" and not places:
            raise SourceError(f"source {source.name} needs the path or URL of a table behind it")
    if (columns or fixed) and not any(source.mapped for source in asked):
        given = " and ".join(["`columns`"] * bool(columns) + ["`fixed`"] * bool(fixed))
        raise SourceError(
            f"{given} cannot be given to {', '.join(source.name for source in asked)}, which "
            "knows its columns: leave it out, or ask the source csv"
        )
    if places and not any(source.needs == "places" for source in asked):
        raise SourceError(
            f"{places[0]!r} is read by none of {', '.join(source.name for source in asked)}: name "
            "a source of tables, such as csv"
        )
    models: tuple[ModelRef, ...] = ()
    if any(source.needs == "hub" for source in asked):
        names = [split_id(row["repo_id"]).repo_id for row in store.run(_MODELS).to_pylist()]
        found = hub_models(list(dict.fromkeys(names)), access)
        models = tuple(model for each in found.values() for model in each.refs)
    told: list[tuple[str, str]] = []
    inquiry = Inquiry(
        models, tuple(places), columns or {}, fixed or {}, lambda of, why: told.append((of, why))
    )
    reported: list[Accuracy] = []
    for source in asked:
        rows = list(source.collect(inquiry))
        for row in rows:
            if not isinstance(row, Accuracy):
                kind = type(row).__name__
                raise SourceError(f"source {source.name} gives a {kind} where an Accuracy is due")
        if source.needs != "hub":  # what cards say is read number by number
            check_shares(rows, f"source {source.name}")
        reported += rows
    store.append("accuracies", table_of(Accuracy, reported))
    told += [
        (model.repo_id, remark)
        for model in models
        for remark in model.remarks
        if remark.partition(":")[0] in sources
    ]
    return SyncedAccuracies(len(reported), len({each.repo_id for each in reported}), tuple(told))
