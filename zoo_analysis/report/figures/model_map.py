"""Models in the plane, by their distances under a measure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, get_args

import altair as alt
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
#: Most models whose names are written, where these have room beside their points.
_NAMED: Final = 40
#: Pixels of a name: a character's width, a line's height, and the way from a point's middle.
_LETTER, _LINE, _AWAY = 4.5, 11, 8
_SERIES: Final = "SELECT repo_id, min(series) AS series FROM models GROUP BY repo_id"
_ACCURACIES: Final = """
SELECT repo_id, dataset, arg_min(value, metric) AS value FROM accuracy
WHERE metric IN ('accuracy', 'top1') AND repo_id IN (SELECT unnest($models)) GROUP BY ALL
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
        colour: by series, or by top-1 accuracy as reported on the data set that most models have.
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
    keep = thinned([plane.points[:, 0], plane.points[:, 1]])
    names = [found.names[i].partition("@")[0] for i in keep]
    series = {row["repo_id"]: row["series"] for row in store.run(_SERIES).to_pylist()}
    dataset, accuracy = _accuracies(store, names) if colour == "accuracy" else (None, {})
    reach = float(np.abs(plane.points).max()) * 1.2 or 1.0
    texts = [short(found.names[i]) for i in keep]
    written = _written(plane.points[keep] / reach, texts)
    rows = [
        {
            "model": texts[k],
            "x": plane.points[i, 0],
            "y": plane.points[i, 1],
            "series": short(series.get(names[k]) or "no series"),
            "accuracy": accuracy.get(names[k]),
            **dict(zip(("name_x", "name_y"), [reach * z for z in place], strict=True)),
        }
        for k, (i, place) in enumerate(zip(keep, written, strict=True))
    ]
    domain = [-reach, reach]
    base = alt.Chart(embedded(rows))

    def at(x: str, y: str) -> dict[str, Any]:
        first = alt.X(f"{x}:Q").title("first axis, in units of the distance")
        second = alt.Y(f"{y}:Q").title("second axis")
        return {
            "x": first.scale(domain=domain, nice=False),
            "y": second.scale(domain=domain, nice=False),
        }

    groups = sorted({row["series"] for row in rows})
    colours, shapes = theme.told_apart(len(groups))
    tint: Any = (
        alt.Color("series:N").scale(domain=groups, range=colours)
        if colour == "series"
        else alt.Color("accuracy:Q").scale(scheme=theme.SEQUENTIAL).title("top-1 accuracy, %")
    )
    placed = base.encode(**at("x", "y"), tooltip=["model:N", "series:N", "accuracy:Q"])
    points = placed.mark_point(filled=True, size=80).encode(tint)
    if colour == "series":
        parts = [points.encode(alt.Shape("series:N").scale(domain=groups, range=shapes))]
    else:
        without = placed.transform_filter("!isValid(datum.accuracy)")
        parts = [points, without.mark_point(size=70, color=theme.GREY)]
    nameless = sum(not np.isfinite(row["name_x"]) for row in rows)
    if nameless < len(rows):
        text = base.transform_filter("isValid(datum.name_x)").mark_text(fontSize=9, color="#555555")
        parts.append(text.encode(**at("name_x", "name_y"), text=alt.Text("model:N")))
    caption = [
        f"{len(found.names)} models; stress-1 {number(plane.stress, 2)} (0 where the plane has the "
        f"distances as they are), {plane.share:.0%} of the inertia in two axes.",
        missing_in_words(found),
        *_coloured_in_words(rows, dataset, groups, colour),
        f"No room for the names of {counted(nameless, 'model')}: an HTML file has them on hover."
        if nameless
        else "",
        told(len(keep), len(found.names), "models"),
    ]
    chart = layered(parts, _SIDE, _SIDE)
    return finished(chart, f"Models by {measure}", caption, _SIDE + 160)


def _accuracies(store: Store, models: Sequence[str]) -> tuple[str | None, Mapping[str, float]]:
    """The data set on which most models have an accuracy, and theirs; others are not compared."""
    rows = store.run(_ACCURACIES, {"models": [*models]}).to_pylist()
    if not rows:
        return None, {}
    counts = Counter(row["dataset"] for row in rows)
    dataset = min(counts, key=lambda name: (-counts[name], name))
    return dataset, {row["repo_id"]: row["value"] for row in rows if row["dataset"] == dataset}


def _coloured_in_words(
    rows: Sequence[Mapping[str, Any]], dataset: str | None, groups: Sequence[str], colour: Colour
) -> Iterator[str]:
    """Sentences on what colours and shapes tell."""
    if colour == "series":
        if len(groups) > theme.APART:
            yield f"{len(groups)} series: some look like others, for there are {theme.APART} looks."
        return
    on = f" on {short(dataset)}" if dataset else ""
    if dataset:
        yield f"Accuracies{on}, as reported."
    if unknown := sum(row["accuracy"] is None for row in rows):
        yield f"Hollow: no top-1 accuracy{on} is known, of {counted(unknown, 'model')}."


def _written(points: NDArray[np.float64], names: Sequence[str]) -> list[tuple[float, float]]:
    """Middles of names beside their points, of which none lies on another; NaN without room.

    Args:
        points: (n, 2), of a plane from −1 to 1 both ways, as are the middles.
        names: of the points.
    """
    if len(names) > _NAMED:
        return [(np.nan, np.nan)] * len(names)
    middles = points * (_SIDE / 2)
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in middles]
    places = []
    for (x, y), name in zip(middles, names, strict=True):
        half = len(name) * _LETTER / 2
        aside = half + _AWAY
        tried = [(x, y + 10), (x, y - 10), (x + aside, y), (x - aside, y)]
        tried += [(x + s * aside, y + t * 8) for s in (1, -1) for t in (1, -1)]
        boxes = [(a - half, b - _LINE / 2, a + half, b + _LINE / 2) for a, b in tried]
        free = (
            k
            for k, box in enumerate(boxes)
            if _inside(box) and not any(_meet(box, o) for o in taken)
        )
        if (k := next(free, None)) is None:
            places.append((np.nan, np.nan))
        else:
            taken.append(boxes[k])
            places.append((tried[k][0] * 2 / _SIDE, tried[k][1] * 2 / _SIDE))
    return places


Box = tuple[float, float, float, float]


def _inside(box: Box) -> bool:
    return min(box) >= -_SIDE / 2 and max(box) <= _SIDE / 2


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
