"""The fit of a layer at every candidate for xmin: how sure the choice is."""

from pathlib import Path
from typing import Final

import altair as alt

from zoo_analysis.report.figures import theme
from zoo_analysis.report.figures.layer_spectrum import layer_spectrum
from zoo_analysis.report.figures.theme import WIDTH, embedded, finished, layered
from zoo_analysis.report.figures.thinning import thinned, told
from zoo_analysis.spectra.tails.powerlaw import fit_power_law
from zoo_analysis.store import Store

#: Candidates that are fitted for a chart.
_MOST: Final = 400
_HEIGHT: Final = 170


def xmin(
    store: Store | str | Path | None,
    model: str,
    layer: str,
    *,
    revision: str | None = None,
    method: str | None = None,
) -> alt.VConcatChart:
    """D and α of the power law from each eigenvalue on, and the xmin that was chosen.

    Args:
        store: a store, or what `open_store` takes.
        model: its repository id, or a unique part of one.
        layer: its name, or a unique part of one.
        revision, method: the beginning of one; None is what was committed last.

    Raises:
        QueryError: no such model or layer, several, or one without eigenvalues.
        StoreError: there is no store.
    """
    spectrum = layer_spectrum(store, model, layer, revision, method)
    row, evals = spectrum.row, spectrum.counted
    fitted = evals if row["xmax"] is None else evals[evals <= row["xmax"]]
    # The largest value is no tail.
    starts = [i for i in range(len(fitted)) if fitted[i] < fitted[-1]]
    rows = []
    keep = thinned([fitted[starts]], _MOST)
    for k in keep:
        i = starts[k]
        fit = fit_power_law(fitted[i:], xmin=float(fitted[i]))
        rows.append({"xmin": fit.xmin, "D": fit.D, "alpha": fit.alpha, "n": fit.num_pl_spikes})
    x = alt.X("xmin:Q").scale(type="log", nice=False, padding=8).axis(format="~g")
    base = alt.Chart(embedded(rows))
    hover = [alt.Tooltip(f"{name}:Q", format=".4~g") for name in ("xmin", "D", "alpha", "n")]
    panels = []
    for name, title in (("D", "D"), ("alpha", "α")):
        last = name == "alpha"
        where = x.title("xmin, an eigenvalue λ of WᵀW" if last else None)
        # A tail of two values has an α of hundreds; beside it the rest would be one flat line.
        scale = (
            alt.Scale(type="log", nice=False, padding=8)
            if last
            else alt.Scale(zero=True, nice=False, padding=8)
        )
        y = alt.Y(f"{name}:Q", scale=scale).axis(format="~g").title(title)
        parts = [
            base.mark_line(color=theme.BLUE, point=alt.OverlayMarkDef(size=12)).encode(
                where, y, tooltip=hover
            )
        ]
        if row["xmin"] is not None:
            chosen = embedded([{"xmin": row["xmin"], name: row[name]}])
            rule = alt.Chart(chosen).mark_rule(
                color=theme.PURPLE, strokeDash=[5, 3], strokeWidth=1.6
            )
            parts.append(rule.encode(where))
            dot = alt.Chart(chosen).mark_point(filled=True, size=90, color=theme.VERMILION)
            parts.append(dot.encode(where, y))
        panels.append(layered(parts, WIDTH, _HEIGHT))
    caption = [
        *spectrum.caption(),
        "Dashed line and dot: the xmin that was chosen, with its D and α."
        if row["xmin"] is not None
        else "",
        told(len(rows), len(starts), "candidates"),
    ]
    chart = alt.vconcat(*panels, spacing=10)
    return finished(chart, f"{spectrum.title} by xmin", caption, WIDTH + 120)
