"""The empirical spectral density of a layer, with its power law, bulk and spikes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, get_args

import altair as alt
import numpy as np
from numpy.typing import NDArray

from zoo_analysis.errors import QueryError
from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.layer_spectrum import LayerSpectrum, layer_spectrum
from zoo_analysis.report.figures.theme import (
    HEIGHT,
    WIDTH,
    counted,
    embedded,
    finished,
    layered,
    number,
)
from zoo_analysis.report.figures.thinning import thinned, told
from zoo_analysis.spectra.marchenko_pastur import bulk_density
from zoo_analysis.store import Store

Form = Literal["density", "ccdf"]
#: Fewest and most bins; between, twice the cube root of the eigenvalues (Rice's rule).
_BINS: Final = (12, 120)
#: Points of a curve.
_POINTS: Final = 200
#: Spikes that are marked.
_SPIKES: Final = 200

_SPECTRUM, _LAW, _XMIN, _BULK, _EDGE, _SPIKE, _SHUFFLED = (
    *("eigenvalues", "power law", "xmin", "Marchenko–Pastur bulk", "bulk's edge λ+", "spikes"),
    "largest of shuffled W",
)
#: What is an area, and what is a line.
_FILLED: Final = {_SPECTRUM: theme.SKY, _SHUFFLED: theme.ORANGE}
_RULED: Final = {
    _LAW: theme.VERMILION,
    _XMIN: theme.PURPLE,
    _BULK: theme.GREEN,
    _EDGE: "#004D38",
    _SPIKE: theme.BLACK,
}
_DASHES: Final = {_XMIN: [5, 3], _EDGE: [5, 3]}
#: Height of a spike's mark, in pixels.
_TICK: Final = 14


def esd(
    store: Store | str | Path | None,
    model: str,
    layer: str,
    *,
    form: Form = "density",
    revision: str | None = None,
    method: str | None = None,
) -> alt.LayerChart:
    """The spectrum of a layer on logarithmic axes, with all that was fitted to it.

    The power law is drawn from xmin on at the share of the eigenvalues that it was fitted to, the
    Marchenko–Pastur law at the share that is no spike. The spectrum of the shuffled matrix is not
    in a store, but how many eigenvalues exceed its largest is: that lies in the band marked.

    Args:
        store: a store, or what `open_store` takes.
        model: its repository id, or a unique part of one.
        layer: its name, or a unique part of one.
        form: ``density`` per unit of λ, binned, or ``ccdf``, the share of eigenvalues ≥ λ.
        revision, method: the beginning of one; None is what was committed last.

    Raises:
        QueryError: no such model or layer, several, one without eigenvalues, or another form.
        StoreError: there is no store.
    """
    if form not in get_args(Form):
        raise QueryError(f"form is {form!r}: use one of {', '.join(get_args(Form))}")
    spectrum = layer_spectrum(store, model, layer, revision, method)
    bars, note = _binned(spectrum) if form == "density" else _ccdf(spectrum)
    heights = [row["height"] for row in bars if row["height"]]
    lowest, highest = min(heights) / 2, max(heights) * 2
    curves = [*law(spectrum, form), *(bulk(spectrum) if form == "density" else ())]
    curves = [row for row in curves if lowest <= row["height"]]
    highest = max([highest, *(row["height"] for row in curves)])
    marks, tall = list(rules(spectrum)), spikes(spectrum)
    filled, ruled = _by_name([*bars, *marks], _FILLED), _by_name([*curves, *marks, *tall], _RULED)
    fill = alt.Fill("what:N", scale=filled).title(None)
    # Lines have a legend of lines: colour and dash are one, as both have the same domain.
    dashes = {name: _DASHES.get(name, [1, 0]) for name in ruled.to_dict()["domain"]}
    stroke = (
        alt.Stroke("what:N", scale=ruled).title(None).legend(symbolType="stroke"),
        alt.StrokeDash("what:N")
        .scale(domain=[*dashes], range=[*dashes.values()])
        .title(None)
        .legend(symbolType="stroke"),
    )
    room = 8 if form == "ccdf" else 0  # points are not to stand on the frame
    x = (
        alt.X("low:Q")
        .scale(type="log", nice=False, padding=room)
        .title("eigenvalue λ of WᵀW")
        .axis(format="~g")
    )
    y = (
        alt.Y("height:Q")
        .scale(type="log", domain=[lowest, highest], clamp=True)
        .title("density per unit of λ" if form == "density" else "share of eigenvalues ≥ λ")
        .axis(format="~g")
    )
    hover = [alt.Tooltip("low:Q", title="λ", format=".4~g")]
    if form == "density":
        drawn = alt.Chart(embedded({**row, "floor": lowest} for row in bars)).mark_bar(
            binSpacing=0, stroke="white", strokeWidth=0.3
        )
        base = drawn.encode(
            x,
            y,
            fill.legend(symbolType="square"),
            alt.X2("high:Q"),
            alt.Y2("floor:Q"),
            tooltip=[*hover, "high:Q", "count:Q", "height:Q"],
        )
    else:
        drawn = alt.Chart(embedded(bars)).mark_point(size=18, strokeWidth=0, opacity=0.8)
        names = filled.to_dict()["domain"]
        shapes = ["circle" if name == _SPECTRUM else "square" for name in names]
        shape = alt.Shape("what:N").scale(domain=names, range=shapes).title(None)
        fill = fill.legend(symbolStrokeWidth=0)
        base = drawn.encode(x, y, fill, shape, tooltip=[*hover, "height:Q"])
    layers: list[alt.Chart] = [base]
    bands = [row for row in marks if "high" in row]
    if bands:
        band = alt.Chart(embedded(bands)).mark_rect(opacity=0.35)
        layers.append(band.encode(alt.X("low:Q"), alt.X2("high:Q"), fill))
    if curves:
        line = alt.Chart(embedded(curves)).mark_line(strokeWidth=2.2, clip=True)
        layers.append(line.encode(x, y, *stroke, tooltip=hover))
    if lines := [row for row in marks if "high" not in row]:
        rule = alt.Chart(embedded(lines)).mark_rule(strokeWidth=1.6)
        layers.append(rule.encode(alt.X("low:Q"), *stroke, tooltip=hover))
    if tall:
        tick = alt.Chart(embedded(tall)).mark_rule(strokeWidth=1)
        ends = {"y": alt.value(HEIGHT - _TICK), "y2": alt.value(HEIGHT)}
        layers.append(tick.encode(alt.X("low:Q"), *stroke, **ends, tooltip=hover))
    caption = [*in_words(spectrum), note]
    chart = layered(layers, WIDTH, HEIGHT)
    return finished(chart, spectrum.title, caption, WIDTH + 150)


def _by_name(rows: Sequence[Mapping[str, Any]], colours: Mapping[str, str]) -> alt.Scale:
    """The scale of what is drawn: names in the order of a legend, and their colours."""
    shown = {row["what"] for row in rows}
    names = [name for name in colours if name in shown]
    return alt.Scale(domain=names, range=[colours[name] for name in names])


def histogram(spectrum: LayerSpectrum) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Edges (k + 1,) of bins of equal width in log λ, and eigenvalues (k,) in each."""
    evals = spectrum.counted
    bins = int(np.clip(np.ceil(2 * np.cbrt(len(evals))), *_BINS))
    low, high = np.log10(evals[0]), np.log10(evals[-1])
    if low == high:
        bins, low, high = 1, low - 0.05, high + 0.05
    edges = 10 ** np.linspace(low, high, bins + 1)
    edges[0], edges[-1] = min(edges[0], evals[0]), max(edges[-1], evals[-1])
    counts, _ = np.histogram(evals, edges)
    return edges, counts


def _binned(spectrum: LayerSpectrum) -> tuple[list[dict[str, Any]], str]:
    """Bins as bars: counts and densities, of all eigenvalues of the layer."""
    edges, counts = histogram(spectrum)
    heights = counts / len(spectrum.evals) / np.diff(edges)
    rows = [
        {"what": _SPECTRUM, "low": low, "high": high, "height": height, "count": int(count)}
        for low, high, height, count in zip(edges, edges[1:], heights, counts, strict=False)
        if count
    ]
    return rows, f"{counted(len(counts), 'bin')} of equal width in log λ."


def _ccdf(spectrum: LayerSpectrum) -> tuple[list[dict[str, Any]], str]:
    evals = spectrum.counted
    # Of equal eigenvalues the first: as many are as large.
    first = np.searchsorted(evals, evals, side="left")
    shares = (len(evals) - first) / len(spectrum.evals)
    keep = thinned([-np.log(shares)])
    rows = [{"what": _SPECTRUM, "low": evals[i], "height": shares[i]} for i in keep]
    return rows, told(len(keep), len(evals), "eigenvalues")


def law(
    spectrum: LayerSpectrum, form: Form = "density", points: int = _POINTS
) -> Iterator[dict[str, Any]]:
    """Points of the power law from xmin on, at the share of the eigenvalues that it was fitted to.

    Args:
        spectrum: with its fit; none without one.
        form: as `esd` takes it.
        points: two are a line on logarithmic axes.
    """
    row = spectrum.row
    if row["alpha"] is None or row["xmin"] is None or not row["xmax"] > row["xmin"]:
        return
    at = np.geomspace(row["xmin"], row["xmax"], points)
    share = row["num_pl_spikes"] / len(spectrum.evals)
    relative = at / row["xmin"]
    if form == "density":
        heights = share * (row["alpha"] - 1) / row["xmin"] * relative ** -row["alpha"]
    else:
        heights = share * relative ** (1 - row["alpha"])
    for low, height in zip(at, heights, strict=True):
        yield {"what": _LAW, "low": low, "height": height}


def bulk(spectrum: LayerSpectrum, points: int = _POINTS) -> Iterator[dict[str, Any]]:
    """Points of the Marchenko–Pastur density, at the share of the eigenvalues that is no spike."""
    row = spectrum.row
    if row["bulk_max"] is None:
        return
    share = (len(spectrum.counted) - row["num_spikes"]) / len(spectrum.evals)
    at = np.geomspace(max(row["bulk_min"], spectrum.counted[0]), row["bulk_max"], points)
    for low, height in zip(at, bulk_density(at, row["bulk_min"], row["bulk_max"]), strict=True):
        yield {"what": _BULK, "low": low, "height": share * height}


def rules(spectrum: LayerSpectrum) -> Iterator[dict[str, Any]]:
    """Marks on λ: xmin, the bulk's edge, and the band of the shuffled matrix's largest."""
    row, evals = spectrum.row, spectrum.counted
    if row["xmin"] is not None:
        yield {"what": _XMIN, "low": row["xmin"]}
    if row["bulk_max"] is not None:
        yield {"what": _EDGE, "low": row["bulk_max"]}
    if row["num_rand_spikes"] is not None and 0 < (above := int(row["num_rand_spikes"])) < len(
        evals
    ):
        yield {"what": _SHUFFLED, "low": evals[-above - 1], "high": evals[-above]}


def spikes(spectrum: LayerSpectrum) -> list[dict[str, Any]]:
    """Marks on λ of the spikes, the largest of them where there are many."""
    count = min(int(spectrum.row["num_spikes"] or 0), _SPIKES)
    top = spectrum.counted[len(spectrum.counted) - count :]
    return [{"what": _SPIKE, "low": value} for value in top]


def in_words(spectrum: LayerSpectrum) -> list[str]:
    """A layer's shape, fit, bulk and spikes, in sentences."""
    count = int(spectrum.row["num_spikes"] or 0)
    few = f"The largest {_SPIKES} of {count:,} spikes are marked." if count > _SPIKES else ""
    return [*spectrum.caption(), *_bulk_in_words(spectrum), few]


def _bulk_in_words(spectrum: LayerSpectrum) -> Iterator[str]:
    row = spectrum.row
    if row["bulk_max"] is not None:
        law = f", {number(row['mp_ks'], 2)} from its law (D)" if row["mp_ks"] is not None else ""
        spikes = number(row["num_spikes"], 6)
        yield f"Bulk up to λ+ {number(row['bulk_max'])}{law}; spikes above it: {spikes}."
    if row["num_rand_spikes"] is not None:
        traps = "unknown" if row["num_traps"] is None else number(row["num_traps"], 6)
        yield (
            f"Eigenvalues above the largest of the shuffled W: "
            f"{number(row['num_rand_spikes'], 6)}; correlation traps: {traps}."
        )
