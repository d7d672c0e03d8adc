"""Models in the plane, by their distances under a measure."""

from pathlib import Path
from typing import Any, Final, Literal, get_args

import altair as alt
import numpy as np
import pyarrow as pa

from zoo_analysis.answers.similarity import matrix
from zoo_analysis.errors import QueryError
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.likeness_heatmap import likenesses, missing_in_words
from zoo_analysis.report.figures.theme import counted, embedded, finished, layered, number, short
from zoo_analysis.report.figures.thinning import thinned, told
from zoo_analysis.stats import classical_scaling
from zoo_analysis.store import Store, as_store

Colour = Literal["series", "accuracy"]
_SIDE: Final = 460
#: Models whose names are written beside their points.
_NAMED: Final = 12
_MODELS: Final = """
SELECT repo_id, min(series) AS series, (
    SELECT arg_min(a.value, a.dataset) FROM accuracy a
    WHERE a.repo_id = m.repo_id AND a.metric IN ('accuracy', 'top1')
) AS accuracy
FROM models m GROUP BY repo_id
"""


def map(
    store: Store | str | Path | None,
    measure: str,
    *,
    colour: Colour = "series",
    probe: str | None = None,
    mode: str | None = None,
    neurons: str | None = None,
    layers: str | None = None,
    table: pa.Table | None = None,
) -> alt.LayerChart:
    """Models in the plane by classical multidimensional scaling of a measure's distance.

    Args:
        store: a store, or what `open_store` takes.
        measure: of similarity; of one by which higher is more alike, the distance is what lacks to
            its maximum.
        colour: by series, or by reported top-1 accuracy.
        probe, mode, neurons, layers: as `matrix` takes them.
        table: that `matrix` of `zoo_analysis` made, of which all these are of no effect.

    Raises:
        QueryError: no such numbers, made in several ways, or of fewer than two models.
        StoreError: there is no store.
    """
    if colour not in get_args(Colour):
        raise QueryError(f"colour is {colour!r}: use one of {', '.join(get_args(Colour))}")
    store = as_store(store)
    if table is None:
        table = matrix(store, measure, probe=probe, mode=mode, neurons=neurons, layers=layers)
    found = likenesses(table, measure)
    plane = classical_scaling(found.distances)
    known = {row["repo_id"]: row for row in store.run(_MODELS).to_pylist()}
    keep = thinned([plane.points[:, 0], plane.points[:, 1]])
    rows: list[dict[str, Any]] = []
    for i in keep:
        row = known.get(found.names[i].partition("@")[0], {})
        x, y = plane.points[i]
        rows.append(
            {
                "model": short(found.names[i]),
                "x": x,
                "y": y,
                "series": short(row.get("series") or "no series"),
                "accuracy": row.get("accuracy"),
            }
        )
    reach = float(np.abs(plane.points).max()) * 1.2 or 1.0
    domain = [-reach, reach]
    base = alt.Chart(embedded(rows)).encode(
        alt.X("x:Q").scale(domain=domain, nice=False).title("first axis, in units of the distance"),
        alt.Y("y:Q").scale(domain=domain, nice=False).title("second axis"),
    )
    tint: Any = (
        alt.Color("series:N").scale(range=list(theme.CATEGORIES))
        if colour == "series"
        else alt.Color("accuracy:Q").scale(scheme=theme.SEQUENTIAL).title("top-1 accuracy, %")
    )
    base = base.encode(tooltip=["model:N", "series:N", "accuracy:Q"])
    points = base.mark_point(filled=True, size=80).encode(tint)
    if colour == "series":
        parts = [points.encode(alt.Shape("series:N"))]
    else:
        without = base.transform_filter("!isValid(datum.accuracy)")
        parts = [points, without.mark_point(size=70, color=theme.GREY)]
    unknown = sum(row["accuracy"] is None for row in rows) if colour == "accuracy" else 0
    if len(rows) <= _NAMED:
        parts.append(
            base.mark_text(dy=-9, fontSize=9, color=theme.GREY).encode(alt.Text("model:N"))
        )
    caption = [
        f"{len(found.names)} models; stress-1 {number(plane.stress, 2)} (0 where the plane has the "
        f"distances as they are), {plane.share:.0%} of the inertia in two axes.",
        missing_in_words(found),
        f"Hollow: no top-1 accuracy is known, of {counted(unknown, 'model')}." if unknown else "",
        told(len(keep), len(found.names), "models"),
    ]
    chart = layered(parts, _SIDE, _SIDE)
    return finished(chart, f"Models by {measure}", caption, _SIDE + 160)
