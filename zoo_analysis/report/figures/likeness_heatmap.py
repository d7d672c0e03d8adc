"""Similarities: all models with all as a heatmap, and two models layer by layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import altair as alt
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zoo_analysis.answers.names import NO_SIMILARITIES, check, the_one
from zoo_analysis.answers.similarity import matrix as similarities
from zoo_analysis.errors import QueryError
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.theme import WIDTH, counted, embedded, finished, layered, short
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.stats import Dendrogram, dendrogram
from zoo_analysis.store import Store, as_store

#: Rows of a heatmap; of more models the nearest share one.
MOST: Final = 60
#: Height of the dendrogram, in pixels.
_TREE: Final = 90
_LAYERS: Final = """
SELECT layer, other_layer, value, calibrated, probe, mode, neurons, selection, n_samples, revision,
    other_revision
FROM layer_likeness
WHERE measure = $measure AND repo_id = $a AND other = $b
    AND ($probe IS NULL OR starts_with(probe, $probe))
QUALIFY (probe, mode, neurons, selection, revision, other_revision) = first(
    (probe, mode, neurons, selection, revision, other_revision)
) OVER (ORDER BY computed_at DESC, probe, mode, neurons, selection, revision, other_revision)
"""
_DEPTHS: Final = """
SELECT layer, min(depth) AS depth FROM layers WHERE repo_id = $model GROUP BY ALL
"""


@dataclass(frozen=True)
class Likenesses:
    """The values of a measure between n models.

    Attributes:
        names: of the models.
        values: (n, n) as stored, NaN where there is none, as on the diagonal.
        distances: (n, n) from them, 0 on the diagonal; what is missing is as far as the farthest.
        missing: pairs without a value.
    """

    names: list[str]
    values: NDArray[np.float64]
    distances: NDArray[np.float64]
    missing: int


def likenesses(table: pa.Table, measure: str) -> Likenesses:
    """The values of a table that `matrix` made, and distances from them.

    Of a measure by which a higher value is more alike the distance is what lacks to its maximum.
    """
    names = table["repo_id"].to_pylist()
    values = np.array([table[name].to_numpy(zero_copy_only=False) for name in names], float).T
    known = get_measure(measure)
    apart = values if known.higher == "less alike" else known.range[1] - values
    both = np.stack([apart, apart.T])
    told = np.isfinite(both)
    count = told.sum(axis=0)
    means = np.where(told, both, 0).sum(axis=0) / np.maximum(count, 1)
    farthest = float(means[count > 0].max(initial=0.0))
    distances = np.where(count > 0, means, farthest).clip(min=0)
    np.fill_diagonal(distances, 0)
    off = ~np.eye(len(names), dtype=bool)
    return Likenesses(names, values, distances, int((count[off] == 0).sum() // 2))


def missing_in_words(found: Likenesses) -> str:
    """A caption's sentence on pairs without a value; empty where there are none."""
    if not found.missing:
        return ""
    count = "counts" if found.missing == 1 else "count"
    return f"{counted(found.missing, 'pair')} without a value {count} as the farthest."


def matrix(
    store: Store | str | Path | pa.Table | None,
    measure: str,
    *,
    probe: str | None = None,
    mode: str | None = None,
    neurons: str | None = None,
    layers: str | None = None,
) -> alt.VConcatChart:
    """Heatmap of all models with all under one measure, in the order of a clustering.

    Args:
        store: a store, what `open_store` takes, or a table that `matrix` made.
        measure: of similarity.
        probe, mode, neurons, layers: as `matrix` of `zoo_analysis` takes them.

    Raises:
        QueryError: no such numbers, or numbers that were made in several ways.
        StoreError: there is no store.
    """
    table = _table(store, measure, probe, mode, neurons, layers)
    found = likenesses(table, measure)
    tree = dendrogram(found.distances, MOST)
    groups = [np.flatnonzero(tree.clusters == k) for k in range(tree.clusters.max() + 1)]
    names = [_called(found, group) for group in groups]
    cells = [
        {"a": names[i], "b": names[j], "value": _mean(found.values, groups[i], groups[j])}
        for i in range(len(groups))
        for j in range(len(groups))
    ]
    side = max(240, min(WIDTH, 22 * len(names)))
    heat = _heat(cells, names, names, measure, side, side)
    n = len(found.names)
    drawn = len(names) == n > 1
    told = get_measure(measure)
    caption = [
        f"{n} models, {told.range[0]:g} to {told.range[1]:g}, higher is {told.higher}; ordered by "
        f"average linkage{', whose tree stands above' if drawn else ''}.",
        "Grey: no value, as of a model with itself." * any(c["value"] is None for c in cells),
        missing_in_words(found),
        f"The nearest models share a row: {len(names)} of {n}, the mean of theirs in each cell."
        if len(names) < n
        else "",
    ]
    parts: list[Any] = [heat]
    if drawn:
        parts.insert(
            0,
            _drawn_tree(
                tree,
                side,
                "distance" if told.higher == "less alike" else f"{told.range[1]:g} − {measure}",
            ),
        )
    chart = alt.vconcat(*parts, spacing=4)
    return finished(chart, f"{measure} of all models", caption, side + 260)


def layers(
    store: Store | str | Path | None,
    a: str,
    b: str,
    measure: str,
    *,
    probe: str | None = None,
) -> alt.LayerChart:
    """Heatmap of the layers of two models under one measure, each in the order of depth.

    Args:
        store: a store, or what `open_store` takes.
        a, b: the models, or unique parts of their names.
        measure: of similarity.
        probe: only numbers over the probe whose id begins with this; of several ways in which
            numbers were made, those of the last.

    Raises:
        QueryError: no such models, or no numbers of their layers.
        StoreError: there is no store.
    """
    store = as_store(store)
    known = store.run("SELECT DISTINCT repo_id, measure FROM layer_likeness ORDER BY ALL")
    if not len(known):
        raise QueryError(NO_SIMILARITIES)
    check(measure, sorted(set(known["measure"].to_pylist())), "measure")
    models = sorted(set(known["repo_id"].to_pylist()))
    one, other = the_one(a, models, "model"), the_one(b, models, "model")
    key = {"measure": measure, "a": one, "b": other, "probe": probe}
    rows = store.run(_LAYERS, key).to_pylist()
    if not rows:
        raise QueryError(f"the store has no {measure} of the layers of {one} and {other}")
    (xs, unknown_x), (ys, unknown_y) = (
        _by_depth(store, model, {row[name] for row in rows})
        for model, name in ((one, "layer"), (other, "other_layer"))
    )
    kept = (xs[_every(xs)], ys[_every(ys)])
    told = {(row["layer"], row["other_layer"]): (row["value"], row["calibrated"]) for row in rows}
    cells: list[dict[str, Any]] = []
    for pair in product(*kept):
        value, calibrated = told.get(pair, (None, None))
        names = {"a": short(pair[0]), "b": short(pair[1])}
        cells.append({**names, "value": value, "chance": calibrated == 0})
    width, height = (max(160, min(WIDTH, 22 * len(each))) for each in kept)
    across, down = ([short(name) for name in each] for each in kept)
    heat = _heat(cells, across, down, measure, width, height)
    few = len(kept[0]) < len(xs) or len(kept[1]) < len(ys)
    caption = [
        f"Across: layers of {one}; down: of {other}; {_order([*unknown_x, *unknown_y])}.",
        f"{len(xs)} × {len(ys)} layers, of which {len(kept[0])} × {len(kept[1])} are drawn, the "
        "first and the last among them."
        if few
        else "",
        "× no more alike than chance, at a level of 5 %."
        if any(cell["chance"] for cell in cells)
        else "",
        "Grey: not compared, or no value." * any(cell["value"] is None for cell in cells),
        f"{rows[0]['n_samples']:,} samples of {rows[0]['probe']}." if rows[0]["n_samples"] else "",
    ]
    return finished(heat, f"{measure} of {short(one)} and {short(other)}", caption, width + 260)


def _table(
    store: Store | str | Path | pa.Table | None,
    measure: str,
    probe: str | None,
    mode: str | None,
    neurons: str | None,
    layers: str | None,
) -> pa.Table:
    if isinstance(store, pa.Table):
        return store
    return similarities(store, measure, probe=probe, mode=mode, neurons=neurons, layers=layers)


def _heat(
    cells: Sequence[Mapping[str, Any]],
    across: Sequence[str],
    down: Sequence[str],
    measure: str,
    width: float,
    height: float,
) -> alt.LayerChart:
    known = get_measure(measure)
    base = alt.Chart(embedded(cells)).encode(
        alt.X("a:N").sort(list(across)).title(None).axis(labelAngle=-60),
        alt.Y("b:N").sort(list(down)).title(None),
    )
    colour = alt.Color("value:Q").scale(
        scheme=theme.SEQUENTIAL, reverse=known.higher == "less alike", domain=_domain(cells)
    )
    squares = base.transform_filter("isValid(datum.value)").mark_rect()
    hover = ["a:N", "b:N", alt.Tooltip("value:Q", format=".4~g")]
    empty = base.transform_filter("!isValid(datum.value)").mark_rect(color="#eeeeee")
    chance = base.transform_filter("datum.chance").mark_text(text="×", color=theme.GREY)
    parts = [empty, squares.encode(colour.title(measure), tooltip=hover)]
    if any(cell.get("chance") for cell in cells):
        parts.append(chance)
    return layered(parts, width, height)


def _domain(cells: Sequence[Mapping[str, Any]]) -> list[float]:
    """Ends of a scale that hold all values; around them where they are one."""
    values = np.array([cell["value"] for cell in cells], float)
    told = values[np.isfinite(values)]
    low, high = (float(told.min()), float(told.max())) if len(told) else (0.0, 0.0)
    return [low, high] if low < high else [low - 0.5, high + 0.5]


def _drawn_tree(tree: Dendrogram, width: float, title: str) -> alt.Chart:
    rows = [
        {"branch": k, "point": i, "x": x[i], "y": y[i]}
        for k, (x, y) in enumerate(tree.branches)
        for i in range(4)
    ]
    ends = [-0.5, len(tree.order) - 0.5]
    line = alt.Chart(embedded(rows), width=width, height=_TREE)
    tree_line: alt.Chart = line.mark_line(color=theme.GREY, strokeWidth=1.2)
    return tree_line.encode(
        alt.X("x:Q").scale(domain=ends, nice=False).axis(None),
        alt.Y("y:Q").title(title).scale(domainMax=1.05 * max(row["y"] for row in rows)),
        alt.Detail("branch:N"),
        alt.Order("point:Q"),
    )


def _called(found: Likenesses, group: NDArray[np.intp]) -> str:
    """A cluster's name: that of the model in its middle, and how many more there are."""
    inner = found.distances[np.ix_(group, group)].sum(axis=1)
    name = short(found.names[group[int(inner.argmin())]])
    return name if len(group) == 1 else f"{name} + {len(group) - 1}"


def _mean(values: NDArray[np.float64], a: NDArray[np.intp], b: NDArray[np.intp]) -> float | None:
    part = values[np.ix_(b, a)]
    told = part[np.isfinite(part)]
    return float(told.mean()) if len(told) else None


def _by_depth(store: Store, model: str, names: set[str]) -> tuple[NDArray[np.object_], list[str]]:
    """Layers in the order of depth, those without last; and the model, where there are such."""
    depths = {
        row["layer"]: row["depth"] for row in store.run(_DEPTHS, {"model": model}).to_pylist()
    }
    order = sorted(names, key=lambda name: (depths.get(name) is None, depths.get(name), name))
    return np.array(order, dtype=object), [] if names <= depths.keys() else [model]


def _order(unknown: list[str]) -> str:
    where = f"where no scan tells the depth, of {' and '.join(unknown)} (zoo scan)"
    return f"by name, {where}, else by depth" if unknown else "in the order of depth"


def _every(names: NDArray[np.object_]) -> NDArray[np.intp]:
    """All, or as many as a heatmap has rows, spaced evenly."""
    return np.unique(np.linspace(0, len(names) - 1, min(MOST, len(names))).round().astype(np.intp))
