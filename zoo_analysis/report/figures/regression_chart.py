"""Reported accuracy against a metric: a panel a series, each with its line and band."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import altair as alt
import numpy as np
from numpy.typing import NDArray

from zoo_analysis.answers.defaults import BY, MIN_MODELS, QUALITY, By, Quality
from zoo_analysis.answers.points import Selection, load_pairs
from zoo_analysis.answers.regressions import regress
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.theme import (
    decimals,
    embedded,
    finished,
    interval,
    layered,
    number,
    short,
)
from zoo_analysis.report.figures.thinning import thinned, told
from zoo_analysis.stats import line_band
from zoo_analysis.store import Store, as_store
from zoo_analysis.texts import few, printable

if TYPE_CHECKING:
    import pandas as pd

#: Panels of one chart.
PANELS: Final = 12
#: Points of a panel.
_MOST: Final = 500
#: Points of a line.
_POINTS: Final = 40
#: Characters and lines of a panel's flags.
_FLAGS: Final = (44, 2)
_SIDE, _LONE = (250, 190), (520, 340)


@dataclass(frozen=True)
class Kind:
    """Data set, kind of accuracy and method, which regressions have in common."""

    dataset: str
    accuracy: str
    method: str

    @classmethod
    def most(cls, rows: Sequence[Mapping[str, Any]]) -> "tuple[Kind, str]":
        """The kind with the most models, and a sentence that names the others."""
        counts: dict[Kind, int] = {}
        for row in rows:
            kind = cls(row["dataset"], row["accuracy"], row["method"])
            counts[kind] = counts.get(kind, 0) + row["n"]
        chosen, *others = sorted(counts, key=lambda kind: -counts[kind])
        if not others:
            return chosen, ""
        names = [f"{o.accuracy} on {o.dataset} by {o.method}" for o in others]
        return chosen, f"Not drawn: {few(names, 3, '; ')}."

    def has(self, row: Mapping[str, Any]) -> bool:
        """True for a row of this kind."""
        return Kind(row["dataset"], row["accuracy"], row["method"]) == self


def regression(
    store: Store | str | Path | None,
    metric: str,
    *,
    by: By = BY,
    dataset: str | None = None,
    accuracy: str | None = None,
    method: str | None = None,
    where: str | None = None,
    min_models: int = MIN_MODELS,
    quality: Quality = QUALITY,
) -> alt.VConcatChart | alt.ConcatChart:
    """Reported accuracy against a metric, with the least-squares line and its 95 % band.

    The line over all models is dashed in every panel, so that one sees where series go another way
    (Simpson's paradox). Data set, accuracy and method are those with the most models.

    Args:
        store: a store, or what `open_store` takes.
        metric: column of `summaries`, or ``likeness:MEASURE:REFERENCE``.
        by: a panel for each series or library, or one for all.
        dataset, accuracy, method, where, min_models, quality: as `regress` takes them.

    Raises:
        QueryError: as `regress`.
        StoreError: there is no store.
    """
    store = as_store(store)
    common: dict[str, Any] = {"accuracy": accuracy, "where": where, "quality": quality}
    limits = {**common, "min_models": min_models}
    rows = regress(store, metric, dataset, by, method, **limits).to_pylist()
    kind, others = Kind.most(rows)
    rows = sorted((row for row in rows if kind.has(row)), key=lambda row: -row["n"])
    whole = rows[0] if by == "none" else _whole(store, metric, dataset, method, limits, kind)
    pairs = load_pairs(store, Selection((metric,), dataset, accuracy, method, where, quality))
    for column, chosen in asdict(kind).items():
        pairs = pairs.loc[pairs[column] == chosen]
    told_of = np.isfinite(pairs[[metric, "value"]].to_numpy(dtype=float))
    pairs = pairs.loc[told_of.all(axis=1)]
    shown = rows[:PANELS]
    width, height = _LONE if len(shown) == 1 else _SIDE
    axes = _axes(pairs, metric, kind)
    pooled = None
    if by != "none" and whole["slope"] is not None and whole["n"] > shown[0]["n"]:
        ends = (float(pairs[metric].min()), float(pairs[metric].max()))
        pooled = embedded({"x": x, "y": whole["intercept"] + whole["slope"] * x} for x in ends)
    panels, notes = [], []
    statistics = _as_tall([_statistics(row) for row in shown])
    for row, lines in zip(shown, statistics, strict=True):
        group = row["series"]
        models = (
            pairs
            if by == "none"
            else pairs[pairs[by] == group]
            if group
            else pairs[pairs[by].isna()]
        )
        keep = thinned([models[metric], models["value"]], _MOST)
        notes.append(told(len(keep), len(models), f"models of {group}" if group else "models"))
        heading = {
            "text": short(group or ("all models" if by == "none" else f"no {by}")),
            "subtitle": lines,
            "fontSize": 12,
        }
        layers = list(_layers(models, keep, metric, row, pooled, axes))
        panels.append(layered(layers, width, height).properties(title=heading))
    few = int(whole["n"]) - sum(row["n"] for row in rows)
    caption = [
        f"{kind.accuracy} on {kind.dataset} as reported; a point a model, {whole['n']} in all.",
        *_drawn_in_words(shown, pooled is not None),
        f"Over all models: {'; '.join(_statistics(whole, wrapped=False))}."
        if by != "none" and whole["n"] > shown[0]["n"]
        else "",
        f"{few} in groups of fewer than {min_models} have no panel." if few > 0 else "",
        f"{len(rows) - PANELS} smaller groups are not drawn." if len(rows) > PANELS else "",
        *notes,
        others,
        f"Method {kind.method}.",
    ]
    columns = min(3, len(panels))
    chart = alt.concat(*panels, columns=columns, spacing=26)
    title = f"{kind.accuracy} against {metric}" + (f" by {by}" if by != "none" else "")
    return finished(chart, title, caption, max(520, columns * (width + 60)))


def _drawn_in_words(rows: Sequence[Mapping[str, Any]], pooled: bool) -> Iterator[str]:
    """Sentences on the lines that are drawn."""
    if lines := [row for row in rows if row["slope"] is not None]:
        band = " with its 95 % band" if any(row["n"] > 2 for row in lines) else ""
        yield f"Line: least squares{band}."
    if pooled:
        yield "Dashed: the line over all models."


def _whole(
    store: Store,
    metric: str,
    dataset: str | None,
    method: str | None,
    limits: Mapping[str, Any],
    kind: Kind,
) -> Mapping[str, Any]:
    """The regression over all models."""
    rows = regress(store, metric, dataset, "none", method, **limits).to_pylist()
    return next(row for row in rows if kind.has(row))


def _axes(pairs: "pd.DataFrame", metric: str, kind: Kind) -> tuple[alt.X, alt.Y]:
    """Axes that all panels share."""
    ends = []
    for values in (pairs[metric].astype(float), pairs["value"].astype(float)):
        low, high = float(values.min()), float(values.max())
        margin = (high - low) * 0.06 or max(abs(low) * 0.05, 0.5)
        ends.append([low - margin, high + margin])
    x = alt.X("x:Q").scale(domain=ends[0], nice=False).title(f"{metric}, mean over layers")
    y = alt.Y("y:Q").scale(domain=ends[1], nice=False).title(f"{kind.accuracy} (as reported)")
    return x, y


def _layers(
    models: "pd.DataFrame",
    keep: NDArray[np.intp],
    metric: str,
    row: Mapping[str, Any],
    pooled: alt.InlineData | None,
    axes: tuple[alt.X, alt.Y],
) -> Iterator[alt.Chart]:
    x, y = models[metric].to_numpy(dtype=float), models["value"].to_numpy(dtype=float)
    if row["slope"] is not None:
        yield from _line(x, y, row, axes)
    if pooled is not None:
        line = alt.Chart(pooled).mark_line(strokeDash=[6, 4], color=theme.BLACK, clip=True)
        yield line.encode(*axes)
    points = embedded(
        {
            "x": x[i],
            "y": y[i],
            "model": models["repo_id"].iloc[i],
            "source": models["source"].iloc[i],
        }
        for i in keep
    )
    dots = alt.Chart(points).mark_point(filled=True, size=50, color=theme.BLUE, opacity=0.85)
    hover = [
        "model:N",
        alt.Tooltip("x:Q", title=metric),
        alt.Tooltip("y:Q", title="accuracy"),
        "source:N",
    ]
    yield dots.encode(*axes, tooltip=hover)


def _line(x: Any, y: Any, row: Mapping[str, Any], axes: tuple[alt.X, alt.Y]) -> Iterator[alt.Chart]:
    at = np.linspace(x.min(), x.max(), _POINTS)
    drawn = row["intercept"] + row["slope"] * at
    if len(x) > 2:
        low, high = line_band(x, y, at)
        band = embedded(
            {"x": a, "y": lo, "high": hi} for a, lo, hi in zip(at, low, high, strict=True)
        )
        area = alt.Chart(band).mark_area(color=theme.ORANGE, opacity=0.22, clip=True)
        yield area.encode(*axes, alt.Y2("high:Q"))
    line = alt.Chart(embedded({"x": a, "y": b} for a, b in zip(at, drawn, strict=True)))
    yield line.mark_line(color=theme.VERMILION, clip=True).encode(*axes)


def _statistics(row: Mapping[str, Any], *, wrapped: bool = True) -> list[str]:
    """What is known of a regression, in lines; wrapped, as many as a panel has room for."""
    if row["slope"] is None:
        told, flags = [], f"n {row['n']}, no line: {row['flags']}"
    else:
        tau, p = decimals(row["kendall_tau"]), number(row["perm_p"], 2)
        told = [
            f"n {row['n']}, R² {decimals(row['r2'])}{_interval(row, 'r2')}",
            f"τ {tau}{_interval(row, 'tau')}, p {p}",
        ]
        flags = row["flags"]
    if not wrapped:
        return [*told, *([flags] if flags else [])]
    lines = textwrap.wrap(printable(flags), _FLAGS[0])
    return [*told, *lines[: _FLAGS[1]], *(["…"] if len(lines) > _FLAGS[1] else [])]


def _interval(row: Mapping[str, Any], name: str) -> str:
    ends = interval(row[f"{name}_low"], row[f"{name}_high"])
    return f" ({ends})" if ends else ""


def _as_tall(headings: Sequence[list[str]]) -> list[list[str]]:
    """Lines of headings, as many for each, so that they begin at one height."""
    tallest = max(map(len, headings))
    return [[*lines, *[" "] * (tallest - len(lines))] for lines in headings]
