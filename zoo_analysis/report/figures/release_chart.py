"""Releases over time by watch, and new models against the line of their series."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import altair as alt

from zoo_analysis.answers.releases import releases as seen
from zoo_analysis.errors import QueryError
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.theme import WIDTH, counted, embedded, finished, short
from zoo_analysis.report.figures.thinning import MOST, told
from zoo_analysis.store import Store, as_store

_ROW: Final = 34
#: New models that are set against their series, the farthest.
_FARTHEST: Final = 60
#: Days back that a model is new, for the residuals; as of `releases-against-series`.
_DAYS: Final = 30
_NEW: Final = ("new", "revision")


def releases(
    store: Store | str | Path | None,
    *,
    since: datetime | None = None,
    watch: str | None = None,
    metric: str = "alpha_weighted",
) -> alt.VConcatChart:
    """Releases over time on each watch, and the distance of new models from their series' line.

    Args:
        store: a store, or what `open_store` takes.
        since: only what was seen from this time on.
        watch: only on this watch.
        metric: of `summaries`, whose line accuracies of new models are compared with; those of the
            last 30 days.

    Raises:
        QueryError: nothing was seen, at all or on such a watch; or an unknown metric.
        StoreError: there is no store.
    """
    store = as_store(store)
    rows = seen(store, since, watch).to_pylist()
    if not rows:
        raise QueryError("no releases to draw: `zoo track` looks for them")
    drawn = rows[:MOST]
    state = {True: "scanned", False: "not scanned"}
    data = embedded(
        {
            "watch": row["watch"],
            "event": row["event"],
            "model": row["repo_id"],
            "seen": row["seen_at"].isoformat(),
            "state": state[row["scanned"]],
        }
        for row in drawn
    )
    watches = len({row["watch"] for row in drawn})
    points = (
        alt.Chart(data)
        .mark_point(filled=True, size=70, opacity=0.8)
        .encode(
            alt.X("seen:T")
            .title("seen (UTC)")
            .scale(type="utc", padding=10)
            .axis(format="%Y-%m-%d", labelOverlap=True, tickCount=8),
            alt.Y("watch:N").title(None),
            alt.Color("event:N").scale(range=list(theme.CATEGORIES)),
            alt.Shape("state:N").title(None),
            tooltip=["model:N", "event:N", "seen:T", "state:N"],
        )
        .properties(width=WIDTH, height=max(80, _ROW * watches))
    )
    against = _against(store, metric, rows)
    panels: list[alt.Chart | alt.LayerChart] = [points]
    if against:
        new = embedded(
            {
                "model": _called(row, against),
                "series": row["series"],
                "residual": row["residual"],
                "expected": row["expected"],
                "accuracy": row["accuracy"],
                "dataset": row["dataset"],
                "n": row["n"],
            }
            for row in against[:_FARTHEST]
        )
        bars = (
            alt.Chart(new)
            .mark_bar(color=theme.BLUE)
            .encode(
                alt.X("residual:Q").title(
                    f"reported accuracy less what {metric} says of the series"
                ),
                alt.Y("model:N").sort("-x").title(None),
                tooltip=["model:N", "series:N", "dataset:N", "accuracy:Q", "expected:Q", "n:Q"],
            )
        )
        panels.append(bars.properties(width=WIDTH, height=alt.Step(18)))
    caption = [
        f"{len(rows):,} events.",
        told(len(drawn), len(rows), "events", "the latest"),
        f"Below: of the last {_DAYS} days those with an accuracy and a series, against the line "
        f"through the rest of it: {len({row['repo_id'] for row in against}):,} of "
        f"{counted(_new(rows), 'model')}."
        if against
        else f"No model of the last {_DAYS} days has a series with a line.",
        f"The {_FARTHEST} farthest of {len(against):,} are drawn."
        if len(against) > _FARTHEST
        else "",
    ]
    return finished(alt.vconcat(*panels, spacing=16), "Releases", caption, WIDTH + 150)


def _against(
    store: Store, metric: str, rows: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """New models of these releases, beside what the metric says of their series."""
    found = store.run("releases-against-series", {"metric": metric, "days": _DAYS}).to_pylist()
    shown = {(row["repo_id"], row["revision"]) for row in rows}
    return [row for row in found if (row["repo_id"], row["revision"]) in shown]


def _new(rows: Sequence[Mapping[str, Any]]) -> int:
    """Models of the last days."""
    since = datetime.now(UTC) - timedelta(days=_DAYS)
    return len({row["repo_id"] for row in rows if row["event"] in _NEW and row["seen_at"] >= since})


def _called(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """A model, and its data set and method where there are several: a bar each."""
    told = short(row["repo_id"])
    for name, word in (("dataset", " on "), ("method", " by ")):
        if len({other[name] for other in rows}) > 1:
            told += word + short(row[name], 24)
    return told
