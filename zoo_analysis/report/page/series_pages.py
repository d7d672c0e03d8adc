"""A page a series: its regressions drawn and in words, and its models; and one of all series."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from zoo_analysis.answers.defaults import MIN_MODELS, RANKED_BY
from zoo_analysis.answers.points import points_sql
from zoo_analysis.answers.remarks.regression_words import told_of_regression
from zoo_analysis.report.figures.theme import counted, interval
from zoo_analysis.report.page.cell_texts import link, scaled, shown_number, shown_numbers
from zoo_analysis.report.page.leaderboard_page import Board
from zoo_analysis.report.page.markup import Column, Crumbs, file_stem, page, quoted, script
from zoo_analysis.report.page.series_regressions import Regressions, regress_command
from zoo_analysis.spectra.metrics import METRICS
from zoo_analysis.store.schemas import LEADING_METRICS, QUALITIES

#: What models without a series are called.
NO_SERIES: Final = "no series"

_REGRESSIONS: Final = (
    Column("Metric"),
    Column("τ", "Kendall's τ-b", right=True),
    Column("τ 95 %"),
    Column("p of R²", "by permutation", right=True),
    Column("q", "false discovery rate over all regressions", right=True),
    Column("beware", prose=True),
    Column("n", "models", right=True),
    Column("R²", right=True),
    Column("R² 95 %"),
    Column("slope", "percent of accuracy per unit of the metric", right=True),
    Column("RMSE", right=True),
    Column("RMSE left out", "each model predicted from the others", right=True),
    Column("accuracy"),
)
_MODELS: Final = (
    Column("Model"),
    Column("rank", f"by {RANKED_BY[0]}", right=True),
    Column("accuracy", "as reported", right=True),
    Column("remark", prose=True),
    Column("parameters", right=True),
    *(Column(name, METRICS[name].meaning, right=True) for name in LEADING_METRICS),
)
_SERIES: Final = (
    Column("Series"),
    Column("Models", right=True),
    Column("With accuracy", right=True),
    Column("In words", prose=True),
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
        shown = [link(series_address(name), name or NO_SERIES)]
        listed.append([*shown, *map(shown_number, (len(members[name]), told)), best])
        yield from _one(name, members[name], rows, board, regressions, site, where)
    yield (
        "series.html",
        page(
            "series_list",
            "series.html",
            site,
            columns=_SERIES,
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
            counted=counted(len(places), "model"),
            data=data,
            drawn=drawn,
            sentences=[(_drawn_metric(row, drawn), told_of_regression(row)) for row in rows],
            instead=_none(told),
            **_regressions(rows),
            statements=_statements(name, drawn, where) if drawn else [],
            models=_models(_by_rank(places, board), board),
            model_columns=_MODELS,
            ranking=f"zoo query leaderboard -p metric={RANKED_BY[0]}"
            + (f" -p {shlex.quote(f'series={name}')}" if name else ""),
        ),
    )
    if drawn is not None:
        yield data, script("regressions", drawn)


def _none(told: int) -> str:
    return f"Models with a reported accuracy: {told}; a regression needs {MIN_MODELS}."


def _drawn_metric(row: Mapping[str, Any], drawn: Mapping[str, Any] | None) -> str | None:
    """The metric of a regression whose sentence the drawn figure is described by."""
    mine = drawn is not None and all(
        row[name] == drawn[name] for name in ("dataset", "accuracy", "method")
    )
    return row["metric"] if mine else None


def _statements(name: str | None, drawn: Mapping[str, Any], where: str | None) -> list[str]:
    """The points that are drawn, by SQL, and the commands of the regressions."""
    mine = f"series = {quoted(name)}" if name is not None else "series IS NULL"
    more = [f"({where})"] if where is not None else []
    kind = [f"{each} = {quoted(drawn[each])}" for each in ("dataset", "accuracy", "method")]
    return [
        points_sql(LEADING_METRICS, " AND ".join([mine, *kind, *more])),
        regress_command(" AND ".join([mine, *more])),
        f"{regress_command(where)}  # q is of all series",
    ]


def _regressions(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The table of regressions; of one kind of accuracy it stands in the caption alone."""
    numbers = {
        name: shown_numbers([row[name] for row in rows])
        for name in ("n", "slope", "r2", "rmse", "rmse_loo", "kendall_tau", "perm_p", "q")
    }
    kinds = [f"{row['accuracy']} on {row['dataset']}" for row in rows]
    cells = [
        [
            row["metric"],
            numbers["kendall_tau"][k],
            interval(row["tau_low"], row["tau_high"]),
            *(numbers[name][k] for name in ("perm_p", "q")),
            row["flags"] or "",
            *(numbers[name][k] for name in ("n", "r2")),
            interval(row["r2_low"], row["r2_high"]),
            *(numbers[name][k] for name in ("slope", "rmse", "rmse_loo")),
            kinds[k],
        ]
        for k, row in enumerate(rows)
    ]
    if len({*kinds}) > 1:
        return {"caption": "Regressions of accuracy", "columns": _REGRESSIONS, "rows": cells}
    return {
        "caption": f"Regressions of {kinds[0]}" if kinds else "",
        "columns": _REGRESSIONS[:-1],
        "rows": [row[:-1] for row in cells],
    }


def _by_rank(places: Sequence[int], board: Board) -> list[int]:
    ranks = board.ranked[QUALITIES[0]][RANKED_BY[0]]["rank"]
    return sorted(places, key=lambda place: (ranks[place] is None, ranks[place] or 0, place))


def _models(places: Sequence[int], board: Board) -> list[list[str]]:
    entries, ranked = [board.entries[place] for place in places], board.ranked[QUALITIES[0]]
    chosen = ranked[RANKED_BY[0]]

    def column(of: Mapping[str, Sequence[Any]], name: str) -> list[Any]:
        return [of[name][place] for place in places]

    ranks = zip(column(chosen, "rank"), column(chosen, "of"), strict=True)
    columns = [
        [entry.repo_id for entry in entries],
        ["" if rank is None else f"{rank} of {of}" for rank, of in ranks],
        shown_numbers([entry.accuracy for entry in entries]),
        [board.texts[number or 0] for number in column(chosen, "remark")],
        [scaled(entry.parameters) for entry in entries],
        *(shown_numbers(column(ranked[name], "value")) for name in LEADING_METRICS),
    ]
    return [list(row) for row in zip(*columns, strict=True)]
