"""A page a series: its regressions drawn and in words, and its models; and one of all series."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from zoo_analysis.answers.defaults import MIN_MODELS, RANKED_BY
from zoo_analysis.answers.points import points_sql
from zoo_analysis.answers.remarks.regression_words import told_of_regression
from zoo_analysis.report.page.leaderboard_page import Board
from zoo_analysis.report.page.markup import (
    Column,
    Crumbs,
    file_stem,
    page,
    quoted,
    scaled,
    script,
    shown_number,
)
from zoo_analysis.report.page.series_regressions import Regressions, regress_command
from zoo_analysis.spectra.metrics import METRICS
from zoo_analysis.store.schemas import LEADING_METRICS, QUALITIES

#: What models without a series are called.
NO_SERIES: Final = "no series"

_REGRESSIONS: Final = (
    Column("Metric"),
    Column("accuracy"),
    Column("n", "models", right=True),
    Column("slope", "percent of accuracy per unit of the metric", right=True),
    Column("R²", right=True),
    Column("R² 95 %"),
    Column("RMSE", right=True),
    Column("RMSE left out", "each model predicted from the others", right=True),
    Column("τ", "Kendall's τ-b", right=True),
    Column("τ 95 %"),
    Column("p", "by permutation", right=True),
    Column("q", "false discovery rate over all regressions", right=True),
    Column("beware", prose=True),
)
_MODELS: Final = (
    Column("Model"),
    Column("rank", f"by {RANKED_BY[0]}", right=True),
    Column("parameters", right=True),
    Column("accuracy", "as reported", right=True),
    *(Column(name, METRICS[name].meaning, right=True) for name in LEADING_METRICS),
    Column("remark", prose=True),
)


def series_address(name: str | None) -> str:
    """The place of a series' page in the report."""
    return f"series/{file_stem(name) if name is not None else 'none'}.html"


def series_files(
    board: Board,
    regressions: Regressions,
    site: Crumbs,
    where: str | None,
) -> Iterator[tuple[str, str | bytes]]:
    """Names and texts of the files of all series.

    Args:
        board: the rankings.
        regressions: of all series.
        site: of the report.
        where: the condition on its models.
    """
    if regressions.grid is not None:
        yield regressions.grid.address, regressions.grid.png
    members: dict[str | None, list[int]] = {}
    for place, entry in enumerate(board.entries):
        members.setdefault(entry.series, []).append(place)
    series = sorted(members, key=lambda name: (name is None, name or ""))
    listed = []
    for name in series:
        rows = sorted(regressions.rows.get(name, ()), key=lambda row: -abs(row["kendall_tau"] or 0))
        told = sum(board.entries[place].accuracy is not None for place in members[name])
        best = told_of_regression(rows[0]) if rows else _none(told)
        listed.append([name or NO_SERIES, series_address(name), len(members[name]), told, best])
        yield from _one(name, members[name], rows, board, regressions, site, where)
    yield (
        "series.html",
        page(
            "series_list",
            "series.html",
            site,
            listed=listed,
            instead=regressions.none,
            grid=regressions.grid,
        ),
    )


def _one(
    name: str | None,
    places: Sequence[int],
    rows: Sequence[Mapping[str, Any]],
    board: Board,
    regressions: Regressions,
    site: Crumbs,
    where: str | None,
) -> Iterator[tuple[str, str | bytes]]:
    address = series_address(name)
    data = f"data/series-{file_stem(name or '')}.js"
    drawn = regressions.drawn(name, site)
    told = sum(board.entries[place].accuracy is not None for place in places)
    yield (
        address,
        page(
            "series",
            address,
            site,
            name=name or NO_SERIES,
            data=data,
            drawn=drawn,
            sentences=[told_of_regression(row) for row in rows],
            instead=_none(told),
            columns=_REGRESSIONS,
            rows=[_regression(row) for row in rows],
            statements=[_points(name, drawn, where), regress_command(where)] if drawn else [],
            models=[_model(place, board) for place in _by_rank(places, board)],
            model_columns=_MODELS,
            ranking=f"zoo query leaderboard -p metric={RANKED_BY[0]}"
            + (f" -p {shlex.quote(f'series={name}')}" if name else ""),
        ),
    )
    if drawn is not None:
        yield data, script("regressions", drawn)


def _none(told: int) -> str:
    return f"Models with a reported accuracy: {told}; a regression needs {MIN_MODELS}."


def _points(name: str | None, drawn: Mapping[str, Any], where: str | None) -> str:
    """The points that are drawn, by SQL."""
    conditions = [
        f"series = {quoted(name)}" if name is not None else "series IS NULL",
        *(f"{each} = {quoted(drawn[each])}" for each in ("dataset", "accuracy", "method")),
        *([f"({where})"] if where is not None else []),
    ]
    return points_sql(LEADING_METRICS, " AND ".join(conditions))


def _regression(row: Mapping[str, Any]) -> list[str]:
    numbers = {
        name: shown_number(row[name])
        for name in ("slope", "r2", "rmse", "rmse_loo", "kendall_tau", "perm_p", "q")
    }
    return [
        row["metric"],
        f"{row['accuracy']} on {row['dataset']}",
        shown_number(row["n"]),
        numbers["slope"],
        numbers["r2"],
        _interval(row, "r2"),
        numbers["rmse"],
        numbers["rmse_loo"],
        numbers["kendall_tau"],
        _interval(row, "tau"),
        numbers["perm_p"],
        numbers["q"],
        row["flags"] or "",
    ]


def _interval(row: Mapping[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    known = low is not None and high is not None
    return f"{low:.2f} to {high:.2f}".replace("-", "−") if known else ""


def _by_rank(places: Sequence[int], board: Board) -> list[int]:
    ranks = board.ranked[QUALITIES[0]][RANKED_BY[0]]["rank"]
    return sorted(places, key=lambda place: (ranks[place] is None, ranks[place] or 0, place))


def _model(place: int, board: Board) -> dict[str, Any]:
    entry, ranked = board.entries[place], board.ranked[QUALITIES[0]]
    chosen = ranked[RANKED_BY[0]]
    rank, of = chosen["rank"][place], chosen["of"][place]
    return {
        "repo_id": entry.repo_id,
        "cells": [
            "" if rank is None else f"{rank} of {of}",
            scaled(entry.parameters),
            shown_number(entry.accuracy),
            *(shown_number(ranked[name]["value"][place]) for name in LEADING_METRICS),
            board.texts[chosen["remark"][place] or 0],
        ],
    }
