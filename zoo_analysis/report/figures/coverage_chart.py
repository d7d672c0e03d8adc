"""Coverage of the models: elements measured, elements left out, and failures by cause."""

from pathlib import Path
from typing import Any, Final

import altair as alt

from zoo_analysis.errors import QueryError
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.theme import WIDTH, embedded, finished
from zoo_analysis.report.figures.thinning import thinned, told
from zoo_analysis.store import Store, as_store

#: Bins of coverage, from nothing measured to all.
_BINS: Final = 20
#: Labels of whole numbers alone.
_WHOLE: Final = "datum.value % 1 ? '' : format(datum.value, ',')"
#: Causes of failures that are drawn, the commonest.
_CAUSES: Final = 15


def coverage(store: Store | str | Path | None, *, series: str | None = None) -> alt.VConcatChart:
    """Share of each model that was measured, reasons for the rest, and causes of failures.

    Args:
        store: a store, or what `open_store` takes.
        series: only models of this; failures are of no series, and all are drawn.

    Raises:
        QueryError: there is nothing of the kind.
        StoreError: there is no store.
    """
    store = as_store(store)
    every = {"series": series, "limit": None}
    models = [
        row for row in store.run("coverage", every).to_pylist() if row["coverage"] is not None
    ]
    causes = store.run("failure-causes").to_pylist()
    reasons: list[dict[str, Any]] = [
        {"what": name.replace("_", " "), "elements": sum(row[name] or 0 for row in models)}
        for name in ("packed", "not_understood", "vectors", "tables_and_buffers", "copies")
    ]
    reasons.append(
        {"what": "measured", "elements": sum(r["parameters_measured"] or 0 for r in models)}
    )
    panels = []
    keep = thinned([[row["coverage"] for row in models]])
    if models:
        drawn = embedded(
            {"model": models[i]["repo_id"], "coverage": models[i]["coverage"]} for i in keep
        )
        y = alt.Y("count():Q").title("models").axis(labelExpr=_WHOLE)
        x = (
            alt.X("coverage:Q", bin=alt.Bin(step=1 / _BINS, extent=[0, 1]))
            .title("share of the elements of matrices that is measured")
            .axis(format="%")
        )
        bars = alt.Chart(drawn).mark_bar(color=theme.BLUE).encode(x, y, tooltip=["count():Q"])
        panels.append(bars.properties(width=WIDTH, height=150))
        what = embedded(row for row in reasons if row["elements"])
        most = max(row["elements"] for row in reasons)
        x = (
            alt.X("elements:Q")
            .scale(type="log", domain=[0.8, 2 * max(most, 1)], nice=False)
            .title("elements")
            .axis(format="~s")
        )
        side = alt.Chart(what).mark_point(filled=True, size=90, color=theme.VERMILION)
        y = alt.Y("what:N").sort("-x").title(None)
        panels.append(
            side.encode(x, y, tooltip=["what:N", alt.Tooltip("elements:Q", format=",")]).properties(
                width=WIDTH, height=alt.Step(22)
            )
        )
    if causes:
        rows = embedded(
            {
                "cause": f"{row['stage']}: {row['error']}",
                "models": row["models"],
                "latest": row["latest_message"],
            }
            for row in causes[:_CAUSES]
        )
        bars = (
            alt.Chart(rows)
            .mark_bar(color=theme.ORANGE)
            .encode(
                alt.X("models:Q").title("models that failed").axis(labelExpr=_WHOLE),
                alt.Y("cause:N").sort("-x").title(None),
                tooltip=["cause:N", "models:Q", "latest:N"],
            )
        )
        panels.append(bars.properties(width=WIDTH, height=alt.Step(22)))
    if not panels:
        raise QueryError("the store has no failures, and no model whose elements are accounted for")
    caption = [
        f"{len(models):,} models whose elements are accounted for.",
        told(len(keep), len(models), "models"),
        "Elements, on a logarithmic axis: measured, and left out for each reason."
        if models
        else "",
        _failed(store, sum(row["models"] for row in causes)),
        f"{len(causes) - _CAUSES} rarer causes are not drawn." if len(causes) > _CAUSES else "",
    ]
    return finished(
        alt.vconcat(*panels, spacing=16), "Scanned, left out, failed", caption, WIDTH + 150
    )


def _failed(store: Store, drawn: int) -> str:
    """The number of models that failed, and how they are drawn by cause."""
    failed = store.run("SELECT count(DISTINCT repo_id) AS models FROM failures")["models"][
        0
    ].as_py()
    if not failed:
        return "No model failed."
    several = "; one that failed of several causes is drawn with each" if drawn > failed else ""
    return f"{failed:,} {'model' if failed == 1 else 'models'} failed{several}."
