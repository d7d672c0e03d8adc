"""Metrics of a model over its training, checkpoint by checkpoint."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import altair as alt

from zoo_analysis.answers.questions import query
from zoo_analysis.errors import QueryError
from zoo_analysis.lookup import listed
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.theme import WIDTH, embedded, finished, number, short
from zoo_analysis.report.figures.thinning import MOST, thinned, told
from zoo_analysis.store import Store, as_store

#: Averages that are drawn unless others are asked for.
DRAWN: Final = ("alpha", "log_spectral_norm", "random_like")
#: Runs that one chart sets over each other.
_OVERLAID: Final = 8
#: Height of a metric's panel, in pixels.
_HEIGHT: Final = 170


def history(
    store: Store | str | Path | None,
    run: str | None = None,
    metrics: Sequence[str] | str = DRAWN,
    *,
    method: str | None = None,
) -> alt.VConcatChart:
    """Averages of the checkpoints of training runs in their order: the question `history`.

    They stand at their steps, or epochs, where all of a chart have one, else in their order.

    Args:
        store: a store, or what `open_store` takes.
        run: what the names of its checkpoints have before their steps, or the last part of that;
            None is every run, and every model of which several revisions were scanned.
        metrics: columns of `summaries`, a panel each.
        method: the beginning of a method's id; None is all.

    Raises:
        QueryError: no such run, metric or method; too many runs.
        StoreError: there is no store.
    """
    store, columns = as_store(store), listed(metrics) or DRAWN
    asked: dict[str, Any] = {"run": run, "method": method, "limit": None}
    rows = [
        row
        for metric in columns
        for row in query(store, "history", {**asked, "metric": metric}).to_pylist()
    ]
    if not rows:
        raise QueryError(
            f"no history{f' of {run!r}' if run else ''}: scan several checkpoints of a run, "
            "such as run/checkpoint-500 and run/checkpoint-1000"
        )
    names = {(row["run"], row["method"]) for row in rows}
    if len(names) > _OVERLAID:
        raise QueryError(
            f"{len(names)} runs: one chart shows at most {_OVERLAID}; name one, or a method"
        )
    several = len({each for _, each in names}) > 1
    at = next((x for x in ("step", "epoch") if all(row[x] is not None for row in rows)), "place")
    lines = [
        {
            "run": short(f"{row['run']} ({row['method']})" if several else row["run"]),
            "checkpoint": f"{row['repo_id']} @ {row['revision']}",
            "at": row[at],
            "metric": row["metric"],
            "value": row["value"],
        }
        for row in rows
    ]
    groups = sorted({line["run"] for line in lines})
    panels, notes = [], []
    for metric in columns:
        mine = [line for line in lines if line["metric"] == metric and line["value"] is not None]
        keep = thinned([[line["at"] for line in mine], [line["value"] for line in mine]], MOST)
        panels.append(_panel([mine[i] for i in keep], metric, at, groups))
        notes += [_in_words(mine, metric, name) for name in groups]
        notes.append(told(len(keep), len(mine), "checkpoints"))
    if any(row["in_order_of"] == "scans" for row in rows):
        notes.append("In the order of scans, which need not be that of training.")
    chart: alt.VConcatChart = alt.vconcat(*panels, spacing=14)
    title = f"{', '.join(groups[:2])}{' …' * (len(groups) > 2)} over training"
    chart = chart.resolve_scale(color="shared")
    return finished(chart, title, notes, WIDTH + 150)


def _panel(rows: list[dict[str, Any]], metric: str, at: str, groups: list[str]) -> alt.Chart:
    what = {"place": "checkpoint, in order"}.get(at, at)
    chart: alt.Chart = alt.Chart(embedded(rows)).mark_line(point=True)
    return chart.encode(
        alt.X("at:Q")
        .title(what)
        .scale(zero=False, nice=False, padding=8)
        .axis(format="d", tickMinStep=1),
        alt.Y("value:Q").title(metric).scale(zero=False, nice=False, padding=8),
        alt.Color("run:N").scale(domain=groups, range=list(theme.CATEGORIES)),
        tooltip=["checkpoint:N", "at:Q", alt.Tooltip("value:Q", format=".4~g")],
    ).properties(width=WIDTH, height=_HEIGHT)


def _in_words(rows: list[dict[str, Any]], metric: str, name: str) -> str:
    """The first value of a run and the last; nothing of one without values."""
    values = [row["value"] for row in rows if row["run"] == name]
    if not values:
        return ""
    ends = f"{number(values[0])} to {number(values[-1])}"
    return f"{name}: {metric} from {ends} over {len(values)} checkpoints."
