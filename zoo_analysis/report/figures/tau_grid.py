"""All metrics by all series: how each orders the models by accuracy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import altair as alt
import pyarrow as pa

from zoo_analysis.answers.defaults import BY, MIN_MODELS, By
from zoo_analysis.answers.regressions import regress
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.regression_chart import Kind
from zoo_analysis.report.figures.theme import embedded, finished, interval, layered
from zoo_analysis.store import Store

#: Groups of one chart, those with the most models.
_GROUPS: Final = 40
#: What stands where there is no τ.
_NONE: Final = "–"


def metrics(
    store: Store | str | Path | pa.Table | None,
    metrics: Sequence[str] | str = (),
    *,
    by: By = BY,
    dataset: str | None = None,
    accuracy: str | None = None,
    method: str | None = None,
    where: str | None = None,
    min_models: int = MIN_MODELS,
) -> alt.LayerChart:
    """A grid of Kendall's τ of every metric and the accuracy, for every series.

    Args:
        store: a store, what `open_store` takes, or a table that `regress` made.
        metrics, by, dataset, accuracy, method, where, min_models: as `regress` takes them; of no
            effect on a table.

    Raises:
        QueryError: as `regress`.
        StoreError: there is no store.
    """
    table = (
        store
        if isinstance(store, pa.Table)
        else regress(
            store,
            metrics,
            dataset,
            by,
            method,
            accuracy=accuracy,
            where=where,
            min_models=min_models,
        )
    )
    rows = table.to_pylist()
    kind, others = Kind.most(rows)
    rows = [row for row in rows if kind.has(row)]
    sizes: dict[str, int] = {}
    for row in rows:
        group = row["series"] or "no series"
        sizes[group] = max(sizes.get(group, 0), row["n"])
    shown = sorted(sizes, key=lambda group: (-sizes[group], group))[:_GROUPS]
    cells = embedded(_cell(row) for row in rows if (row["series"] or "no series") in shown)
    names = list(dict.fromkeys(row["metric"] for row in rows))
    x = alt.X("metric:N").sort(names).title("metric, mean over layers").axis(labelAngle=-35)
    y = alt.Y("group:N").sort([theme.short(group, 90) for group in shown]).title(None)
    base = alt.Chart(cells).encode(x, y)
    colour = (
        alt.Color("tau:Q")
        .scale(scheme=theme.DIVERGING, domain=[-1, 1], domainMid=0)
        .title("Kendall's τ")
    )
    hover = ["group:N", "metric:N", "n:Q", "tau:Q", "interval:N", "p:Q", "flags:N"]
    squares = base.mark_rect(stroke="white").encode(colour, tooltip=hover)
    dark = alt.condition("abs(datum.tau) > 0.6", alt.value("white"), alt.value(theme.BLACK))
    value = base.mark_text(dy=-6, fontSize=12).encode(alt.Text("told:N"), color=dark)
    interval = base.mark_text(dy=8, fontSize=9).encode(alt.Text("interval:N"), color=dark)
    width, height = max(420, 96 * len(names)), 40 * len(shown)
    caption = [
        f"{kind.accuracy} on {kind.dataset} as reported.",
        "Below τ its 95 % interval, where the models are enough for one."
        if any(row["tau_low"] is not None for row in rows)
        else "",
        f"{_NONE}: none, of a metric that is constant."
        if any(row["kendall_tau"] is None for row in rows)
        else "",
        "Models: " + ", ".join(f"{group} {sizes[group]}" for group in shown) + ".",
        f"{len(sizes) - _GROUPS} smaller groups are not drawn." if len(sizes) > _GROUPS else "",
        others,
        f"Method {kind.method}.",
    ]
    chart = layered([squares, value, interval], width, height)
    return finished(chart, "How metrics order models by accuracy", caption, width + 160)


def _cell(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "group": row["series"] or "no series",
        "metric": row["metric"],
        "n": row["n"],
        "tau": row["kendall_tau"],
        "told": _NONE
        if row["kendall_tau"] is None
        else f"{row['kendall_tau']:+.2f}".replace("-", "−"),
        "interval": interval(row["tau_low"], row["tau_high"]),
        "p": row["kendall_p"],
        "flags": row["flags"],
    }
